// SPDX-License-Identifier: Apache-2.0
#include "shim/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

/* In the order in which it came. The first one of a container is under way. */
struct Work {
    Work *next;
    Shim *shim;
    char *id;
    TtrpcCall *call; /* NULL: */
    WorkAction act;
};

static Work *find(const Shim *shim, const char *id) {
    for (Work *work = shim->works; work; work = work->next)
        if (strcmp(work->id, id) == 0)
            return work;
    return NULL;
}

bool work_is_for(const Shim *shim, const char *id) {
    return find(shim, id) != NULL;
}

static Work *append(Shim *shim, const char *id) {
    Work **at = &shim->works, *work = new (Work);
    while (*at)
        at = &(*at)->next;
    *work = (Work){.shim = shim, .id = text_copy(id)};
    *at = work;
    return work;
}

static void drop(Work *work) {
    Work **at = &work->shim->works;
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    free(work->id);
    free(work);
}

static void perform(const Work *work) {
    Container *container = container_find(work->shim, work->id);
    if (work->call)
        ttrpc_call_resume(work->call);
    else if (container)
        work->act(container);
}

static void run(void *owner) {
    Work *work = owner;
    Shim *shim = work->shim;
    while (work) {
        autofree char *id = text_copy(work->id);
        perform(work);
        drop(work);
        work = find(shim, id);
    }
    shim_settle(shim);
}

static int begin(Work *work, Error *err) {
    bool first = find(work->shim, work->id) == work;
    return first ? loop_spawn(&work->shim->loop, run, work, err) : 0;
}

int work_defer(Shim *shim, const char *id, TtrpcCall *call, Error *err) {
    Work *work = append(shim, id);
    work->call = call;
    if (begin(work, err) < 0) {
        drop(work);
        return err->code;
    }
    return ttrpc_call_defer(call);
}

void work_on(Container *container, WorkAction act) {
    Error err = {};
    if (!container->shim->group) {
        act(container);
        return;
    }
    Work *work = append(container->shim, container->id);
    work->act = act;
    if (begin(work, &err) < 0) {
        log_failure(LOG_LEVEL_WARNING, &err);
        run(work);
    }
}
