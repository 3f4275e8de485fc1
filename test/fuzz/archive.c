// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/content/digest.h"
#include "engine/image/contents.h"
#include "engine/image/image.h"
#include "engine/image/saved.h"
#include "target.h"

/* An unpacked archive on its way into an empty engine. Pieces are parted by NUL; the last is
 * index.json or, when it is an array, manifest.json; the others are blobs of the layout, and files
 * with the names 0, 1, …. $N in a piece is the digest of an earlier one, #N its length: without
 * that no digest would ever be right. No layer can be unpacked: there is no tare-unpack. */

enum {
    PIECES_MAX = 8
};

typedef struct Pieces {
    Text piece[PIECES_MAX];
    char digest[PIECES_MAX][DIGEST_TEXT_SIZE];
    size_t n;
} Pieces;

static void pieces_done(Pieces *pieces) {
    for (size_t i = 0; i < PIECES_MAX; i++)
        text_done(&pieces->piece[i]);
}
CLEANUP_DEFINE_DONE(Pieces, pieces_done)

static void add_piece(Pieces *pieces, const char *at, size_t n) {
    Text *to = &pieces->piece[pieces->n];
    for (const char *end = at + n; at < end; at++) {
        size_t earlier = at + 1 < end ? (size_t)(unsigned char)at[1] - '0' : PIECES_MAX;
        if ((*at != '$' && *at != '#') || earlier >= pieces->n) {
            text_append_char(to, *at);
            continue;
        }
        if (*at == '$')
            text_append(to, pieces->digest[earlier]);
        else
            text_append_format(to, "%zu", pieces->piece[earlier].length);
        at++;
    }
    digest_of(to->data ? to->data : "", to->length, pieces->digest[pieces->n]);
    pieces->n++;
}

static void split(const uint8_t *data, size_t size, Pieces *ret) {
    const char *at = (const char *)data, *end = at + size;
    while (ret->n < PIECES_MAX) {
        const char *nul = ret->n + 1 < PIECES_MAX ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        add_piece(ret, at, (size_t)((nul ? nul : end) - at));
        if (!nul)
            return;
        at = nul + 1;
    }
}

static void write_file(int dir, const char *name, const Text *text) {
    Error error;
    if (file_write_new(dir, name, text->data ? text->data : "", text->length, 0600, &error) < 0 &&
        error.code != ERROR_EXISTS)
        abort();
}

/* Twice the same piece is one blob. */
static void write_pieces(int tree, const Pieces *pieces) {
    Error error;
    if (file_make_dirs_at(tree, "blobs/sha256", 0700, &error) < 0)
        abort();
    for (size_t i = 0; i + 1 < pieces->n; i++) {
        char name[2] = {(char)('0' + i)};
        autofree char *blob = text_format("blobs/sha256/%s", digest_hex(pieces->digest[i]));
        write_file(tree, blob, &pieces->piece[i]);
        write_file(tree, name, &pieces->piece[i]);
    }
    const Text *last = &pieces->piece[pieces->n - 1];
    bool array = last->length > 0 && *last->data == '[';
    write_file(tree, array ? "manifest.json" : "index.json", last);
}

/* What was read is written so that the same is read again. */
static void check_again(const Text *body) {
    autodone(SavedImages) saved = {}, again = {};
    autodone(Text) text = {};
    Error error;
    if (saved_images_decode(body, &saved, &error) < 0)
        return;
    /* an array, and all of it */
    size_t blank = strspn(body->data, " \t\r\n");
    if (body->data[blank] != '[')
        abort();
    autofree char *json = saved_images_encode(&saved);
    text_append(&text, json);
    if (saved_images_decode(&text, &again, &error) < 0 || again.images.n != saved.images.n)
        abort();
    autofree char *json_again = saved_images_encode(&again);
    if (!text_equal(json, json_again))
        abort();
}

/* In memory: each opening of a store waits for its disk. */
typedef struct Place {
    char path[32];
    int root, tree;
    Store *store;
    Snapshots *snapshots;
    Images *images;
} Place;

static void place_open(Place *place) {
    Error error;
    *place = (Place){.path = "/dev/shm/fuzz-archive-XXXXXX"};
    if (!mkdtemp(place->path) ||
        (place->root = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        mkdirat(place->root, "archive", 0700) < 0)
        abort();
    place->tree = openat(place->root, "archive", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store_open(place->path, &place->store, &error) < 0 ||
        snapshots_open(place->path, "native", place->store, &place->snapshots, &error) < 0)
        abort();
    const ImagesOptions options = {
        .root = place->path,
        .store = place->store,
        .snapshots = place->snapshots,
        .unpack_program = "/proc/nonexistent",
    };
    if (images_open(&options, &place->images, &error) < 0)
        abort();
}

static void place_close(Place *place) {
    Error error;
    images_close(place->images);
    snapshots_close(place->snapshots);
    store_close(place->store);
    close(place->tree);
    close(place->root);
    if (file_remove_tree(AT_FDCWD, place->path, &error) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const Platform platform = {.os = "linux", .architecture = "amd64"};
    autodone(Pieces) pieces = {};
    autodone(ImageLoaded) loaded = {};
    Place place;
    Error error;
    split(data, size, &pieces);
    check_again(&pieces.piece[pieces.n - 1]);
    place_open(&place);
    write_pieces(place.tree, &pieces);
    if (contents_load(place.images, place.tree, &platform, &loaded, &error) == 0)
        for (size_t i = 0; i < loaded.references.n; i++) {
            autoptr(Image) image = NULL;
            if (image_load(place.images, loaded.references.item[i], &image, &error) < 0)
                abort();
        }
    place_close(&place);
    return 0;
}
