// SPDX-License-Identifier: Apache-2.0
#include "engine/image/usage.h"

#include "base/text.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/system.h"

/* tare.v1.System.DiskUsage. */
static int64_t count_containers(
    const Tare__V1__ListContainersResponse *containers, const char *image_id) {
    int64_t n = 0;
    for (size_t i = 0; i < containers->n_containers; i++)
        n += text_equal(containers->containers[i]->image_id, image_id);
    return n;
}

int api_system_disk_usage(RpcCall *call, const Tare__V1__DiskUsageRequest *request,
    Tare__V1__DiskUsageResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    Tare__V1__ListContainersRequest wanted = TARE__V1__LIST_CONTAINERS_REQUEST__INIT;
    Tare__V1__ListContainersResponse containers = TARE__V1__LIST_CONTAINERS_RESPONSE__INIT;
    autodone(ImageList) list = {};
    autodone(ImageUsage) usage = {};
    uint64_t content = 0;
    wanted.all = wanted.size = true;
    TRY(image_list(services->images, &(ImageFilter){}, &list, err));
    TRY(content_usage(images_content(services->images), &content, err));
    TRY(api_containers_list(call, &wanted, &containers, err));
    image_usage(services->images, &list, &usage);
    response->layers_size = (int64_t)usage.total;
    response->content_size = (int64_t)content;
    response->containers = containers.containers;
    response->n_containers = containers.n_containers;
    response->images = rpc_call_alloc(call, (list.n + 1) * sizeof *response->images);
    for (size_t i = 0; i < list.n; i++) {
        Tare__V1__ImageSummary *summary = api_image_summary(call, list.item[i]);
        summary->shared_size = (int64_t)usage.shared[i];
        summary->containers = count_containers(&containers, summary->id);
        response->images[response->n_images++] = summary;
    }
    return 0;
}
