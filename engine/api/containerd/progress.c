// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "proto/containerd/types/transfer-progress.pb-c.h"

/* protobuf-c's strings are not const, and are not written to. */
static char *borrow(const char *text) {
    return (char *)(uintptr_t)(text ? text : "");
}

void progress_fetched(void *stream, const FetchProgress *progress) {
    Containerd__Transfer__Progress message;
    Containerd__Types__Descriptor descriptor;
    Error gone;
    char *parent = borrow(progress->parent);
    if (!stream)
        return;
    containerd__transfer__progress__init(&message);
    containerd__types__descriptor__init(&descriptor);
    message.event = borrow(progress->event);
    message.name = borrow(progress->name);
    message.parents = &parent;
    message.n_parents = progress->parent ? 1 : 0;
    message.progress = progress->done;
    message.total = progress->total;
    descriptor.media_type = borrow(progress->media_type);
    descriptor.digest = borrow(progress->digest);
    descriptor.size = progress->total;
    if (progress->digest)
        message.desc = &descriptor;
    stream_send(stream, &message.base, &gone);
}

void progress_tell(LentStream *stream, const char *format, ...) {
    char event[512];
    va_list list;
    va_start(list, format);
    vsnprintf(event, sizeof(event), format, list);
    va_end(list);
    progress_fetched(stream, &(FetchProgress){.event = event});
}

void progress_push(const PushReport *report, const char *event) {
    progress_fetched(report->stream, &(FetchProgress){
                                         .event = event,
                                         .name = report->image->name,
                                         .media_type = report->image->media_type,
                                         .digest = report->image->digest,
                                         .total = report->image->size.value,
                                     });
}

int progress_pushed(void *user, const PushProgress *progress) {
    static const char *const events[] = {
        [PUSH_PREPARING] = "waiting",
        [PUSH_WAITING] = "waiting",
        [PUSH_PUSHING] = "uploading",
        [PUSH_PUSHED] = "complete",
        [PUSH_EXISTS] = "already exists",
        [PUSH_MOUNTED] = "mounted",
    };
    const PushReport *report = user;
    const char *event =
        (size_t)progress->phase < array_size(events) ? events[progress->phase] : NULL;
    if (!event || !progress->blob)
        return 0;
    autofree char *name = text_format("%s-%s", progress->kind, progress->blob);
    progress_fetched(report->stream, &(FetchProgress){
                                         .event = event,
                                         .name = name,
                                         .parent = report->image->name,
                                         .digest = progress->blob,
                                         .done = progress->current,
                                         .total = progress->total,
                                     });
    return 0;
}
