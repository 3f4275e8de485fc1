// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "engine/event/event.h"

/* Where shims tell what happens, as they tell containerd: the ttrpc socket STATE/tared.ttrpc.sock,
 * with a thread of its own that passes each event on. */
typedef struct ShimNews ShimNews;

int shim_news_start(const char *state, Events *events, ShimNews **ret, Error *err);
void shim_news_stop(ShimNews *news);
CLEANUP_DEFINE(ShimNews, shim_news_stop)
