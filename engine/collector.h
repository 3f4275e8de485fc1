// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/reclaim.h"
#include "engine/metadata/metadata.h"

/* A thread that collects without being asked: what containerd's clients let expire, pulls that
 * nobody came back to, and images when the disk is full. */
typedef struct Collector Collector;

typedef struct CollectorOptions {
    Metadata *metadata;
    Images *images;
    Snapshots *snapshots;
    ReclaimRules rules;
    int64_t interval; /* ns */
} CollectorOptions;

int collector_start(const CollectorOptions *options, Collector **ret, Error *err);
void collector_stop(Collector *collector); /* NULL is fine */
