// SPDX-License-Identifier: Apache-2.0
#include "engine/image/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/system.h"
#include "engine/api/tare/volumes.h"

/* tare.v1.System.DiskUsage. */
int64_t api_image_containers(
    const Tare__V1__ListContainersResponse *containers, const char *image_id) {
    int64_t n = 0;
    for (size_t i = 0; i < containers->n_containers; i++)
        n += text_equal(containers->containers[i]->image_id, image_id);
    return n;
}

/* The parts of ROOT that are nobody else's: small files, and directories in which others count. */
static int count_other(const char *root, uint64_t *ret, Error *err) {
    static const char *const counted[] = {
        ".", "..", "content", "snapshots", "containers", "volumes"};
    autoclose int dir = -1;
    struct stat status;
    TRY(file_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &dir, err));
    if (fstat(dir, &status) < 0)
        return error_set_errno(err, errno, "cannot read '%s'", root);
    *ret = (uint64_t)status.st_blocks * 512;
    DIR *stream = fdopendir(dir);
    if (!stream)
        return error_set_errno(err, errno, "cannot list '%s'", root);
    take_fd(&dir);
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(stream))) {
        uint64_t bytes = 0;
        bool skip = false;
        for (size_t i = 0; i < array_size(counted); i++)
            skip = skip || text_equal(entry->d_name, counted[i]);
        if (!skip)
            code = file_usage(dirfd(stream), entry->d_name, &bytes, err);
        *ret += bytes;
    }
    closedir(stream);
    return code;
}

static int count_disk(
    const TareServices *services, Tare__V1__DiskUsageResponse *response, Error *err) {
    const char *root = services->config->root;
    autofree char *content = path_join(root, "content"), *logs = path_join(root, "containers");
    SnapshotDisk disk;
    autofree char *volumes = path_join(root, "volumes");
    uint64_t in_content, in_logs, in_volumes, other;
    TRY(snapshots_disk(services->snapshots, &disk, err));
    TRY(file_usage(AT_FDCWD, content, &in_content, err));
    TRY(file_usage(AT_FDCWD, logs, &in_logs, err));
    TRY(file_usage(AT_FDCWD, volumes, &in_volumes, err));
    TRY(count_other(root, &other, err));
    response->layers_size = (int64_t)disk.layers;
    response->content_size = (int64_t)in_content;
    response->containers_size = (int64_t)(disk.containers + in_logs);
    response->volumes_size = (int64_t)in_volumes;
    response->clients_size = (int64_t)disk.clients;
    response->other_size = (int64_t)(disk.other + other);
    return 0;
}

int api_system_disk_usage(RpcCall *call, const Tare__V1__DiskUsageRequest *request,
    Tare__V1__DiskUsageResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    Tare__V1__ListContainersRequest wanted = TARE__V1__LIST_CONTAINERS_REQUEST__INIT;
    Tare__V1__ListContainersResponse containers = TARE__V1__LIST_CONTAINERS_RESPONSE__INIT;
    autodone(ImageList) list = {};
    autodone(ImageUsage) usage = {};
    wanted.all = wanted.size = true;
    TRY(image_list(services->images, &(ImageFilter){}, &list, err));
    TRY(api_containers_list(call, &wanted, &containers, err));
    TRY(count_disk(services, response, err));
    image_usage(services->images, &list, &usage);
    TRY(api_volumes_usage(call, &response->volumes, &response->n_volumes, err));
    response->containers = containers.containers;
    response->n_containers = containers.n_containers;
    response->images = rpc_call_alloc(call, (list.n + 1) * sizeof *response->images);
    for (size_t i = 0; i < list.n; i++) {
        Tare__V1__ImageSummary *summary = api_image_summary(call, list.item[i]);
        summary->shared_size = (int64_t)usage.shared[i];
        summary->containers = api_image_containers(&containers, summary->id);
        response->images[response->n_images++] = summary;
    }
    return 0;
}
