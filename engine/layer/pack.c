// SPDX-License-Identifier: Apache-2.0
/* tare-pack: trees that others have filled in, what changed in them out (engine/layer/frame.h). One
 * layer, one process; it dies with the engine. */
#include "engine/layer/pack.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/layer/confine.h"
#include "engine/layer/decompress.h"
#include "engine/layer/speak.h"
#include "engine/layer/tarball.h"

typedef struct Job {
    Changes changes;
    PackMode mode;
    Compression compression;
    int *tree;
    size_t trees;
} Job;

static int send_data(void *user, const void *data, size_t n, Error *err) {
    for (const char *at = data; n > 0;) {
        size_t some = n < LAYER_DATA_MAX ? n : LAYER_DATA_MAX;
        TRY(speak(LAYER_DATA, at, some, err));
        at += some;
        n -= some;
    }
    return 0;
}

static int send_change(void *user, const Change *change, Error *err) {
    static const char kinds[] = {
        [CHANGE_ADDED] = 'A', [CHANGE_MODIFIED] = 'C', [CHANGE_DELETED] = 'D'};
    autofree char *text = text_format("%c%s", kinds[change->kind], change->path);
    return speak(LAYER_CHANGE, text, strlen(text), err);
}

static int list_changes(Job *job, LayerDone *ret, Error *err) {
    *ret = (LayerDone){};
    job->changes.each_deleted = true;
    job->changes.take = send_change;
    return changes_walk(&job->changes, err);
}

static int add_change(void *user, const Change *change, Error *err) {
    return tarball_add(user, change, err);
}

static int write_tree(Job *job, Sink *sink, LayerDone *ret, Error *err) {
    autoptr(Tarball) tarball = NULL;
    TRY(tarball_open(sink, job->mode == PACK_LAYER, &tarball, err));
    job->changes.take = add_change;
    job->changes.user = tarball;
    TRY(changes_walk(&job->changes, err));
    TRY(tarball_finish(tarball, err));
    ret->inodes = tarball_entries(tarball);
    return 0;
}

static int copy_tar(Sink *sink, Error *err) {
    enum {
        BLOCK = 1 << 18
    };
    autoptr(Decompressor) input = NULL;
    autofree char *block = memory_new(BLOCK);
    size_t n = 1;
    TRY(decompressor_new(STDIN_FILENO, -1, &input, err));
    while (n > 0) {
        TRY(decompressor_read(input, block, BLOCK, &n, err));
        TRY(sink_add(sink, block, n, err));
    }
    return 0;
}

static int write_stream(Job *job, LayerDone *ret, Error *err) {
    autoptr(Sink) sink = NULL;
    LayerDone done = {};
    TRY(sink_open(job->compression, LAYER_SIZE_MAX, send_data, NULL, &sink, err));
    if (job->mode == PACK_COPY)
        TRY(copy_tar(sink, err));
    else
        TRY(write_tree(job, sink, &done, err));
    TRY(sink_finish(sink, done.diff_id, err));
    done.tar_size = sink_size(sink);
    *ret = done;
    return 0;
}

static int pack(Job *job, Error *err) {
    LayerDone done;
    TRY(speak_or_die(err));
    TRY(confine(CONFINE_READ, job->tree, job->trees, err));
    TRY(job->mode == PACK_LIST ? list_changes(job, &done, err) : write_stream(job, &done, err));
    return speak(LAYER_DONE, &done, sizeof(done), err);
}

static bool read_arguments(int argc, char **argv, Job *job) {
    if (argc < 5)
        return false;
    Changes *changes = &job->changes;
    job->mode = pack_mode_find(argv[1]);
    job->compression = compression_find(argv[2]);
    changes->upper_n = strtoul(argv[3], NULL, 10);
    changes->lower_n = strtoul(argv[4], NULL, 10);
    changes->left_out = (const char *const *)argv + 5;
    changes->left_out_n = (size_t)argc - 5;
    job->trees = changes->upper_n + changes->lower_n;
    if (job->mode == PACK_MODES || job->compression == COMPRESSIONS || job->trees > PACK_TREES_MAX)
        return false;
    job->tree = new_array(int, job->trees + 1);
    for (size_t i = 0; i < job->trees; i++)
        job->tree[i] = LAYER_TREE_FD + (int)i;
    changes->upper = job->tree;
    changes->lower = job->tree + changes->upper_n;
    return job->mode == PACK_COPY || changes->upper_n > 0;
}

int main(int argc, char **argv) {
    Error error = {};
    Job job = {};
    if (!read_arguments(argc, argv, &job)) {
        fprintf(stderr, "tare-pack is started by tared\n");
        return 2;
    }
    /* Names are bytes; those that are UTF-8 libarchive need not escape. */
    setlocale(LC_CTYPE, "C.UTF-8");
    speak_end(pack(&job, &error), &error);
}
