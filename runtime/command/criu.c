// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/criu.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

static int check_empty_namespaces(const OptionTexts *names, Error *err) {
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->item[i], "network") != 0)
            return error_set(
                err, ERROR_UNSUPPORTED, "namespace \"%s\" is not supported", names->item[i]);
    return 0;
}

int criu_shared_options(const SharedCriuOptions *parsed, const char *log_name, bool make,
    CheckpointOptions *ret, Error *err) {
    const ImagesOptions where = {.path = parsed->image_path ? parsed->image_path : "checkpoint",
        .work_path = parsed->work_path,
        .log_name = log_name,
        .make = make};
    *ret = (CheckpointOptions){
        .where = where, .images = IMAGES_INIT, .criu = CRIU_OPTIONS_INIT, .status_fd = -1};
    CriuOptions *criu = &ret->criu;
    criu->tcp_established = parsed->tcp_established;
    criu->ext_unix_sockets = parsed->ext_unix_sockets;
    criu->shell_job = parsed->shell_job;
    criu->file_locks = parsed->file_locks;
    criu->auto_dedup = parsed->auto_dedup;
    criu->lazy_pages = parsed->lazy_pages;
    if (geteuid() != 0)
        log_warning("checkpoint and restore need root: criu will hardly work");
    TRY(criu_cgroup_mode_parse(parsed->cgroup_mode, &criu->cgroup_mode, err));
    return check_empty_namespaces(&parsed->empty_namespaces, err);
}
