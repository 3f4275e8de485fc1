// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/statistics_text.h"
#include "target.h"

/* Files of a cgroup with numbers in them. Whatever they hold, the statistics are JSON that can be
 * read again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autofree char *text = text_copy_n((const char *)data, size);
    Error err = {};
    Statistics statistics = {.cpuset = new (CpusetStatistics),
        .memory = new (MemoryStatistics),
        .block_io = new (BlockIoStatistics)};
    statistics.cpuset->cpus = statistics_parse_list(text);
    statistics.cpuset->mems = statistics_parse_column(text, 1);
    statistics.memory->raw = statistics_parse_map(text);
    statistics.memory->cache = statistics_uint(statistics_find(text, "cache"));
    statistics.memory->pressure = statistics_parse_pressure(text);
    statistics_parse_blkio(text, &statistics.block_io->serviced);
    statistics_parse_io(text, &statistics.block_io->bytes, &statistics.block_io->time);
    autofree char *json = json_encode(&statistics_type, &statistics, 0);
    JsonTexts keys = {};
    if (json_keys(json, strlen(json), &keys, &err) < 0)
        abort();
    json_texts_done(&keys);
    json_done(&statistics_type, &statistics);
    return 0;
}
