// SPDX-License-Identifier: Apache-2.0
#include "engine/image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/image/collect.h"
#include "engine/image/contents.h"
#include "engine/image/pull.h"
#include "engine/layer/layer.h"

/* An archive is first unpacked by tare-unpack, as confined as for a layer, into a directory of its
 * own; what is in there is then read like a registry's answers: believed by digest only. */

/* The unpacking half: its own thread, so that the reader is called by the caller's. */
typedef struct Unpacking {
    LayerUnpack job;
    int code;
    Error error;
} Unpacking;

static void *unpack(void *user) {
    Unpacking *unpacking = user;
    LayerResult result = {};
    unpacking->code = layer_unpack(&unpacking->job, &result, &unpacking->error);
    layer_result_done(&result);
    /* The writer learns that nobody reads any more. */
    shutdown(unpacking->job.blob, SHUT_RDWR);
    return NULL;
}

/* A socket, not a pipe: a program that ended early must not raise SIGPIPE here. Returns 0 also when
 * the other side hung up; it knows why. */
static int pump(int fd, ImageReader *reader, void *user, Error *err) {
    enum {
        CHUNK = 1 << 16
    };
    autofree char *buffer = memory_new(CHUNK);
    ssize_t n;
    while ((n = reader(user, buffer, CHUNK, err)) > 0)
        for (ssize_t sent = 0, done; sent < n; sent += done) {
            done = send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (done < 0 && errno == EINTR)
                done = 0;
            if (done < 0)
                return 0;
        }
    return n < 0 ? err->code : 0;
}

static int receive(Images *images, int tree, ImageReader *reader, void *user, Error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    autoclose int ours = pair[0], theirs = pair[1];
    Unpacking unpacking = {
        .job = {.program = images->unpack_program, .blob = theirs, .tree = tree},
    };
    pthread_t thread;
    int sys = pthread_create(&thread, NULL, unpack, &unpacking);
    if (sys != 0)
        return error_set_errno(err, sys, "cannot start a thread");
    int code = pump(ours, reader, user, err);
    close(take_fd(&ours));
    pthread_join(thread, NULL);
    TRY(code);
    if (unpacking.code < 0)
        *err = unpacking.error;
    return unpacking.code;
}

static int unpack_into(Images *images, const char *directory, ImageReader *reader,
    void *reader_user, ArchiveVisit *visit, void *user, Error *err) {
    autoclose int tree = -1;
    TRY(file_make_dirs(directory, 0700, err));
    TRY(file_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, &tree, err));
    if (receive(images, tree, reader, reader_user, err) < 0)
        return error_prefix(err, "cannot read the archive");
    return visit(user, tree, err);
}

int archive_unpack(Images *images, ImageReader *reader, void *reader_user, ArchiveVisit *visit,
    void *user, Error *err) {
    char name[17];
    Error ignored;
    text_random_hex(name, 8);
    autofree char *imports = path_join(images->root, COLLECT_IMPORTS);
    autofree char *directory = path_join(imports, name);
    int code = unpack_into(images, directory, reader, reader_user, visit, user, err);
    file_remove_tree(AT_FDCWD, directory, &ignored); /* else at the next start */
    if (code < 0)
        collect(images, NULL, &ignored);
    return code;
}

typedef struct Import {
    Images *images;
    Platform platform;
    ImageLoaded loaded;
} Import;

static int load(void *user, int tree, Error *err) {
    Import *import = user;
    return contents_load(import->images, tree, &import->platform, &import->loaded, err);
}

int image_import(Images *images, const char *platform, ImageReader *reader, void *user,
    ImageLoaded *ret, Error *err) {
    Import import = {.images = images};
    TRY(platform_parse(platform, &import.platform, err));
    int code = archive_unpack(images, reader, user, load, &import, err);
    if (code == 0)
        *ret = import.loaded;
    else
        image_loaded_done(&import.loaded);
    return code;
}

void image_loaded_done(ImageLoaded *loaded) {
    json_texts_done(&loaded->references);
    json_texts_done(&loaded->ids);
}
