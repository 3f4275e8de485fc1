// SPDX-License-Identifier: Apache-2.0
/* tare-unpack: a layer's bytes in, a directory's content out (engine/layer/frame.h). One layer, one
 * process; it dies with the engine, whose next start sweeps what it left. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "engine/layer/confine.h"
#include "engine/layer/extract.h"
#include "engine/layer/frame.h"
#include "engine/layer/layer.h"
#include "engine/layer/speak.h"

static int send_progress(void *user, uint64_t current, Error *err) {
    int64_t *last = user;
    int64_t now = time_monotonic();
    if (now - *last < 100 * TIME_MILLISECOND)
        return 0;
    *last = now;
    return speak(LAYER_PROGRESS, &current, sizeof(current), err);
}

static int send_paths(LayerFrameType type, const JsonTexts *paths, Error *err) {
    for (size_t i = 0; i < paths->n; i++)
        TRY(speak(type, paths->item[i], strlen(paths->item[i]), err));
    return 0;
}

static int send_result(
    const Extraction *extraction, uint64_t tar_size, const char *digest, Error *err) {
    const Tree *tree = &extraction->tree;
    LayerDone done = {extraction->bytes, extraction->inodes, .tar_size = tar_size};
    snprintf(done.diff_id, sizeof(done.diff_id), "%s", digest);
    if (tree->implicit.n + tree->opaque.n > LAYER_PATHS_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the layer has too many special directories");
    TRY(send_paths(LAYER_IMPLICIT, &tree->implicit, err));
    TRY(send_paths(LAYER_OPAQUE, &tree->opaque, err));
    return speak(LAYER_DONE, &done, sizeof(done), err);
}

static int unpack(const char *diff_id, int follow, Error *err) {
    int tree = LAYER_TREE_FD;
    int64_t last = 0;
    autoptr(Stream) stream = NULL;
    autodone(Extraction) extraction = {.tree.parent = -1};
    char digest[DIGEST_TEXT_SIZE];
    TRY(speak_or_die(err));
    TRY(confine(CONFINE_FILL, &tree, 1, err));
    bool plain = strcmp(diff_id, "-") == 0;
    bool any = plain || strcmp(diff_id, LAYER_ANY_DIFF_ID) == 0;
    const StreamSource source = {STDIN_FILENO, follow, LAYER_SIZE_MAX, .expected = !any};
    TRY(stream_open(&source, &stream, err));
    extraction_init(&extraction, stream, tree);
    extraction.progress = send_progress;
    extraction.user = &last;
    extraction.plain = plain;
    TRY(extraction_run(&extraction, err));
    TRY(stream_finish(stream, digest, err));
    if (!any && strcmp(digest, diff_id) != 0)
        return error_set(
            err, ERROR_CORRUPT, "wrong diff id: expected %s, the content is %s", diff_id, digest);
    return send_result(&extraction, stream_size(stream), digest, err);
}

int main(int argc, char **argv) {
    Error error = {};
    bool follows = argc == 3 && strcmp(argv[2], "follow") == 0;
    if (argc != 2 && !follows) {
        fprintf(stderr, "tare-unpack is started by tared\n");
        return 2;
    }
    umask(0);
    /* Names in layers are UTF-8, and built into the C library is only this locale for it: without,
     * libarchive would look for converters. */
    setlocale(LC_CTYPE, "C.UTF-8");
    int code = unpack(argv[1], follows ? LAYER_FOLLOW_FD : -1, &error);
    speak_end(code, &error);
}
