// SPDX-License-Identifier: Apache-2.0
#include "shim/oom.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "shim/container.h"
#include "shim/containerd/notice.h"

/* cgroup v1 tells before it kills, v2 afterwards (Documentation/admin-guide/cgroup-v1/memory.rst,
 * chapter 10; cgroup-v2.rst, memory.events). In both the count is right before the victim's parent
 * can reap it (mm/oom_kill.c), so that an exit which arrives before the notice is no race. */
enum {
    LOOKS = 50
};
static const int64_t look_again = 10 * TIME_MILLISECOND;

void oom_look(Oom *oom) {
    uint64_t kills = cgroup_oom_kills(&oom->container->cgroup);
    if (kills <= oom->record.kills)
        return;
    oom->record.kills = kills;
    oom->looks = 0;
    cgroup_memory(&oom->container->cgroup, &oom->record.peak, &oom->record.limit);
    log_warning("container '%s' is out of memory: %llu killed, limit %llu, most used %llu bytes",
        oom->container->id, (unsigned long long)kills, (unsigned long long)oom->record.limit,
        (unsigned long long)oom->record.peak);
    oom->container->oom_killed = true;
    notice_oom(oom->container);
    container_changed(oom->container);
}

static void on_timer(void *owner, uint32_t events) {
    Oom *oom = owner;
    oom_look(oom);
    if (oom->looks-- > 0)
        loop_arm(&oom->container->shim->loop, &oom->timer, look_again);
}

static void on_notice(void *owner, uint32_t events) {
    Oom *oom = owner;
    if (!cgroup_take_oom_notice(oom->source.fd)) /* the cgroup is gone */
        loop_watch(&oom->container->shim->loop, &oom->source, 0);
    oom->looks = oom->container->cgroup.v1 ? LOOKS : 0;
    on_timer(oom, 0);
}

void oom_begin(Oom *oom, Container *container) {
    uint32_t events = 0;
    *oom = (Oom){.container = container, .source = {.fd = -1}};
    oom->timer = (LoopTimer){.handle = on_timer, .owner = oom};
    int fd = cgroup_open_oom_notice(&container->cgroup, &events);
    oom->source = (LoopSource){.fd = fd, .handle = on_notice, .owner = oom};
    if (fd >= 0)
        loop_watch(&container->shim->loop, &oom->source, events);
}

void oom_done(Oom *oom) {
    if (!oom->container)
        return;
    loop_disarm(&oom->container->shim->loop, &oom->timer);
    if (oom->source.fd >= 0) {
        loop_watch(&oom->container->shim->loop, &oom->source, 0);
        close(oom->source.fd);
    }
    *oom = (Oom){};
}

/* With its first process a pid namespace ends as a whole: of those that died the one that had most
 * was the kernel's choice. */
void oom_killed(Oom *oom, const Process *process, const struct rusage *usage) {
    uint64_t bytes = (uint64_t)usage->ru_maxrss * 1024; /* getrusage(2): kilobytes */
    if (!oom->container)
        return;
    oom_look(oom);
    if (oom->closed == oom->record.kills || bytes <= oom->record.usage)
        return;
    oom->record.pid = process->pid;
    oom->record.usage = bytes;
    snprintf(oom->record.exec, sizeof oom->record.exec, "%s", process->id);
    log_warning("container '%s': process %d%s%s was killed for lack of memory at %llu bytes",
        oom->container->id, (int)process->pid, *process->id ? " of exec " : "", process->id,
        (unsigned long long)bytes);
    container_changed(oom->container);
}

void oom_close(Oom *oom) {
    if (!oom->container)
        return;
    oom_look(oom);
    oom->closed = oom->record.kills;
}
