// SPDX-License-Identifier: Apache-2.0
#include "shim/metrics/network.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "shim/metrics/counter.h"

typedef struct Collection {
    NetworkCounters *item;
    size_t n, max;
} Collection;

/* "  eth0: bytes packets errs drop fifo frame compressed multicast" and the same for what is sent
 * (proc_pid_net(5)); two lines of titles have no colon. */
static void take(void *owner, char *line) {
    Collection *all = owner;
    NetworkCounters one = {};
    if (all->n < all->max &&
        sscanf(line,
            " %15[^:]: %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %" SCNu64
            " %" SCNu64 " %" SCNu64 " %" SCNu64,
            one.name, &one.rx_bytes, &one.rx_packets, &one.rx_errors, &one.rx_dropped,
            &one.tx_bytes, &one.tx_packets, &one.tx_errors, &one.tx_dropped) == 9 &&
        strcmp(one.name, "lo") != 0)
        all->item[all->n++] = one;
}

size_t network_counters_read(pid_t pid, NetworkCounters *ret, size_t max) {
    Collection all = {ret, 0, max};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/net/dev", (int)pid);
    counter_lines(0, path, take, &all); /* absolute: the directory does not matter */
    return all.n;
}
