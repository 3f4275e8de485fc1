// SPDX-License-Identifier: Apache-2.0
#include "engine/image/prune.h"

#include "base/text.h"
#include "engine/api/docker/ports.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/services.h"

/* tare.v1.Containers.Prune and Images.Prune. */
static bool is_wanted(const ContainerRecord *record, const PairFilter *filter) {
    JsonMap labels = {};
    docker_labels(record, &labels);
    bool matches = pair_filter_matches(filter, &(PruneObject){&labels, record->created.value});
    json_map_done(&labels);
    return matches;
}

/* One that somebody starts or removes meanwhile stays, or has gone. */
static void remove_one(const TareServices *services, RpcCall *call, const ContainerRecord *record,
    Tare__V1__PruneContainersResponse *response) {
    ContainerSizes sizes = api_container_sizes(services, record);
    Error ignored;
    if (container_remove(services->containers, record->id, &(ContainerRemove){}, &ignored) < 0)
        return;
    response->deleted[response->n_deleted++] = rpc_call_copy(call, record->id);
    response->space_reclaimed += (int64_t)sizes.own;
}

int api_containers_prune(RpcCall *call, const Tare__V1__PruneContainersRequest *request,
    Tare__V1__PruneContainersResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    autodone(ContainerRecords) records = {};
    const PairFilter filter = prune_filter(request->filters, request->n_filters);
    TRY(pair_filter_check(&filter, err));
    container_list(services->containers, &records);
    response->deleted = rpc_call_alloc(call, (records.n + 1) * sizeof(char *));
    for (size_t i = 0; i < records.n; i++) {
        const ContainerRecord *record = records.item[i];
        bool rests =
            record->state->status == CONTAINER_CREATED || record->state->status == CONTAINER_EXITED;
        if (rests && is_wanted(record, &filter))
            remove_one(services, call, record, response);
    }
    return images_sweep(services->images, err);
}

int api_images_prune(RpcCall *call, const Tare__V1__PruneImagesRequest *request,
    Tare__V1__PruneImagesResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    autodone(ImageRemoval) removal = {};
    const PairFilter filter = prune_filter(request->filters, request->n_filters);
    uint64_t reclaimed = 0;
    TRY(image_prune(services->images, request->all, &filter, &removal, &reclaimed, err));
    response->untagged = rpc_call_copy_all(call, removal.untagged.item, removal.untagged.n);
    response->n_untagged = removal.untagged.n;
    response->deleted = rpc_call_copy_all(call, removal.deleted.item, removal.deleted.n);
    response->n_deleted = removal.deleted.n;
    response->space_reclaimed = (int64_t)reclaimed;
    return 0;
}
