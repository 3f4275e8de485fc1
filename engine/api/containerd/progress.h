// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/containerd/stream.h"
#include "engine/image/push.h"
#include "engine/metadata/fetch.h"

/* What a Transfer tells its client meanwhile, in the words and the tree that ctr draws. A
 * listener's user is the stream, or for a push a PushReport; a stream may be NULL: nobody listens.
 */
void progress_tell(LentStream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* about the whole */
void progress_fetched(void *stream, const FetchProgress *progress);

typedef struct PushReport {
    LentStream *stream;
    const MetadataRecord *image; /* the tree's root */
} PushReport;
void progress_push(const PushReport *report, const char *event); /* about the root */
int progress_pushed(void *report, const PushProgress *progress);
