// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/volumes.h"

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/volume.h"
#include "engine/api/tare/pairs.h"
#include "engine/filter/pair.h"
#include "engine/image/prune.h"

RPC_SERVICE(volumes_service, VOLUMES_METHODS, tare__v1__volumes__descriptor);

static Volumes *volumes_of(const RpcCall *call) {
    return ((TareServices *)rpc_call_user(call))->volumes;
}

static void fill(RpcCall *call, const Volume *volume, Tare__V1__Volume *message) {
    autofree char *path = volume_path(volumes_of(call), volume->name);
    message->name = rpc_call_copy(call, volume->name);
    message->driver = "local";
    message->mountpoint = rpc_call_copy(call, path);
    message->created = volume->created.value;
    message->labels = pairs_copy(call, &volume->labels, &message->n_labels);
    message->options = pairs_copy(call, &volume->options, &message->n_options);
}

static Tare__V1__Volume *message_of(RpcCall *call, const Volume *volume) {
    Tare__V1__Volume *message = rpc_call_alloc(call, sizeof *message);
    tare__v1__volume__init(message);
    fill(call, volume, message);
    return message;
}

int api_volumes_create(RpcCall *call, const Tare__V1__CreateVolumeRequest *request,
    Tare__V1__Volume *response, Error *err) {
    autoptr(Volume) volume = NULL;
    JsonMap labels = {}, options = {};
    pairs_read(&labels, request->labels, request->n_labels);
    pairs_read(&options, request->options, request->n_options);
    const VolumeCreate create = {
        .name = request->name, .driver = request->driver, .labels = &labels, .options = &options};
    int r = volume_create(volumes_of(call), &create, &volume, err);
    json_map_done(&labels);
    json_map_done(&options);
    TRY(r);
    fill(call, volume, response);
    return 0;
}

int api_volumes_inspect(RpcCall *call, const Tare__V1__VolumeRequest *request,
    Tare__V1__InspectVolumeResponse *response, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_find(volumes_of(call), request->volume, &volume, err));
    autofree char *path = volume_path(volumes_of(call), volume->name);
    autofree char *json = docker_volume_inspect(volume, path);
    response->json = rpc_call_copy(call, json);
    return 0;
}

int api_volumes_remove(RpcCall *call, const Tare__V1__VolumeRequest *request,
    Tare__V1__VolumeEmpty *response, Error *err) {
    (void)response;
    return volume_remove(volumes_of(call), request->volume, NULL, err);
}

static bool is_used(Volumes *volumes, const Volume *volume) {
    autodone(JsonTexts) users = {};
    volume_users(volumes, volume->name, &users);
    return users.n > 0;
}

static bool match_dangling(const void *context, const void *object, const char *value) {
    Volumes *const *volumes = context;
    return pair_is_true(value) != is_used(*volumes, object);
}

static bool match_driver(const void *context, const void *object, const char *value) {
    return text_equal(value, "local");
}

static bool match_label(const void *context, const void *object, const char *value) {
    return pair_match_label(&((const Volume *)object)->labels, value);
}

static bool match_name(const void *context, const void *object, const char *value) {
    return pair_match_name(((const Volume *)object)->name, value);
}

static const PairRow rows[] = {
    {"dangling=", match_dangling, .is_valid = pair_is_boolean},
    {"driver=", match_driver},
    {"label=", match_label, .all_must_hold = true},
    {"name=", match_name},
};

int api_volumes_list(RpcCall *call, const Tare__V1__ListVolumesRequest *request,
    Tare__V1__ListVolumesResponse *response, Error *err) {
    autodone(VolumeList) list = {};
    Volumes *volumes = volumes_of(call);
    const PairFilter filter = {
        rows, array_size(rows), &volumes, request->filters, request->n_filters};
    TRY(pair_filter_check(&filter, err));
    volume_list(volumes, &list);
    response->volumes = rpc_call_alloc(call, (list.n + 1) * sizeof *response->volumes);
    for (size_t i = 0; i < list.n; i++)
        if (pair_filter_matches(&filter, list.item[i]))
            response->volumes[response->n_volumes++] = message_of(call, list.item[i]);
    return 0;
}

int api_volumes_usage(RpcCall *call, Tare__V1__Volume ***ret, size_t *ret_n, Error *err) {
    Volumes *volumes = volumes_of(call);
    autodone(VolumeList) list = {};
    (void)err;
    volume_list(volumes, &list);
    *ret = rpc_call_alloc(call, (list.n + 1) * sizeof **ret);
    for (size_t i = 0; i < list.n; i++) {
        autodone(JsonTexts) users = {};
        uint64_t size = 0;
        Error gone; /* it is being removed */
        volume_usage(volumes, list.item[i], &size, &gone);
        volume_users(volumes, list.item[i]->name, &users);
        (*ret)[i] = message_of(call, list.item[i]);
        (*ret)[i]->links = (int64_t)users.n;
        (*ret)[i]->size = (int64_t)size;
    }
    *ret_n = list.n;
    return 0;
}

static bool is_wanted(Volumes *volumes, const Tare__V1__PruneVolumesRequest *request,
    const PairFilter *filter, const Volume *volume) {
    return (request->all || volume_is_anonymous(volume)) && !is_used(volumes, volume) &&
           pair_filter_matches(filter, &(PruneObject){&volume->labels, volume->created.value});
}

int api_volumes_prune(RpcCall *call, const Tare__V1__PruneVolumesRequest *request,
    Tare__V1__PruneVolumesResponse *response, Error *err) {
    Volumes *volumes = volumes_of(call);
    autodone(VolumeList) list = {};
    const PairFilter filter = prune_filter(request->filters, request->n_filters);
    TRY(pair_filter_check(&filter, err));
    volume_list(volumes, &list);
    response->deleted = rpc_call_alloc(call, (list.n + 1) * sizeof(char *));
    for (size_t i = 0; i < list.n; i++) {
        const char *name = list.item[i]->name;
        uint64_t size = 0;
        Error ignored; /* one that somebody uses or removes meanwhile stays, or has gone */
        if (!is_wanted(volumes, request, &filter, list.item[i]))
            continue;
        volume_usage(volumes, list.item[i], &size, &ignored);
        if (volume_remove(volumes, name, NULL, &ignored) < 0)
            continue;
        response->deleted[response->n_deleted++] = rpc_call_copy(call, name);
        response->space_reclaimed += (int64_t)size;
    }
    return 0;
}
