// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/image/push.h"
#include "engine/image/save.h"
#include "engine/metadata/metadata.h"

/* A namespace's images on their way out: to a registry, or into an archive. */
typedef struct Delivery {
    Metadata *metadata;
    Images *images;
    const char *space;
    const JsonTexts *platforms; /* "linux/arm64", …; none: this machine's */
    bool all_platforms;         /* all that is here; the first is only what docker's list names */
} Delivery;

/* What the image's record points at, to a reference. The listener gets BLOB reports only. */
typedef struct DeliveryPush {
    const RegistryConfig *registry;
    const RegistryCredentials *credentials;
    const char *image, *reference;
    PushListener *listener;
    void *user;
} DeliveryPush;
int deliver_push(const Delivery *delivery, const DeliveryPush *push, Error *err);

/* What of the named images is here, without docker's list if `plain`. */
int deliver_archive(const Delivery *delivery, char *const *names, size_t n, bool plain,
    ImageWriter *writer, void *user, Error *err);
