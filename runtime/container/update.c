// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/merge.h"
#include "runtime/cgroup/resctrl.h"

static int save_config(const Container *container, const OciSpec *spec, Error *err) {
    autofree char *text = json_encode(&oci_spec_type, spec, 0);
    return file_write(container->dir, "config.json", text, strlen(text), 0600, false, err);
}

/* A limit that was not there before is taken away again. */
static void lift(JsonInt *before, const JsonInt *wanted) {
    if (!before->value && wanted->value)
        *before = (JsonInt){true, -1};
}

static void lift_new_limits(OciResources *before, const OciResources *wanted) {
    if (!before->pids)
        before->pids = new (OciPids);
    if (!before->memory)
        before->memory = new (OciMemory);
    if (!before->cpu)
        before->cpu = new (OciCpu);
    lift(&before->pids->limit, &wanted->pids->limit);
    lift(&before->memory->limit, &wanted->memory->limit);
    lift(&before->cpu->quota, &wanted->cpu->quota);
}

static int apply(Cgroup *cgroup, const OciResources *wanted, OciResources *before, Error *err) {
    Error ignored;
    int r = cgroup_update(cgroup, wanted, err);
    if (r >= 0)
        return r;
    lift_new_limits(before, wanted);
    (void)cgroup_update(cgroup, before, &ignored);
    return r;
}

static int change_limits(
    const Container *container, OciSpec *spec, const OciResources *change, Error *err) {
    OciSpec before = {};
    Cgroup cgroup;
    TRY(container_load_config(container, &before, err));
    if (!spec->linux->resources)
        spec->linux->resources = new (OciResources);
    if (!before.linux->resources)
        before.linux->resources = new (OciResources);
    resources_merge(spec->linux->resources, change);
    container_load_cgroup(container, &cgroup);
    int r = apply(&cgroup, spec->linux->resources, before.linux->resources, err);
    if (r >= 0)
        r = save_config(container, spec, err);
    cgroup_done(&cgroup);
    json_done(&oci_spec_type, &before);
    return r;
}

int container_update(Container *container, const OciResources *change, Error *err) {
    OciSpec spec = {};
    ContainerStatus status = container_status(container);
    if (status == CONTAINER_STOPPED || status == CONTAINER_CREATING)
        return error_set(err, ERROR_STATE, "container not running");
    TRY(container_load_config(container, &spec, err));
    int r = change_limits(container, &spec, change, err);
    json_done(&oci_spec_type, &spec);
    return r;
}

static void replace(char **text, const char *with) {
    if (!with)
        return;
    free(*text);
    *text = text_copy(with);
}

static int change_schemata(
    const Container *container, OciSpec *spec, const ResctrlChange *change, Error *err) {
    OciIntelRdt *rdt = spec->linux->intel_rdt;
    TRY(resctrl_update(rdt, container->id, change, err));
    replace(&rdt->l3_cache_schema, change->l3_cache);
    replace(&rdt->mem_bw_schema, change->bandwidth);
    return save_config(container, spec, err);
}

int container_update_schemata(
    const Container *container, const char *l3_cache, const char *bandwidth, Error *err) {
    const ResctrlChange change = {.l3_cache = l3_cache, .bandwidth = bandwidth};
    OciSpec spec = {};
    if (!l3_cache && !bandwidth)
        return 0;
    TRY(container_load_config(container, &spec, err));
    int r = change_schemata(container, &spec, &change, err);
    json_done(&oci_spec_type, &spec);
    return r;
}
