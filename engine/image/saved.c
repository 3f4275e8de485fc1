// SPDX-License-Identifier: Apache-2.0
#include "engine/image/saved.h"

#include <string.h>

#include "base/memory.h"

#define T SavedImage
static const JsonField saved_image_fields[] = {
    {"Config", JSON_TEXT, JSON_AT(config), .flags = JSON_REQUIRED},
    {"RepoTags", JSON_TEXTS, JSON_AT(tags), .flags = JSON_NULL},
    {"Layers", JSON_TEXTS, JSON_AT(layers), .flags = JSON_ALWAYS},
    {},
};
const JsonType saved_image_type = {sizeof(T), saved_image_fields};
#undef T
#define T SavedImages
static const JsonField saved_images_fields[] = {
    {"images", JSON_OBJECTS, JSON_AT(images), &saved_image_type, JSON_ALWAYS},
    {},
};
static const JsonType saved_images_type = {sizeof(T), saved_images_fields};
#undef T

/* json.h decodes and encodes objects; this is an array. */
#define BEFORE "{\"images\":"

/* One value: `[],"images":[…]` would be another list for who reads it without the braces. */
static int check_single(const Text *wrapped, Error *err) {
    autodone(JsonTexts) keys = {};
    TRY(json_keys(wrapped->data, wrapped->length, &keys, err));
    return keys.n == 1 ? 0
                       : error_set(err, ERROR_INVALID, "expected an array and nothing after it");
}

int saved_images_decode(const Text *body, SavedImages *ret, Error *err) {
    autodone(Text) wrapped = {};
    text_append(&wrapped, BEFORE);
    text_append_bytes(&wrapped, body->data ? body->data : "", body->length);
    text_append(&wrapped, "}");
    int code = check_single(&wrapped, err);
    if (code == 0)
        code = json_decode(&saved_images_type, wrapped.data, wrapped.length, ret, err);
    if (code < 0)
        return error_prefix(err, "'manifest.json' in the archive");
    return 0;
}

char *saved_images_encode(const SavedImages *saved) {
    autofree char *json = json_encode(&saved_images_type, saved, 0);
    size_t before = strlen(BEFORE);
    return text_copy_n(json + before, strlen(json) - before - 1);
}

void saved_images_done(SavedImages *saved) {
    json_done(&saved_images_type, saved);
}
