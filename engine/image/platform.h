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

/* "linux/arm64/v8" */
#define PLATFORM_TEXT_SIZE 100
const char *platform_format(const Platform *platform, char buffer[PLATFORM_TEXT_SIZE]);
