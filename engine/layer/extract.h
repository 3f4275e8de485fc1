// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>
#include <sys/stat.h>

#include "engine/layer/stream.h"
#include "engine/layer/tree.h"

/* A tar stream becomes the content of a directory. Runs in tare-unpack, confined, as root with few
 * capabilities; umask 0. The doors to libarchive are extract.c and entry.c. */

/* Owner and type are set at once; what later entries would disturb is set at the end. */
typedef struct ExtractedDirectory {
    char *path;
    mode_t mode;
    struct timespec times[2];
} ExtractedDirectory;

typedef int ExtractProgress(void *user, uint64_t current, Error *err);

typedef struct Extraction {
    Tree tree;
    Stream *stream; /* borrowed */
    ExtractProgress *progress;
    void *user;
    ExtractedDirectory *directory;
    size_t directories;
    size_t remembered; /* bytes in directory */
    bool plain;        /* no devices, no FIFOs: a reader opens what it finds */
    bool root_listed;  /* the tar has an entry for the root */
    uint64_t entries_max;
    uint64_t bytes, inodes;
    Error stream_error; /* why libarchive could not read on */
} Extraction;

#define EXTRACT_FILE_MAX (INT64_C(1) << 40) /* holes count */

enum {
    EXTRACT_ENTRIES_MAX = 16 << 20,
    EXTRACT_REMEMBER_MAX = 256 << 20
};

void extraction_init(Extraction *extraction, Stream *stream, int tree);
void extraction_done(Extraction *extraction);
CLEANUP_DEFINE_DONE(Extraction, extraction_done)

int extraction_run(Extraction *extraction, Error *err);

/* private to engine/layer: one entry */
struct archive;
struct archive_entry;
int extract_entry(
    Extraction *extraction, struct archive *archive, struct archive_entry *entry, Error *err);
