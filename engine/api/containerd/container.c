// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/container.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/check.h"

enum {
    EXTENSIONS_MAX = 256
};

typedef Containerd__Containers__Container Message;
typedef Containerd__Containers__Container__ExtensionsEntry Extension;

int container_check(const Message *container, Error *err) {
    if (!container)
        return error_set(err, ERROR_INVALID, "container is missing: invalid argument");
    TRY(check_identifier(container->id, err));
    if (!container->runtime || text_is_empty(container->runtime->name))
        return error_set(
            err, ERROR_INVALID, "container.Runtime.Name must be set: invalid argument");
    if (!container->spec)
        return error_set(err, ERROR_INVALID, "container.Spec must be set: invalid argument");
    if (!text_is_empty(container->snapshot_key) && text_is_empty(container->snapshotter))
        return error_set(err, ERROR_INVALID,
            "container.Snapshotter must be set if container.SnapshotKey is set: invalid argument");
    if (container->n_extensions > EXTENSIONS_MAX)
        return error_set(
            err, ERROR_INVALID, "more than %d extensions: invalid argument", EXTENSIONS_MAX);
    return 0;
}

void container_encode(RpcCall *call, const MetadataRecord *record, Message *ret) {
    const MetadataContainer *container = record->container;
    ret->id = message_text(call, record->name);
    ret->labels = message_map(call, &record->labels,
        &containerd__containers__container__labels_entry__descriptor, &ret->n_labels);
    ret->image = message_text(call, container->image);
    ret->runtime = message_new(call, &containerd__containers__container__runtime__descriptor);
    ret->runtime->name = message_text(call, container->runtime);
    ret->runtime->options = message_any(call, container->options);
    ret->spec = message_any(call, container->spec);
    ret->snapshotter = message_text(call, container->snapshotter);
    ret->snapshot_key = message_text(call, container->snapshot_key);
    ret->sandbox = message_text(call, container->sandbox);
    ret->created_at = message_time(call, record->created.value);
    ret->updated_at = message_time(call, record->updated.value);
    const MetadataAny *any = container->extensions.value;
    ret->extensions = rpc_call_alloc(call, (container->extensions.n + 1) * sizeof(Extension *));
    for (; ret->n_extensions < container->extensions.n; ret->n_extensions++) {
        Extension *extension =
            message_new(call, &containerd__containers__container__extensions_entry__descriptor);
        extension->key = message_text(call, container->extensions.key[ret->n_extensions]);
        extension->value = message_any(call, &any[ret->n_extensions]);
        ret->extensions[ret->n_extensions] = extension;
    }
}

static void take_text(char **to, const char *from) {
    free(*to);
    *to = text_copy(from);
}

static void take_any(MetadataAny **to, const Google__Protobuf__Any *from) {
    if (*to) {
        json_done(&metadata_any_type, *to);
        free(*to);
    }
    *to = message_take_any(from);
}

/* One, or with NULL all. An extension that is given empty goes. */
static void take_extensions(MetadataContainer *to, const Message *from, const char *only) {
    for (size_t i = 0; i < from->n_extensions; i++) {
        const Extension *extension = from->extensions[i];
        size_t at = 0;
        MetadataAny *known = to->extensions.value;
        if (!extension->value || (only && !text_equal(only, extension->key)))
            continue;
        while (at < to->extensions.n && !text_equal(to->extensions.key[at], extension->key))
            at++;
        if (at == to->extensions.n)
            known = json_object_map_add(&to->extensions, extension->key, &metadata_any_type);
        else
            json_done(&metadata_any_type, known += at);
        message_take_any_to(extension->value, known);
    }
}

void container_take_all(MetadataContainer *to, const Message *from) {
    take_text(&to->image, from->image);
    take_text(&to->runtime, from->runtime->name);
    take_text(&to->snapshotter, from->snapshotter);
    take_text(&to->snapshot_key, from->snapshot_key);
    take_text(&to->sandbox, from->sandbox);
    take_any(&to->options, from->runtime->options);
    take_any(&to->spec, from->spec);
    take_extensions(to, from, NULL);
}

bool container_take(MetadataContainer *to, const Message *from, const char *path) {
    static const char one[] = "extensions.";
    if (text_equal(path, "image"))
        take_text(&to->image, from->image);
    else if (text_equal(path, "snapshotkey"))
        take_text(&to->snapshot_key, from->snapshot_key);
    else if (text_equal(path, "spec") && from->spec)
        take_any(&to->spec, from->spec);
    else if (text_equal(path, "extensions"))
        take_extensions(to, from, NULL);
    else if (text_starts(path, one) && from->n_extensions <= EXTENSIONS_MAX)
        take_extensions(to, from, path + strlen(one));
    else
        return text_equal(path, "spec");
    return true;
}
