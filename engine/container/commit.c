// SPDX-License-Identifier: Apache-2.0
#include "engine/container/commit.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/container/commit_config.h"
#include "engine/container/hold.h"
#include "engine/container/private.h"
#include "engine/container/spec/spec.h"
#include "engine/image/instruction.h"
#include "engine/image/make.h"

/* Reading a container's trees takes no operation lock, so that it can be stopped meanwhile; only a
 * removal would take files away, and is looked for at the end. */
typedef struct Reading {
    Containers *containers;
    Container *container;
    ContainerRecord *record;
    int *upper, *lower; /* what it sees, and its image; topmost first */
    size_t upper_n, lower_n;
    JsonTexts left_out;
} Reading;

static void close_trees(int *tree, size_t n) {
    for (size_t i = 0; i < n; i++)
        close(tree[i]);
    free(tree);
}

static void reading_done(Reading *reading) {
    close_trees(reading->upper, reading->upper_n);
    close_trees(reading->lower, reading->lower_n);
    json_texts_done(&reading->left_out);
    container_record_unref(reading->record);
    container_unref(reading->container);
}
CLEANUP_DEFINE_DONE(Reading, reading_done)

static int reading_begin(
    Containers *containers, const char *reference, Reading *reading, Error *err) {
    reading->containers = containers;
    TRY(table_find(containers, reference, &reading->container, err));
    reading->record = table_record(containers, reading->container);
    spec_own_mounts(reading->record, &reading->left_out);
    Snapshots *snapshots = containers->with.snapshots;
    const char *chain_id = reading->record->image->chain_id;
    if (chain_id)
        TRY(snapshot_open_trees(snapshots, chain_id, &reading->lower, &reading->lower_n, err));
    return snapshot_open_trees(
        snapshots, reading->container->id, &reading->upper, &reading->upper_n, err);
}

static LayerPack pack_of(const Reading *reading, PackMode mode) {
    return (LayerPack){
        .program = images_pack_program(reading->containers->with.images),
        .mode = mode,
        .upper = reading->upper,
        .upper_n = reading->upper_n,
        .lower = reading->lower,
        .lower_n = mode == PACK_FLAT ? 0 : reading->lower_n,
        .left_out = (const char *const *)reading->left_out.item,
        .left_out_n = mode == PACK_FLAT ? 0 : reading->left_out.n,
    };
}

static int still_there(void *user, Error *err) {
    const Reading *reading = user;
    return table_is_listed(reading->containers, reading->container)
               ? 0
               : error_set(err, ERROR_NOT_FOUND, "No such container: %s", reading->container->id);
}

int container_changes(
    Containers *containers, const char *reference, PackChange *change, void *user, Error *err) {
    autodone(Reading) reading = {};
    LayerPacked packed;
    TRY(reading_begin(containers, reference, &reading, err));
    LayerPack pack = pack_of(&reading, PACK_LIST);
    pack.change = change;
    pack.user = user;
    return layer_pack(&pack, &packed, err);
}

int container_export(
    Containers *containers, const char *reference, PackWrite *write, void *user, Error *err) {
    autodone(Reading) reading = {};
    LayerPacked packed;
    TRY(reading_begin(containers, reference, &reading, err));
    LayerPack pack = pack_of(&reading, PACK_FLAT);
    pack.write = write;
    pack.user = user;
    TRY(layer_pack(&pack, &packed, err));
    return still_there(&reading, err);
}

static void config_free(OciImageConfig *config) {
    json_done(&oci_image_config_type, config);
    free(config);
}
CLEANUP_DEFINE(OciImageConfig, config_free)

/* What was to run in it, as the history shows it: the command without its entrypoint. */
static char *created_by(const OciImageConfig *config) {
    Text line = {};
    for (size_t i = 0; i < config->cmd.n; i++)
        text_append_format(&line, "%s%s", i ? " " : "", config->cmd.item[i]);
    return line.data ? text_take(&line) : text_copy("");
}

int container_commit(Containers *containers, const char *reference, const ContainerCommit *commit,
    char **ret_id, Error *err) {
    autodone(Reading) reading = {};
    TRY(reading_begin(containers, reference, &reading, err));
    autoptr(OciImageConfig) config = commit_config(reading.record);
    autofree char *command = created_by(config);
    TRY(instructions_apply(config, commit->changes, commit->changes_n, err));
    Hold hold = {};
    if (commit->pause)
        TRY(hold_begin(containers, reading.container, &hold, err));
    ImageMake make = {
        .parent = reading.record->image->id,
        .name = commit->name,
        .layer = pack_of(&reading, PACK_LAYER),
        .config = take_ptr(&config),
        .author = commit->author,
        .comment = commit->comment,
        .created_by = command,
        .confirm = still_there,
        .confirm_user = &reading,
    };
    int code = image_make(containers->with.images, &make, ret_id, err);
    if (code == 0)
        container_event(containers, reading.record, "commit");
    hold_end(containers, reading.container, &hold);
    return code;
}
