// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/layer.h"

#include <string.h>

#include "engine/layer/talk.h"

typedef struct Conversation {
    const LayerUnpack *unpack;
    LayerResult result;
    size_t paths;
} Conversation;

static int take_path(
    Conversation *conversation, JsonTexts *list, const TalkFrame *frame, Error *err) {
    if (++conversation->paths > LAYER_PATHS_MAX || strlen(frame->text) != frame->length)
        return talk_garbled(err);
    json_texts_add(list, frame->text);
    return 0;
}

static int take_progress(const LayerUnpack *unpack, const TalkFrame *frame, Error *err) {
    if (frame->length != sizeof(frame->current))
        return talk_garbled(err);
    if (unpack->progress && unpack->progress(unpack->user, frame->current) < 0)
        return error_set(err, ERROR_CANCELLED, "cancelled");
    return 0;
}

static int take_done(LayerResult *result, TalkFrame *frame, Error *err) {
    LayerDone *done = &frame->done;
    if (frame->length != sizeof(*done))
        return talk_garbled(err);
    result->bytes = done->bytes;
    result->inodes = done->inodes;
    result->tar_size = done->tar_size;
    done->diff_id[sizeof(done->diff_id) - 1] = '\0';
    memcpy(result->diff_id, done->diff_id, sizeof(result->diff_id));
    return 1;
}

static int take(void *user, TalkFrame *frame, Error *err) {
    Conversation *conversation = user;
    LayerResult *result = &conversation->result;
    switch (frame->type) {
    case LAYER_PROGRESS:
        return take_progress(conversation->unpack, frame, err);
    case LAYER_IMPLICIT:
        return take_path(conversation, &result->implicit, frame, err);
    case LAYER_OPAQUE:
        return take_path(conversation, &result->opaque, frame, err);
    case LAYER_DONE:
        return take_done(result, frame, err);
    case LAYER_FAILED:
    case LAYER_DATA:
    case LAYER_CHANGE:
        break;
    }
    return talk_garbled(err);
}

int layer_unpack(const LayerUnpack *unpack, LayerResult *ret, Error *err) {
    bool follows = unpack->follow > 0;
    const char *const argv[] = {
        unpack->program, unpack->diff_id ? unpack->diff_id : "-", follows ? "follow" : NULL, NULL};
    const int more[] = {unpack->tree, unpack->follow};
    Conversation conversation = {.unpack = unpack};
    const Talk with = {
        .argv = argv,
        .input = unpack->blob,
        .more = more,
        .more_n = follows ? 2 : 1,
        .take = take,
        .user = &conversation,
    };
    if (talk(&with, err) < 0) {
        layer_result_done(&conversation.result);
        return err->code;
    }
    *ret = conversation.result;
    return 0;
}

void layer_result_done(LayerResult *result) {
    json_texts_done(&result->implicit);
    json_texts_done(&result->opaque);
}
