// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "runtime/cgroup/cgroup.h"
#include "runtime/container/container.h"
#include "target.h"

/* state.json: what the runtime reads back of a container, and what it says of it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err = {};
    Container container = {.dir = -1};
    if (json_decode(&container_record_type, (const char *)data, size, &container.record, &err) >=
        0) {
        Cgroup cgroup;
        cgroup_load(&cgroup, &container.record.cgroup_paths);
        cgroup_done(&cgroup);
        (void)container_is_alive(&container);
        OciState state = container_state(&container, CONTAINER_STOPPED, 0);
        free(json_encode(&oci_state_type, &state, 2));
        char *text = json_encode(&container_record_type, &container.record, 0);
        ContainerRecord again;
        if (json_decode(&container_record_type, text, strlen(text), &again, &err) < 0)
            abort();
        json_done(&container_record_type, &again);
        free(text);
    }
    container_done(&container);
    return 0;
}
