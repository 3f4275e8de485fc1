// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/lease.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/check.h"

enum {
    RESOURCES_MAX = 16384
};

static int check_resource(const char *type, const char *id, Error *err) {
    static const char *const types[] = {"content", "ingests", "images"};
    if (text_starts(type, "snapshots/")) /* of one that works here, or did */
        return check_name("resource id", id, err);
    for (size_t i = 0; i < array_size(types); i++)
        if (text_equal(type, types[i]))
            return check_name("resource id", id, err);
    return error_set(err, ERROR_UNSUPPORTED, "resource type %.100s: not implemented", type);
}

static size_t find(const JsonTexts *resources, const char *resource) {
    size_t i = 0;
    while (i < resources->n && !text_equal(resources->item[i], resource))
        i++;
    return i;
}

static int add(MetadataRecord *lease, void *resource, Error *err) {
    if (find(&lease->resources, resource) < lease->resources.n)
        return 0;
    if (lease->resources.n == RESOURCES_MAX)
        return error_set(err, ERROR_EXHAUSTED, "lease %s holds %d resources: resource exhausted",
            lease->name, RESOURCES_MAX);
    json_texts_add(&lease->resources, resource);
    return 0;
}

static int take(MetadataRecord *lease, void *resource, Error *err) {
    JsonTexts *all = &lease->resources;
    size_t i = find(all, resource);
    if (i == all->n)
        return 0;
    free(all->item[i]);
    all->item[i] = all->item[--all->n];
    all->item[all->n] = NULL;
    return 0;
}

static int change(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, MetadataChange *how, Error *err) {
    TRY(check_resource(type, id, err));
    autofree char *resource = text_format("%s %s", type, id);
    return metadata_update(metadata, METADATA_LEASE, space, lease, how, resource, NULL, err);
}

int lease_add(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, Error *err) {
    return text_is_empty(lease) ? 0 : change(metadata, space, lease, type, id, add, err);
}

int lease_remove(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, Error *err) {
    return change(metadata, space, lease, type, id, take, err);
}
