// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/statistics.h"

/* Files of a cgroup with numbers in them. What does not have the expected form counts as absent:
 * a kernel may add words and lines. */

/* A file of the cgroup, by its path: no descriptor is open. "" when there is no such controller
 * (NULL) or file; valid as long as *ret. */
const char *statistics_read(const CgroupDirectory *d, const char *file, Text *ret);
uint64_t statistics_read_number(const CgroupDirectory *d, const char *file);
void statistics_read_pids(const CgroupDirectory *d, PidsStatistics *ret); /* v1 and v2 alike */

/* A value that is 0 is left out. */
JsonUint statistics_uint(uint64_t value);

/* "123", or "max" as UINT64_MAX; 0 when there is no number. */
uint64_t statistics_parse_number(const char *text);

/* The value of the line "key value". */
uint64_t statistics_find(const char *text, const char *key);

/* All lines "key value" as a JSON object; NULL when there are none. New string. */
char *statistics_parse_map(const char *text);

/* "0-2,5" and "1 2 3": at most LIST_MAX numbers. */
JsonUints statistics_parse_list(const char *text);

/* One column of numbers of a table with a title line (cpuacct.usage_all). */
JsonUints statistics_parse_column(const char *text, unsigned column);

/* v1: "8:0 Read 123", "8:0 123"; the total of all devices is left out. */
void statistics_parse_blkio(const char *text, JsonObjects *ret);

/* v2's io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …". */
void statistics_parse_io(const char *text, JsonObjects *ret_bytes, JsonObjects *ret_serviced);

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and "full …". NULL when it is neither. */
PressureStatistics *statistics_parse_pressure(const char *text);
