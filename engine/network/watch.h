// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"

/* A thread that hears when a table of the packet filter is deleted, by us or by others ("nft flush
 * ruleset", a reload of nftables.service), and asks its owner to look after it. */
typedef struct Watch Watch;

/* `lost` is called in the watch's thread after every deletion of table `name` (family ip), and when
 * the kernel had more to tell than fits its buffer. */
typedef void (*WatchFunction)(void *context);
int watch_new(const char *name, WatchFunction lost, void *context, Watch **ret, Error *err);
void watch_free(
    Watch *watch); /* ends and joins the thread; not with a lock held that `lost` takes */
CLEANUP_DEFINE(Watch, watch_free)
