// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/message.h"
#include "engine/metadata/check.h"
#include "engine/metadata/lease.h"
#include "engine/rpc/service.h"
#include "proto/containerd/events/image.pb-c.h"
#include "proto/containerd/services/images.methods.h"
#include "proto/containerd/services/images.pb-c.h"

/* containerd.services.images.v1.Images: names that point at content. */
CONTAINERD_IMAGES_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(
    containerd_images_service, CONTAINERD_IMAGES_METHODS, containerd__images__images__descriptor);

typedef Containerd__Images__Image Message;

static Message *encode(RpcCall *call, const MetadataRecord *record) {
    Message *image = message_new(call, &containerd__images__image__descriptor);
    image->name = message_text(call, record->name);
    image->labels = message_map(call, &record->labels,
        &containerd__images__image__labels_entry__descriptor, &image->n_labels);
    image->target = message_descriptor(call, record);
    image->created_at = message_time(call, record->created.value);
    image->updated_at = message_time(call, record->updated.value);
    return image;
}

int api_containerd_images_get(RpcCall *call, const Containerd__Images__GetImageRequest *request,
    Containerd__Images__GetImageResponse *response, Error *err) {
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(records_find(&caller, METADATA_IMAGE, request->name, &record, err));
    response->image = encode(call, record);
    return 0;
}

static const char *image_field(const void *object, char *const *path, size_t n) {
    const MetadataRecord *record = object;
    if (n == 1 && text_equal(path[0], "name"))
        return record->name;
    if (n == 2 && text_equal(path[0], "target"))
        return text_equal(path[1], "digest")      ? record->digest
               : text_equal(path[1], "mediatype") ? record->media_type
                                                  : NULL;
    if (n > 1 && text_equal(path[0], "labels"))
        return filter_find(&record->labels, path + 1, n - 1);
    return n > 1 && text_equal(path[0], "annotations")
               ? filter_find(&record->annotations, path + 1, n - 1)
               : NULL;
}

int api_containerd_images_list(RpcCall *call, const Containerd__Images__ListImagesRequest *request,
    Containerd__Images__ListImagesResponse *response, Error *err) {
    Caller caller;
    autodone(MetadataRecords) records = {};
    const RecordQuery query = {METADATA_IMAGE, request->filters, request->n_filters, image_field};
    TRY(caller_of(call, &caller, err));
    TRY(records_query(&caller, &query, &records, err));
    response->images = rpc_call_alloc(call, (records.n + 1) * sizeof(Message *));
    for (size_t i = 0; i < records.n; i++)
        response->images[response->n_images++] = encode(call, records.item[i]);
    return 0;
}

static void take_target(MetadataRecord *record, const Message *image, RpcCall *call) {
    JsonMap annotations =
        message_take_map(call, image->target->annotations, image->target->n_annotations);
    free(record->digest);
    free(record->media_type);
    record->digest = text_copy(image->target->digest);
    record->media_type = text_copy(image->target->media_type);
    record->size = (JsonInt){true, image->target->size};
    labels_copy(&record->annotations, &annotations);
}

static int check(const Message *image, Error *err) {
    if (!image)
        return error_set(err, ERROR_INVALID, "image is missing: invalid argument");
    return check_name("image name", image->name, err);
}

static bool is_target(const Containerd__Types__Descriptor *target) {
    Error ignored;
    return target && target->size >= 0 && digest_check(target->digest, &ignored) == 0;
}

int api_containerd_images_create(RpcCall *call,
    const Containerd__Images__CreateImageRequest *request,
    Containerd__Images__CreateImageResponse *response, Error *err) {
    Caller caller;
    const Message *image = request->image;
    TRY(caller_of(call, &caller, err));
    TRY(check(image, err));
    if (!is_target(image->target))
        return error_set(
            err, ERROR_INVALID, "image target needs a sha256 digest and a size: invalid argument");
    JsonMap labels = message_take_map(call, image->labels, image->n_labels);
    TRY(check_labels(&labels, err));
    TRY(lease_add(
        caller.services->metadata, caller.space, caller.lease, "images", image->name, err));
    autoptr(MetadataRecord) record = metadata_record_new(METADATA_IMAGE, caller.space, image->name);
    labels_copy(&record->labels, &labels);
    take_target(record, image, call);
    TRY(metadata_create(caller.services->metadata, metadata_record_ref(record), err));
    response->image = encode(call, record);
    Containerd__Events__ImageCreate event;
    containerd__events__image_create__init(&event);
    event.name = image->name;
    message_publish(&caller, "/images/create", &event.base);
    return 0;
}

static int change_image(MetadataRecord *record, const char *path, const RecordChange *change) {
    const Message *image = change->message;
    if (!text_starts(path, "target") || !is_target(image->target))
        return -1;
    take_target(record, image, change->call);
    return 0;
}

int api_containerd_images_update(RpcCall *call,
    const Containerd__Images__UpdateImageRequest *request,
    Containerd__Images__UpdateImageResponse *response, Error *err) {
    static char *all[] = {"labels", "target", NULL};
    Caller caller;
    autoptr(MetadataRecord) record = NULL;
    Message *image = request->image;
    TRY(caller_of(call, &caller, err));
    TRY(check(image, err));
    RecordChange change = {
        .labels = message_take_map(call, image->labels, image->n_labels),
        .other = change_image,
        .call = call,
        .message = image,
    };
    record_change_mask(&change, request->update_mask, all);
    TRY(metadata_update(caller.services->metadata, METADATA_IMAGE, caller.space, image->name,
        record_apply, &change, &record, err));
    response->image = encode(call, record);
    Containerd__Events__ImageUpdate event;
    containerd__events__image_update__init(&event);
    event.name = image->name;
    message_publish(&caller, "/images/update", &event.base);
    return 0;
}

/* With a target: only as long as the name points there. */
static int check_target(
    const Caller *caller, const Containerd__Images__DeleteImageRequest *request, Error *err) {
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_find(
        caller->services->metadata, METADATA_IMAGE, caller->space, request->name, &record, err));
    if (request->target && !text_equal(request->target->digest, record->digest))
        return error_set(err, ERROR_NOT_FOUND, "image \"%s\" has target %s, not %.100s: not found",
            request->name, record->digest, request->target->digest);
    return 0;
}

int api_containerd_images_delete(RpcCall *call,
    const Containerd__Images__DeleteImageRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    TRY(caller_of(call, &caller, err));
    TRY(check_target(&caller, request, err));
    TRY(metadata_remove(
        caller.services->metadata, METADATA_IMAGE, caller.space, request->name, err));
    Containerd__Events__ImageDelete event;
    containerd__events__image_delete__init(&event);
    event.name = request->name;
    message_publish(&caller, "/images/delete", &event.base);
    return collect_garbage(&caller, request->sync, err);
}
