// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"
#include "runtime/cgroup/systemd_unit.h"

enum {
    DEFAULT_PERIOD = 100000, /* µs */
    PERCENT = 10000          /* µs in a second: systemd's resolution */
};

static void set(JsonMap *ret, const char *name, char *value) {
    autofree char *owned = value;
    json_map_set(ret, name, owned);
}

static char *uint64_text(uint64_t value) {
    return text_format("uint64 %llu", (unsigned long long)value);
}

static void set_number(JsonMap *ret, const char *name, uint64_t value) {
    set(ret, name, uint64_text(value));
}

static int set_mask(
    JsonMap *ret, const char *name, const char *list, const char *field, Error *err) {
    autofree char *mask = NULL;
    if (text_is_empty(list))
        return 0;
    if (systemd_mask(list, &mask, err) < 0)
        return error_prefix(err, "%s", field);
    json_map_set(ret, name, mask);
    return 0;
}

/* µs of CPU time in a second, in whole percents. */
static uint64_t quota_per_second(int64_t quota, uint64_t period) {
    uint64_t each = (uint64_t)quota * 1000000 / (period ? period : DEFAULT_PERIOD);
    return (each + PERCENT - 1) / PERCENT * PERCENT;
}

static void set_quota(JsonMap *ret, int64_t quota, uint64_t period) {
    if (period)
        set_number(ret, "CPUQuotaPeriodUSec", period);
    bool endless = quota <= 0 || quota > INT64_MAX / 1000000;
    if (quota || period)
        set_number(
            ret, "CPUQuotaPerSecUSec", endless ? UINT64_MAX : quota_per_second(quota, period));
}

void systemd_round_quota(OciCpu *cpu) {
    uint64_t period = cpu->period.value ? cpu->period.value : DEFAULT_PERIOD;
    if (cpu->quota.value > 0 && cpu->quota.value < INT64_MAX / 1000000)
        cpu->quota.value = (int64_t)(quota_per_second(cpu->quota.value, period) * period / 1000000);
}

static bool is_idle(const OciCpu *cpu) {
    return cpu && cpu->idle.set && cpu->idle.value == 1;
}

bool systemd_ignores_weight(const OciResources *resources) {
    const char *idle = json_map_find(&resources->unified, "cpu.idle");
    bool unified =
        idle && strcmp(idle, "1") == 0 && json_map_find(&resources->unified, "cpu.weight");
    return unified || (is_idle(resources->cpu) && resources->cpu->shares.value);
}

static int set_cpu(const OciCpu *cpu, bool v2, JsonMap *ret, Error *err) {
    if (!cpu)
        return 0;
    if (v2 && is_idle(cpu)) /* since systemd 252 */
        set_number(ret, "CPUWeight", 0);
    else if (v2 && cpu->shares.value)
        set_number(ret, "CPUWeight", limits_weight_of_shares(cpu->shares.value));
    else if (v2 && cpu->idle.set) /* no longer idle: no weight of its own */
        set_number(ret, "CPUWeight", UINT64_MAX);
    else if (cpu->shares.value)
        set_number(ret, "CPUShares", cpu->shares.value);
    set_quota(ret, cpu->quota.value, cpu->period.value);
    TRY(set_mask(ret, "AllowedCPUs", cpu->cpus, "linux.resources.cpu.cpus", err));
    return set_mask(ret, "AllowedMemoryNodes", cpu->mems, "linux.resources.cpu.mems", err);
}

static int set_memory(const OciMemory *memory, bool v2, JsonMap *ret, Error *err) {
    int64_t swap;
    bool none;
    if (!memory)
        return 0;
    if (memory->limit.value)
        set_number(ret, v2 ? "MemoryMax" : "MemoryLimit", (uint64_t)memory->limit.value);
    if (!v2)
        return 0;
    if (memory->reservation.value)
        set_number(ret, "MemoryLow", (uint64_t)memory->reservation.value);
    TRY(limits_swap_of_memory(memory, &swap, &none, err));
    if (swap || none)
        set_number(ret, "MemorySwapMax", (uint64_t)swap);
    return 0;
}

static void set_rest(const OciResources *resources, bool v2, JsonMap *ret) {
    if (resources->pids && resources->pids->limit.set)
        set_number(ret, "TasksMax", (uint64_t)limits_pids(resources->pids)); /* -1: infinity */
    uint64_t weight = resources->block_io ? resources->block_io->weight.value : 0;
    if (weight)
        set_number(ret, v2 ? "IOWeight" : "BlockIOWeight", v2 ? limits_io_weight(weight) : weight);
}

static int parse_max(const char *text, const char *key, uint64_t *ret, Error *err) {
    if (strcmp(text, "max") == 0)
        return *ret = UINT64_MAX, 0;
    return text_parse_uint(text, key, ret, err);
}

static int set_unified_number(
    JsonMap *ret, const char *name, const char *key, const char *value, Error *err) {
    uint64_t number;
    TRY(parse_max(value, key, &number, err));
    if (strcmp(key, "pids.max") == 0 && !number)
        number = 1; /* systemd refuses 0 */
    set_number(ret, name, number);
    return 0;
}

static int set_unified_quota(JsonMap *ret, const char *value, Error *err) {
    autotexts char **words = texts_split(value, ' ');
    uint64_t quota = 0, period = DEFAULT_PERIOD;
    size_t n = texts_count(words);
    if (n < 1 || n > 2)
        return error_set(err, ERROR_INVALID, "expected \"QUOTA [PERIOD]\", not \"%s\"", value);
    if (strcmp(words[0], "max") != 0)
        TRY(text_parse_uint(words[0], "quota", &quota, err));
    if (n == 2)
        TRY(text_parse_uint(words[1], "period", &period, err));
    if (quota > INT64_MAX / 1000000 || !period)
        return error_set(err, ERROR_INVALID, "\"%s\" is out of range", value);
    set_quota(ret, (int64_t)quota, period);
    return 0;
}

/* Files of the unified map that systemd has a property for; it keeps its hands off the others. */
typedef struct UnifiedProperty {
    const char *file, *name;
    enum {
        UNIFIED_NUMBER,
        UNIFIED_MASK,
        UNIFIED_QUOTA,
        UNIFIED_IDLE
    } kind;
} UnifiedProperty;

static const UnifiedProperty unified_properties[] = {
    {"cpu.idle", "CPUWeight", UNIFIED_IDLE},
    {"cpu.max", NULL, UNIFIED_QUOTA},
    {"cpu.weight", "CPUWeight", UNIFIED_NUMBER},
    {"cpuset.cpus", "AllowedCPUs", UNIFIED_MASK},
    {"cpuset.mems", "AllowedMemoryNodes", UNIFIED_MASK},
    {"memory.high", "MemoryHigh", UNIFIED_NUMBER},
    {"memory.low", "MemoryLow", UNIFIED_NUMBER},
    {"memory.max", "MemoryMax", UNIFIED_NUMBER},
    {"memory.min", "MemoryMin", UNIFIED_NUMBER},
    {"memory.swap.max", "MemorySwapMax", UNIFIED_NUMBER},
    {"pids.max", "TasksMax", UNIFIED_NUMBER},
};

static int set_unified(
    const UnifiedProperty *row, const char *value, bool idle, JsonMap *ret, Error *err) {
    switch (row->kind) {
    case UNIFIED_IDLE:
        if (idle)
            set_number(ret, row->name, 0);
        return 0;
    case UNIFIED_QUOTA:
        return set_unified_quota(ret, value, err);
    case UNIFIED_MASK:
        return set_mask(ret, row->name, value, row->file, err);
    case UNIFIED_NUMBER:
        if (idle && strcmp(row->file, "cpu.weight") == 0)
            return 0;
        return set_unified_number(ret, row->name, row->file, value, err);
    }
    return 0;
}

static char *trimmed(const char *text) {
    text += strspn(text, " \t\n");
    size_t n = strlen(text);
    while (n && strchr(" \t\n", text[n - 1]))
        n--;
    return text_copy_n(text, n);
}

static int set_all_unified(const JsonMap *unified, JsonMap *ret, Error *err) {
    autofree char *idle_text =
        json_map_find(unified, "cpu.idle") ? trimmed(json_map_find(unified, "cpu.idle")) : NULL;
    bool idle = text_equal(idle_text, "1");
    for (size_t i = 0; i < array_size(unified_properties); i++) {
        const char *given = json_map_find(unified, unified_properties[i].file);
        autofree char *value = given ? trimmed(given) : NULL;
        if (value && set_unified(&unified_properties[i], value, idle, ret, err) < 0)
            return error_prefix(err, "linux.resources.unified: \"%s\"", unified_properties[i].file);
    }
    return 0;
}

void systemd_oom_property(const OciResources *resources, JsonMap *ret) {
    const char *group = json_map_find(&resources->unified, "memory.oom.group");
    if (group)
        json_map_set(ret, "OOMPolicy", *group == '1' ? "'kill'" : "'continue'");
}

int systemd_limit_properties(const OciResources *resources, bool v2, JsonMap *ret, Error *err) {
    TRY(set_cpu(resources->cpu, v2, ret, err));
    TRY(set_memory(resources->memory, v2, ret, err));
    set_rest(resources, v2, ret);
    return v2 ? set_all_unified(&resources->unified, ret, err) : 0;
}

/* "('/dev/char/1:3', 'rwm')", in the ways that systemd can name devices: one, all of a major
 * number, all of a type. */
static void allow(Text *list, char type, const OciDeviceRule *rule) {
    const char *word = type == 'b' ? "block" : "char";
    bool major = rule->major.set && rule->major.value >= 0;
    bool minor = rule->minor.set && rule->minor.value >= 0;
    if (!major && minor)
        return; /* systemd has no way to say so: our own filter does */
    text_append(list, list->length ? ", " : "@a(ss) [");
    if (minor)
        text_append_format(list, "('/dev/%s/%lld:%lld', '", word, (long long)rule->major.value,
            (long long)rule->minor.value);
    else if (major)
        text_append_format(list, "('%s-%lld', '", word, (long long)rule->major.value);
    else
        text_append_format(list, "('%s-*', '", word);
    for (const char *c = "rwm"; *c; c++)
        if (rule->access && strchr(rule->access, *c))
            text_append_char(list, *c);
    text_append(list, "')");
}

static void allow_rule(Text *list, const OciDeviceRule *rule) {
    char type = text_is_empty(rule->type) ? 'a' : *rule->type;
    if (type != 'c')
        allow(list, 'b', rule);
    if (type != 'b')
        allow(list, 'c', rule);
}

void systemd_device_properties(const OciResources *resources, JsonMap *ret) {
    const OciDeviceRule *rule = resources->devices.item;
    Text list = {};
    bool all = false;
    for (size_t i = 0; i < resources->devices.n; i++) {
        bool any_device = text_is_empty(rule[i].type) || *rule[i].type == 'a';
        bool allows = rule[i].allow.value;
        if (any_device) {
            all = allows;
            text_clear(&list);
        }
        if (allows && !all)
            allow_rule(&list, &rule[i]);
    }
    for (size_t i = 0; !all && i < limits_default_devices_n; i++)
        allow_rule(&list, &limits_default_devices[i]);
    if (list.length)
        text_append_char(&list, ']');
    json_map_set(ret, "DevicePolicy", all ? "'auto'" : "'strict'");
    json_map_set(ret, "DeviceAllow", list.length ? list.data : "@a(ss) []");
    text_done(&list);
}
