// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/images.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/image.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/pairs.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/upload.h"
#include "engine/image/pull.h"
#include "engine/image/push.h"
#include "engine/image/save.h"
#include "engine/image/usage.h"

RPC_SERVICE(images_service, IMAGES_METHODS, tare__v1__images__descriptor);

static Images *images_of(const RpcCall *call) {
    return ((TareServices *)rpc_call_user(call))->images;
}

static char *shown(const char *text) {
    return (char *)(uintptr_t)(text ? text : "");
}

static int send_progress(void *user, const ImageProgress *progress) {
    Error ignored;
    Tare__V1__PullProgress message = TARE__V1__PULL_PROGRESS__INIT;
    message.phase = (Tare__V1__PullProgress__Phase)progress->phase;
    message.layer = shown(progress->layer);
    message.current = progress->current;
    message.total = progress->total;
    message.reference = shown(progress->reference);
    message.tag = shown(progress->tag);
    message.path = shown(progress->path);
    message.digest = shown(progress->digest);
    message.newer = progress->newer;
    message.familiar = shown(progress->familiar);
    message.warnings = progress->warnings ? progress->warnings->item : NULL;
    message.n_warnings = progress->warnings ? progress->warnings->n : 0;
    return rpc_call_send(user, &message.base, &ignored);
}

/* None: anonymous. */
static RegistryCredentials credentials_of(const Tare__V1__RegistryCredentials *sent) {
    return sent ? (RegistryCredentials){sent->username, sent->password, sent->identity_token}
                : (RegistryCredentials){};
}

int api_images_pull(RpcCall *call, const Tare__V1__PullRequest *request,
    Tare__V1__PullProgress *response, Error *err) {
    const RegistryCredentials credentials = credentials_of(request->credentials);
    autofree char *id = NULL;
    ImagePull pull = {
        .reference = request->reference,
        .platform = request->platform,
        .credentials = &credentials,
        .listener = send_progress,
        .user = call,
    };
    if (request->all)
        return image_pull_all(images_of(call), &pull, err);
    return image_pull(images_of(call), &pull, &id, err);
}

static int send_push(void *user, const PushProgress *progress) {
    Error ignored;
    char layer[13];
    Tare__V1__PushProgress message = TARE__V1__PUSH_PROGRESS__INIT;
    snprintf(layer, sizeof(layer), "%.12s", progress->blob ? digest_hex(progress->blob) : "");
    message.phase = (Tare__V1__PushProgress__Phase)progress->phase;
    message.layer = layer;
    message.current = progress->current;
    message.total = progress->total;
    message.repository = shown(progress->repository);
    message.from = shown(progress->from);
    message.tag = shown(progress->tag);
    message.digest = shown(progress->digest);
    message.warnings = progress->warnings ? progress->warnings->item : NULL;
    message.n_warnings = progress->warnings ? progress->warnings->n : 0;
    return rpc_call_send(user, &message.base, &ignored);
}

int api_images_push(RpcCall *call, const Tare__V1__PushRequest *request,
    Tare__V1__PushProgress *response, Error *err) {
    const RegistryCredentials credentials = credentials_of(request->credentials);
    const ImagePush push = {
        .reference = request->reference,
        .all = request->all,
        .platform = request->platform,
        .credentials = &credentials,
        .listener = send_push,
        .user = call,
    };
    return image_push(images_of(call), &push, err);
}

static void summary_texts(RpcCall *call, const JsonTexts *texts, char ***ret, size_t *ret_n) {
    *ret = rpc_call_copy_all(call, texts->item, texts->n);
    *ret_n = texts->n;
}

Tare__V1__ImageSummary *api_image_summary(RpcCall *call, const Image *image) {
    Tare__V1__ImageSummary *summary = rpc_call_alloc(call, sizeof *summary);
    const JsonMap *labels = &image->config.config->labels;
    tare__v1__image_summary__init(summary);
    summary->id = rpc_call_copy(call, image->id);
    summary_texts(call, &image->references, &summary->references, &summary->n_references);
    summary_texts(call, &image->digests, &summary->digests, &summary->n_digests);
    summary->created = image->created;
    summary->size = (int64_t)image->size;
    summary->containers = summary->shared_size = -1;
    summary->parent = rpc_call_copy(call, image->parent ? image->parent : "");
    summary->labels = pairs_copy(call, labels, &summary->n_labels);
    return summary;
}

static int add_usage(
    RpcCall *call, const ImageList *list, Tare__V1__ListImagesResponse *response, Error *err) {
    Tare__V1__ListContainersRequest all = TARE__V1__LIST_CONTAINERS_REQUEST__INIT;
    Tare__V1__ListContainersResponse containers = TARE__V1__LIST_CONTAINERS_RESPONSE__INIT;
    all.all = true;
    TRY(api_containers_list(call, &all, &containers, err));
    for (size_t i = 0; i < list->n; i++) {
        Tare__V1__ImageSummary *summary = response->images[i];
        summary->containers = api_image_containers(&containers, summary->id);
        summary->content_size = (int64_t)image_content_size(images_of(call), list->item[i]);
    }
    return 0;
}

int api_images_list(RpcCall *call, const Tare__V1__ListImagesRequest *request,
    Tare__V1__ListImagesResponse *response, Error *err) {
    autodone(ImageList) list = {};
    const ImageFilter filter = {
        .reference = request->reference,
        .filters = {.n = request->n_filters, .item = request->filters},
    };
    TRY(image_list(images_of(call), &filter, &list, err));
    response->images = rpc_call_alloc(call, (list.n + 1) * sizeof *response->images);
    response->n_images = list.n;
    for (size_t i = 0; i < list.n; i++)
        response->images[i] = api_image_summary(call, list.item[i]);
    return request->usage ? add_usage(call, &list, response, err) : 0;
}

/* Where the layers' trees are: the kernel tells of what is open. */
static void list_trees(Snapshots *snapshots, const Image *image, JsonTexts *ret) {
    int *fds = NULL;
    size_t n = 0;
    Error gone;
    if (!image->chain_id || snapshot_open_trees(snapshots, image->chain_id, &fds, &n, &gone) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        autofree char *link = text_format("/proc/self/fd/%d", fds[i]);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = '\0';
        json_texts_add(ret, path);
        close(fds[i]);
    }
    free(fds);
}

int api_images_inspect(RpcCall *call, const Tare__V1__ImageRequest *request,
    Tare__V1__InspectImageResponse *response, Error *err) {
    autoptr(Image) image = NULL;
    TRY(image_load(images_of(call), request->image, &image, err));
    TRY(image_suits(image, &request->platform, !text_is_empty(request->platform), err));
    autodone(JsonTexts) trees = {};
    list_trees(((TareServices *)rpc_call_user(call))->snapshots, image, &trees);
    autofree char *json = docker_image_inspect(image, &trees);
    response->json = rpc_call_copy(call, json);
    return 0;
}

int api_images_remove(RpcCall *call, const Tare__V1__RemoveImageRequest *request,
    Tare__V1__RemoveImageResponse *response, Error *err) {
    autodone(ImageRemoval) removal = {};
    const ImageRemove remove = {request->image, request->force, request->no_prune};
    if (request->n_platforms > 0) {
        autoptr(Image) image = NULL;
        TRY(image_load(images_of(call), request->image, &image, err));
        TRY(image_suits(image, request->platforms, request->n_platforms, err));
    }
    TRY(image_remove(images_of(call), &remove, &removal, err));
    summary_texts(call, &removal.untagged, &response->untagged, &response->n_untagged);
    summary_texts(call, &removal.deleted, &response->deleted, &response->n_deleted);
    return 0;
}

int api_images_tag(RpcCall *call, const Tare__V1__TagImageRequest *request,
    Tare__V1__TagImageResponse *response, Error *err) {
    return image_tag(images_of(call), request->source, request->target, err);
}

int api_images_load(RpcCall *call, const Tare__V1__LoadRequest *request,
    Tare__V1__LoadResponse *response, Error *err) {
    autodone(ImageLoaded) loaded = {};
    Upload upload = {.call = call, .data = offsetof(Tare__V1__LoadRequest, data)};
    TRY(upload_next(&upload, err));
    const Tare__V1__LoadRequest *first = (const void *)upload.message;
    autofree char *platform = first ? text_copy(first->platform) : NULL;
    TRY(image_import(images_of(call), platform, upload_read, &upload, &loaded, err));
    summary_texts(call, &loaded.references, &response->references, &response->n_references);
    summary_texts(call, &loaded.ids, &response->ids, &response->n_ids);
    return 0;
}

static int send_piece(void *user, const void *data, size_t n, Error *err) {
    Tare__V1__SaveResponse message = TARE__V1__SAVE_RESPONSE__INIT;
    message.data = (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)data};
    return rpc_call_send(user, &message.base, err);
}

int api_images_save(RpcCall *call, const Tare__V1__SaveRequest *request,
    Tare__V1__SaveResponse *response, Error *err) {
    const ImageSave save = {
        .names = request->names,
        .n = request->n_names,
        .platform = request->platform,
        .writer = send_piece,
        .user = call,
    };
    return image_save(images_of(call), &save, err);
}
