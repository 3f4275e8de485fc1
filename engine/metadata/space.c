// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/space.h"

#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/lease.h"

static void name_rest(Text *rest, const char *what) {
    text_append(rest, rest->length > 0 ? ", " : "");
    text_append(rest, what);
}

static void list_rest(const Trees *trees, const char *space, Text *rest) {
    static const struct {
        MetadataKind kind;
        const char *what;
    } rows[] = {{METADATA_IMAGE, "images"}, {METADATA_CONTENT, "blobs"},
        {METADATA_CONTAINER, "containers"}};
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(MetadataRecords) records = {};
        metadata_list(trees->metadata, rows[i].kind, space, &records);
        if (records.n > 0)
            name_rest(rest, rows[i].what);
    }
    const char *name;
    for (size_t i = 0; (name = snapshots_offer(trees->snapshots, i)); i++) {
        autodone(SnapshotInfos) infos = {};
        Trees those = *trees;
        those.snapshotter = name;
        tree_list(&those, space, &infos);
        autofree char *what = text_format("snapshots on \"%s\" snapshotter", name);
        if (infos.n > 0)
            name_rest(rest, what);
    }
}

int space_remove(const Trees *trees, const char *space, Error *err) {
    autodone(Text) rest = {};
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_find(trees->metadata, METADATA_NAMESPACE, "", space, &record, err));
    list_rest(trees, space, &rest);
    if (rest.length > 0)
        return error_set(err, ERROR_STATE,
            "namespace \"%s\" must be empty, but it still has %s: failed precondition", space,
            rest.data);
    static const MetadataKind going[] = {METADATA_LEASE, METADATA_INGEST};
    for (size_t i = 0; i < array_size(going); i++) {
        autodone(MetadataRecords) records = {};
        metadata_list(trees->metadata, going[i], space, &records);
        for (size_t j = 0; j < records.n; j++)
            TRY(metadata_remove(trees->metadata, going[i], space, records.item[j]->name, err));
    }
    return metadata_remove(trees->metadata, METADATA_NAMESPACE, "", space, err);
}
