// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What went through the interfaces of a process's network namespace, but for lo. */
typedef struct NetworkCounters {
    char name[16];
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
} NetworkCounters;

/* Fills up to `max`; returns how many. Reads /proc/PID/net/dev. */
size_t network_counters_read(pid_t pid, NetworkCounters *ret, size_t max);
