// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/volume/private.h"

#define T Volume
static const JsonField fields[] = {
    {"name", JSON_TEXT, JSON_AT(name), .flags = JSON_REQUIRED},
    {"created", JSON_INT, JSON_AT(created)},
    {"labels", JSON_MAP, JSON_AT(labels)},
    {"options", JSON_MAP, JSON_AT(options)},
    {"removing", JSON_BOOL, JSON_AT(removing)},
    {},
};
static const JsonType type = {sizeof(T), fields};
#undef T

static void volume_init(Volume *volume) {
    atomic_init(&volume->references, 1);
    pthread_mutex_init(&volume->operation, NULL);
}

Volume *volume_new(void) {
    Volume *volume = new (Volume);
    volume_init(volume);
    return volume;
}

Volume *volume_ref(Volume *volume) {
    atomic_fetch_add(&volume->references, 1);
    return volume;
}

void volume_unref(Volume *volume) {
    if (!volume || atomic_fetch_sub(&volume->references, 1) != 1)
        return;
    pthread_mutex_destroy(&volume->operation);
    json_texts_done(&volume->holders);
    json_done(&type, volume);
    free(volume);
}

char *volume_encode(const Volume *volume) {
    return json_encode(&type, volume, 0);
}

int volume_decode(const char *text, Volume **ret, Error *err) {
    Volume *volume = new (Volume);
    int r = json_decode(&type, text, strlen(text), volume, err);
    volume_init(volume); /* decoding begins by zeroing */
    if (r < 0)
        volume_unref(volume);
    else
        *ret = volume;
    return r;
}

bool volume_is_anonymous(const Volume *volume) {
    return json_map_find(&volume->labels, VOLUME_ANONYMOUS) != NULL;
}

void volume_list_done(VolumeList *list) {
    for (size_t i = 0; i < list->n; i++)
        volume_unref(list->item[i]);
    free(list->item);
    *list = (VolumeList){};
}
