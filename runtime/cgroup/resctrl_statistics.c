// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/resctrl.h"

/* The reference runtime's document of `events` (types/events.go, "IntelRdt"). What the processor
 * cannot do is absent. */

enum {
    FILE_MAX = 1 << 20
};

#define T L3CacheInfo
typedef struct L3CacheInfo {
    char *mask;
    JsonUint minimum, classes;
} L3CacheInfo;
static const JsonField l3_fields[] = {
    {"cbm_mask", JSON_TEXT, JSON_AT(mask)},
    {"min_cbm_bits", JSON_UINT, JSON_AT(minimum)},
    {"num_closids", JSON_UINT, JSON_AT(classes)},
    {},
};
static const JsonType l3_type = {sizeof(T), l3_fields};
#undef T

#define T BandwidthInfo
typedef struct BandwidthInfo {
    JsonUint granularity, linear, minimum, classes;
} BandwidthInfo;
static const JsonField bandwidth_fields[] = {
    {"bandwidth_gran", JSON_UINT, JSON_AT(granularity)},
    {"delay_linear", JSON_UINT, JSON_AT(linear)},
    {"min_bandwidth", JSON_UINT, JSON_AT(minimum)},
    {"num_closids", JSON_UINT, JSON_AT(classes)},
    {},
};
static const JsonType bandwidth_type = {sizeof(T), bandwidth_fields};
#undef T

#define T BandwidthUse
typedef struct BandwidthUse {
    JsonUint total, local;
} BandwidthUse;
static const JsonField bandwidth_use_fields[] = {
    {"mbm_total_bytes", JSON_UINT, JSON_AT(total), .flags = JSON_ALWAYS},
    {"mbm_local_bytes", JSON_UINT, JSON_AT(local), .flags = JSON_ALWAYS},
    {},
};
static const JsonType bandwidth_use_type = {sizeof(T), bandwidth_use_fields};
#undef T

#define T CacheUse
typedef struct CacheUse {
    JsonUint occupancy;
} CacheUse;
static const JsonField cache_use_fields[] = {
    {"llc_occupancy", JSON_UINT, JSON_AT(occupancy), .flags = JSON_ALWAYS},
    {},
};
static const JsonType cache_use_type = {sizeof(T), cache_use_fields};
#undef T

#define T IntelRdt
typedef struct IntelRdt {
    L3CacheInfo *l3;
    char *l3_schema_root, *l3_schema;
    BandwidthInfo *bandwidth;
    char *bandwidth_schema_root, *bandwidth_schema;
    JsonTexts schemata;
    JsonObjects bandwidth_use, cache_use;
} IntelRdt;
static const JsonField rdt_fields[] = {
    {"l3_cache_info", JSON_OBJECT, JSON_AT(l3), &l3_type},
    {"l3_cache_schema_root", JSON_TEXT, JSON_AT(l3_schema_root)},
    {"l3_cache_schema", JSON_TEXT, JSON_AT(l3_schema)},
    {"mem_bw_info", JSON_OBJECT, JSON_AT(bandwidth), &bandwidth_type},
    {"mem_bw_schema_root", JSON_TEXT, JSON_AT(bandwidth_schema_root)},
    {"mem_bw_schema", JSON_TEXT, JSON_AT(bandwidth_schema)},
    {"schemata", JSON_TEXTS, JSON_AT(schemata)},
    {"mbm_stats", JSON_OBJECTS, JSON_AT(bandwidth_use), &bandwidth_use_type},
    {"cmt_stats", JSON_OBJECTS, JSON_AT(cache_use), &cache_use_type},
    {},
};
static const JsonType rdt_type = {sizeof(T), rdt_fields};
#undef T

/* A file's text without the last newline; NULL: there is none. */
static char *read_text(const char *root, const char *name) {
    autodone(Text) text = {};
    Error ignored;
    autofree char *path = path_join(root, name);
    if (file_read(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0)
        return NULL;
    const char *data = text.data ? text.data : "";
    size_t n = strlen(data);
    return text_copy_n(data, n - (n && data[n - 1] == '\n'));
}

static JsonUint read_number(const char *root, const char *name) {
    autofree char *text = read_text(root, name);
    uint64_t value;
    Error ignored;
    bool set = text && text_parse_uint(text, name, &value, &ignored) >= 0;
    return (JsonUint){set, set ? value : 0};
}

/* The line of a resource: "    L3:0=ff", without the blanks. New string, or NULL. */
static char *find_schema(const char *schemata, const char *resource) {
    autotexts char **lines = texts_split(schemata ? schemata : "", '\n');
    for (char **line = lines; *line; line++) {
        const char *at = *line + strspn(*line, " ");
        if (text_starts(at, resource))
            return text_copy(at);
    }
    return NULL;
}

static bool has(const char *root, const char *name) {
    autofree char *path = path_join(root, name);
    return access(path, F_OK) == 0;
}

static void add_use(IntelRdt *rdt, const char *group, const char *node, const char *features) {
    autofree char *place = text_format("%s/mon_data/%s", group, node);
    bool total = strstr(features, "mbm_total_bytes"), local = strstr(features, "mbm_local_bytes");
    if (total || local) {
        BandwidthUse *use = json_objects_add(&rdt->bandwidth_use, &bandwidth_use_type);
        use->total = read_number(place, "mbm_total_bytes");
        use->local = read_number(place, "mbm_local_bytes");
    }
    if (strstr(features, "llc_occupancy")) {
        CacheUse *use = json_objects_add(&rdt->cache_use, &cache_use_type);
        use->occupancy = read_number(place, "llc_occupancy");
    }
}

static void read_monitor(IntelRdt *rdt, const char *root, const char *group) {
    autofree char *features = read_text(root, "info/L3_MON/mon_features");
    autofree char *data = path_join(group, "mon_data");
    struct dirent **nodes = NULL;
    int n = features ? scandir(data, &nodes, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        if (nodes[i]->d_name[0] != '.')
            add_use(rdt, group, nodes[i]->d_name, features);
        free(nodes[i]);
    }
    free(nodes);
}

static void read_controls(IntelRdt *rdt, const char *root, const char *group) {
    autofree char *top = read_text(root, "schemata"), *own = read_text(group, "schemata");
    autotexts char **lines = texts_split(own ? own : "", '\n');
    for (char **line = lines; *line; line++)
        json_texts_add(&rdt->schemata, *line);
    if (has(root, "info/L3")) {
        rdt->l3 = new (L3CacheInfo);
        *rdt->l3 = (L3CacheInfo){.mask = read_text(root, "info/L3/cbm_mask"),
            .minimum = read_number(root, "info/L3/min_cbm_bits"),
            .classes = read_number(root, "info/L3/num_closids")};
        rdt->l3_schema_root = find_schema(top, "L3");
        rdt->l3_schema = find_schema(own, "L3");
    }
    if (has(root, "info/MB")) {
        rdt->bandwidth = new (BandwidthInfo);
        *rdt->bandwidth =
            (BandwidthInfo){.granularity = read_number(root, "info/MB/bandwidth_gran"),
                .linear = read_number(root, "info/MB/delay_linear"),
                .minimum = read_number(root, "info/MB/min_bandwidth"),
                .classes = read_number(root, "info/MB/num_closids")};
        rdt->bandwidth_schema_root = find_schema(top, "MB");
        rdt->bandwidth_schema = find_schema(own, "MB");
    }
}

char *resctrl_statistics_at(const char *root, const OciIntelRdt *config, const char *id) {
    IntelRdt rdt = {};
    if (!root || !config)
        return text_copy("{}");
    autofree char *group = path_join(root, text_is_empty(config->clos_id) ? id : config->clos_id);
    autofree char *own = text_format("%s/mon_groups/%s", group, id);
    read_controls(&rdt, root, group);
    read_monitor(&rdt, root, config->enable_monitoring.value ? own : group);
    char *text = json_encode(&rdt_type, &rdt, 0);
    json_done(&rdt_type, &rdt);
    return text;
}
