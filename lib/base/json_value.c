// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static void done_field(const JsonField *field, void *at) {
    switch (field->kind) {
    case JSON_TEXT:
    case JSON_RAW:
        free(*(void **)at);
        break;
    case JSON_BOOL:
    case JSON_INT:
    case JSON_UINT:
    case JSON_NUMBER:
        break;
    case JSON_OBJECT:
        if (*(void **)at)
            json_done(field->type, *(void **)at);
        free(*(void **)at);
        break;
    case JSON_TEXTS: {
        JsonTexts *texts = at;
        while (texts->n)
            free(texts->item[--texts->n]);
        free(texts->item);
        break;
    }
    case JSON_UINTS:
        free(((JsonUints *)at)->item);
        break;
    case JSON_OBJECTS: {
        JsonObjects *objects = at;
        while (objects->n)
            json_done(field->type, (char *)objects->item + --objects->n * field->type->size);
        free(objects->item);
        break;
    }
    case JSON_MAP: {
        JsonMap *map = at;
        while (map->n) {
            free(map->key[--map->n]);
            free(map->value[map->n]);
        }
        free(map->key);
        free(map->value);
        break;
    }
    case JSON_OBJECT_MAP: {
        JsonObjectMap *map = at;
        while (map->n) {
            free(map->key[--map->n]);
            json_done(field->type, (char *)map->value + map->n * field->type->size);
        }
        free(map->key);
        free(map->value);
        break;
    }
    }
}

void json_done(const JsonType *type, void *value) {
    for (const JsonField *field = type->field; field->name; field++)
        done_field(field, (char *)value + field->offset);
    memset(value, 0, type->size);
}

void json_texts_add(JsonTexts *texts, const char *text) {
    if (texts->n + 2 > texts->capacity) {
        texts->capacity = texts->n + 2 + texts->n / 2;
        texts->item = memory_resize(texts->item, texts->capacity, sizeof(char *));
    }
    texts->item[texts->n++] = text_copy(text);
    texts->item[texts->n] = NULL;
}

void json_texts_done(JsonTexts *texts) {
    for (size_t i = 0; i < texts->n; i++)
        free(texts->item[i]);
    free(texts->item);
    *texts = (JsonTexts){};
}

void json_map_set(JsonMap *map, const char *key, const char *value) {
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i], key) == 0) {
            char *old = map->value[i];
            map->value[i] = text_copy(value);
            free(old);
            return;
        }
    map->key = memory_resize(map->key, map->n + 1, sizeof(char *));
    map->value = memory_resize(map->value, map->n + 1, sizeof(char *));
    map->key[map->n] = text_copy(key);
    map->value[map->n++] = text_copy(value);
}

const char *json_map_find(const JsonMap *map, const char *key) {
    for (size_t i = map->n; i > 0; i--) /* a document may repeat keys: the last wins */
        if (strcmp(map->key[i - 1], key) == 0)
            return map->value[i - 1];
    return NULL;
}

void *json_objects_add(JsonObjects *objects, const JsonType *type) {
    objects->item = memory_resize(objects->item, objects->n + 1, type->size);
    return memset((char *)objects->item + objects->n++ * type->size, 0, type->size);
}

void *json_object_map_add(JsonObjectMap *map, const char *key, const JsonType *type) {
    if ((map->n & (map->n - 1)) == 0) { /* an image may expose all ports */
        map->value = memory_resize(map->value, map->n ? map->n * 2 : 1, type->size);
        map->key = memory_resize(map->key, map->n ? map->n * 2 : 1, sizeof(char *));
    }
    map->key[map->n] = text_copy(key);
    return memset((char *)map->value + map->n++ * type->size, 0, type->size);
}

void json_map_done(JsonMap *map) {
    for (size_t i = 0; i < map->n; i++) {
        free(map->key[i]);
        free(map->value[i]);
    }
    free(map->key);
    free(map->value);
    *map = (JsonMap){};
}
