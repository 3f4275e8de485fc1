// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/image.h"

/* "os/architecture/variant" in Go's words, as image indexes have it. For engine/image and
 * engine/metadata. */
typedef struct Platform {
    char os[32], architecture[32], variant[32];
} Platform;

/* NULL or "": this machine's. Takes also "arm64", "x86_64". ERROR_INVALID. */
int platform_parse(const char *text, Platform *ret, Error *err);

/* The descriptor of an index that suits best; NULL when none does. */
const OciDescriptor *platform_choose(const Platform *platform, const OciIndex *index);

bool platform_suits(const Platform *platform, const char *os, const char *architecture);

/* ERROR_NOT_FOUND with this reason if the image is for another one. name: what the user called it;
 * NULL: nothing. */
#define PLATFORM_OTHER "PLATFORM_OTHER"
int platform_check(const Platform *wanted, const char *name, const OciImage *image, Error *err);

/* "linux/arm/v7" */
#define PLATFORM_TEXT_SIZE 100
const char *platform_format(const Platform *platform, char buffer[PLATFORM_TEXT_SIZE]);
