// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/merge.h"

#include <stdlib.h>

#include "base/memory.h"

static void take_uint(JsonUint *into, const JsonUint *change) {
    if (change->set)
        *into = *change;
}

static void take_int(JsonInt *into, const JsonInt *change) {
    if (change->set)
        *into = *change;
}

static void replace_text(char **into, const char *change) {
    free(*into);
    *into = text_copy(change);
}

static void merge_bandwidth(OciCpu *into, const OciCpu *change) {
    bool period = change->period.value, quota = change->quota.value;
    if (period == quota || period)
        into->period = change->period;
    if (period == quota || quota)
        into->quota = change->quota;
}

static void merge_cpu(OciCpu *into, const OciCpu *change) {
    merge_bandwidth(into, change);
    into->burst = change->burst;
    take_uint(&into->shares, &change->shares);
    if (change->idle.set && !change->shares.set) /* an idle cgroup takes no weight */
        into->shares = (JsonUint){};
    take_uint(&into->realtime_period, &change->realtime_period);
    take_int(&into->realtime_runtime, &change->realtime_runtime);
    into->idle = change->idle;
    replace_text(&into->cpus, change->cpus);
    replace_text(&into->mems, change->mems);
}

static void merge_memory(OciMemory *into, const OciMemory *change) {
    take_int(&into->limit, &change->limit);
    take_int(&into->reservation, &change->reservation);
    take_int(&into->swap, &change->swap);
    if (change->limit.value == -1 && !change->swap.set)
        into->swap = (JsonInt){}; /* a limit of swap alone would be refused */
    into->check_before_update = change->check_before_update;
}

static void merge_weights(JsonObjects *into, const JsonObjects *change) {
    static const JsonType type = {sizeof(OciWeightDevice), NULL};
    const OciWeightDevice *each = change->item;
    for (size_t i = 0; i < change->n; i++) {
        OciWeightDevice *old = NULL;
        for (size_t k = 0; k < into->n; k++) { /* of duplicates the last one holds */
            OciWeightDevice *one = (OciWeightDevice *)into->item + k;
            if (one->major.value == each[i].major.value && one->minor.value == each[i].minor.value)
                old = one;
        }
        if (!old) {
            *(OciWeightDevice *)json_objects_add(into, &type) = each[i];
            continue;
        }
        take_uint(&old->weight, &each[i].weight);
        take_uint(&old->leaf_weight, &each[i].leaf_weight);
    }
}

static void merge_throttles(JsonObjects *into, const JsonObjects *change) {
    static const JsonType type = {sizeof(OciThrottleDevice), NULL};
    const OciThrottleDevice *each = change->item;
    for (size_t i = 0; i < change->n; i++) {
        OciThrottleDevice *old = NULL;
        for (size_t k = 0; k < into->n; k++) {
            OciThrottleDevice *one = (OciThrottleDevice *)into->item + k;
            if (one->major.value == each[i].major.value && one->minor.value == each[i].minor.value)
                old = one;
        }
        if (!old)
            old = json_objects_add(into, &type);
        *old = each[i];
    }
}

static void merge_block_io(OciBlockIo *into, const OciBlockIo *change) {
    take_uint(&into->weight, &change->weight);
    take_uint(&into->leaf_weight, &change->leaf_weight);
    merge_weights(&into->weight_device, &change->weight_device);
    merge_throttles(&into->read_bps, &change->read_bps);
    merge_throttles(&into->write_bps, &change->write_bps);
    merge_throttles(&into->read_iops, &change->read_iops);
    merge_throttles(&into->write_iops, &change->write_iops);
}

static void replace_unified(JsonMap *into, const JsonMap *change) {
    json_map_done(into);
    *into = (JsonMap){};
    for (size_t i = 0; i < change->n; i++)
        json_map_set(into, change->key[i], change->value[i]);
}

void resources_merge(OciResources *into, const OciResources *change) {
    static const OciCpu no_cpu;
    static const OciMemory no_memory;
    static const OciBlockIo no_block_io;
    if (!into->cpu)
        into->cpu = new (OciCpu);
    if (!into->memory)
        into->memory = new (OciMemory);
    if (!into->block_io)
        into->block_io = new (OciBlockIo);
    if (!into->pids)
        into->pids = new (OciPids);
    merge_cpu(into->cpu, change->cpu ? change->cpu : &no_cpu);
    merge_memory(into->memory, change->memory ? change->memory : &no_memory);
    merge_block_io(into->block_io, change->block_io ? change->block_io : &no_block_io);
    into->pids->limit = change->pids ? change->pids->limit : (JsonInt){};
    replace_unified(&into->unified, &change->unified);
}
