// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

void extraction_init(Extraction *extraction, Stream *stream, int tree) {
    *extraction = (Extraction){.stream = stream, .entries_max = EXTRACT_ENTRIES_MAX};
    tree_init(&extraction->tree, tree);
}

void extraction_done(Extraction *extraction) {
    for (size_t i = 0; i < extraction->directories; i++)
        free(extraction->directory[i].path);
    free(extraction->directory);
    tree_done(&extraction->tree);
}

static la_ssize_t read_stream(struct archive *archive, void *user, const void **ret) {
    Extraction *extraction = user;
    size_t n;
    if (stream_next(extraction->stream, ret, &n, &extraction->stream_error) < 0)
        return ARCHIVE_FATAL;
    return (la_ssize_t)n;
}

/* What the decompressor said comes before what libarchive makes of it. */
static int failed(const Extraction *extraction, struct archive *archive, Error *err) {
    if (extraction->stream_error.code < 0) {
        *err = extraction->stream_error;
        return err->code;
    }
    const char *text = archive_error_string(archive);
    return error_set(err, ERROR_CORRUPT, "damaged layer: %s", text ? text : "not a tar archive");
}

static int extract_all(Extraction *extraction, struct archive *archive, Error *err) {
    for (uint64_t n = 0;; n++) {
        struct archive_entry *entry;
        int result = archive_read_next_header(archive, &entry);
        if (result == ARCHIVE_EOF)
            return 0;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return failed(extraction, archive, err);
        if (n == extraction->entries_max)
            return error_set(err, ERROR_EXHAUSTED, "the layer has more than %" PRIu64 " entries",
                extraction->entries_max);
        int code = extract_entry(extraction, archive, entry, err);
        if (code < 0 && extraction->stream_error.code < 0)
            *err = extraction->stream_error;
        TRY(code < 0 ? err->code : 0);
        if (extraction->progress && n % 64 == 0)
            TRY(extraction->progress(extraction->user, stream_position(extraction->stream), err));
    }
}

static int compare_directories(const void *a, const void *b) {
    const ExtractedDirectory *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int find_directory(const void *key, const void *item) {
    return strcmp(key, ((const ExtractedDirectory *)item)->path);
}

/* Directories that were made before their own entry came are not implied after all. */
static void drop_listed(Extraction *extraction) {
    JsonTexts *implicit = &extraction->tree.implicit;
    size_t kept = 0;
    for (size_t i = 0; i < implicit->n; i++) {
        if (extraction->directories > 0 &&
            bsearch(implicit->item[i], extraction->directory, extraction->directories,
                sizeof(*extraction->directory), find_directory))
            free(implicit->item[i]);
        else
            implicit->item[kept++] = implicit->item[i];
    }
    implicit->n = kept;
}

/* A later entry may have removed or replaced the directory, or put a link on the way to it. */
static int finish_directory(int root, const ExtractedDirectory *directory, Error *err) {
    autoclose int fd = -1;
    const char *path = *directory->path ? directory->path : ".";
    Error gone;
    if (file_open_beneath(root, path, O_RDONLY | O_DIRECTORY, 0, &fd, &gone) < 0 &&
        file_open_in(root, path, O_RDONLY | O_DIRECTORY, 0, &fd, &gone) < 0)
        return 0;
    if (fchmod(fd, directory->mode) < 0 || futimens(fd, directory->times) < 0)
        return error_set_errno(err, errno, "cannot set up directory '/%s'", directory->path);
    return 0;
}

static int finish_directories(Extraction *extraction, Error *err) {
    /* In the order of the tar: of two entries for one directory the last counts. */
    for (size_t i = 0; i < extraction->directories; i++)
        TRY(finish_directory(extraction->tree.root, &extraction->directory[i], err));
    if (extraction->directories > 0)
        qsort(extraction->directory, extraction->directories, sizeof(*extraction->directory),
            compare_directories);
    drop_listed(extraction);
    if (!extraction->root_listed)
        TRY(tree_remember(&extraction->tree, &extraction->tree.implicit, "", err));
    return 0;
}

int extraction_run(Extraction *extraction, Error *err) {
    struct archive *archive = archive_read_new();
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    int code = archive_read_open(archive, extraction, NULL, read_stream, NULL) == ARCHIVE_OK
                   ? extract_all(extraction, archive, err)
                   : failed(extraction, archive, err);
    archive_read_free(archive);
    TRY(code);
    return finish_directories(extraction, err);
}
