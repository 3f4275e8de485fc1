// SPDX-License-Identifier: Apache-2.0
#include "engine/image/send.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/crew/crew.h"
#include "engine/image/document.h"
#include "engine/image/record.h"
#include "engine/registry/upload.h"

enum {
    THREADS_MAX = 8,
    DEPTH_MAX = 4
};
#define REPORT_EVERY (100 * TIME_MILLISECOND)

/* The blobs of one manifest on their way. */
typedef struct Work {
    const Send *send;
    const OciDescriptor **blob; /* the topmost layer first, the config last; each once */
    size_t n;
    pthread_mutex_t mutex; /* guards the listener and all below */
    bool stopped;
    Error error; /* the first; code 0: none */
} Work;

typedef struct Sending {
    Work *work;
    const OciDescriptor *blob;
    const char *kind;
    int64_t last;
} Sending;

static int tell_locked(Work *work, const PushProgress *progress) {
    const Send *send = work->send;
    if (!work->stopped && send->listener && send->listener(send->user, progress) < 0)
        work->stopped = true;
    return work->stopped ? -1 : 0;
}

static int tell(Work *work, const PushProgress *progress) {
    pthread_mutex_lock(&work->mutex);
    int code = tell_locked(work, progress);
    pthread_mutex_unlock(&work->mutex);
    return code;
}

static bool is_stopped(void *user) {
    Work *work = user;
    pthread_mutex_lock(&work->mutex);
    bool stopped = work->stopped;
    pthread_mutex_unlock(&work->mutex);
    return stopped;
}

static int tell_blob(Sending *sending, PushPhase phase, uint64_t current, const char *from) {
    const PushProgress progress = {
        .phase = phase,
        .blob = sending->blob->digest,
        .kind = sending->kind,
        .current = (int64_t)current,
        .total = (int64_t)sending->blob->size.value,
        .from = from,
    };
    return tell(sending->work, &progress);
}

static int report(void *user, uint64_t current) {
    Sending *sending = user;
    int64_t now = time_monotonic();
    if (is_stopped(sending->work))
        return -1;
    if (now - sending->last < REPORT_EVERY)
        return 0;
    sending->last = now;
    return tell_blob(sending, PUSH_PUSHING, current, NULL);
}

static int send_gated(Sending *sending, Error *err) {
    static const PushPhase phases[] = {
        [REGISTRY_EXISTED] = PUSH_EXISTS,
        [REGISTRY_MOUNTED] = PUSH_MOUNTED,
        [REGISTRY_PUSHED] = PUSH_PUSHED,
    };
    const Send *send = sending->work->send;
    const OciDescriptor *blob = sending->blob;
    autodone(JsonTexts) from = {};
    autoclose int fd = -1;
    uint64_t size = blob->size.value;
    RegistryUploaded what = REGISTRY_EXISTED;
    size_t which = 0;
    int code = content_open_blob(send->images->content, blob->digest, &fd, &size, err);
    if (code < 0 && code != ERROR_NOT_FOUND)
        return code;
    if (size != blob->size.value)
        return error_set(
            err, ERROR_CORRUPT, "%s has another size here than the manifest says", blob->digest);
    if (send->sources)
        send->sources(send->user, blob->digest, &from);
    const RegistryUpload upload = {
        .digest = blob->digest,
        .fd = fd,
        .size = size,
        .from = &from,
        .progress = report,
        .user = sending,
    };
    TRY(registry_put_blob(send->registry, &upload, &what, &which, err));
    tell_blob(sending, phases[what], size, what == REGISTRY_MOUNTED ? from.item[which] : NULL);
    return 0;
}

static int send_one(Sending *sending, Error *err) {
    Images *images = sending->work->send->images;
    TRY(gate_enter(&images->flights, &images->uploads, is_stopped, sending->work, err));
    int code = send_gated(sending, err);
    gate_leave(&images->flights, &images->uploads);
    return code;
}

static bool run(void *user, size_t index) {
    Work *work = user;
    Error error = {};
    Sending sending = {work, work->blob[index], index + 1 == work->n ? "config" : "layer", 0};
    int code = is_stopped(work) ? 0 : send_one(&sending, &error);
    pthread_mutex_lock(&work->mutex);
    if (code < 0 && work->error.code == 0)
        work->error = error;
    bool stopped = work->stopped = work->stopped || code < 0;
    pthread_mutex_unlock(&work->mutex);
    return !stopped;
}

/* As docker shows them: all, then those again whose turn is not yet. */
static void announce(Work *work) {
    for (size_t i = 0; i + 1 < work->n; i++)
        tell_blob(&(Sending){work, work->blob[i], "layer", 0}, PUSH_PREPARING, 0, NULL);
    for (size_t i = work->send->images->uploads_max; i + 1 < work->n; i++)
        tell_blob(&(Sending){work, work->blob[i], "layer", 0}, PUSH_WAITING, 0, NULL);
}

static void add_blob(Work *work, const OciDescriptor *blob) {
    for (size_t i = 0; i < work->n; i++)
        if (text_equal(work->blob[i]->digest, blob->digest))
            return;
    work->blob[work->n++] = blob;
}

static int check_blobs(const OciManifest *manifest, Error *err) {
    const OciDescriptor *layer = manifest->layers.item;
    TRY(document_check_descriptor(manifest->config, UINT64_MAX, err));
    for (size_t i = 0; i < manifest->layers.n; i++)
        TRY(document_check_descriptor(&layer[i], UINT64_MAX, err));
    return manifest->layers.n > DOCUMENT_LAYERS_MAX
               ? error_set(
                     err, ERROR_EXHAUSTED, "the image has more than %d layers", DOCUMENT_LAYERS_MAX)
               : 0;
}

static int decode_manifest(const Text *body, OciManifest *ret, Error *err) {
    autodone(OciManifest) manifest = {};
    if (json_decode(&oci_manifest_type, body->data, body->length, &manifest, err) < 0)
        return error_prefix(err, "damaged image manifest");
    TRY(check_blobs(&manifest, err));
    *ret = manifest;
    manifest = (OciManifest){};
    return 0;
}

static int send_blobs(const Send *send, const Text *body, Error *err) {
    autodone(OciManifest) manifest = {};
    TRY(decode_manifest(body, &manifest, err));
    const OciDescriptor *layer = manifest.layers.item;
    autofree const OciDescriptor **blob = new_array(const OciDescriptor *, manifest.layers.n + 1);
    Work work = {.send = send, .blob = blob};
    pthread_mutex_init(&work.mutex, NULL);
    for (size_t i = manifest.layers.n; i > 0; i--)
        add_blob(&work, &layer[i - 1]);
    add_blob(&work, manifest.config);
    announce(&work);
    crew_run(&(Crew){work.n, THREADS_MAX, run, &work});
    pthread_mutex_destroy(&work.mutex);
    if (work.error.code < 0)
        *err = work.error;
    else if (work.stopped)
        error_set(err, ERROR_CANCELLED, "cancelled");
    else
        return 0;
    return err->code;
}

static int send_document(const Send *send, const char *digest, const char *media_type,
    const char *tag, int depth, int64_t *ret_size, Error *err);

static int send_children(const Send *send, const Text *body, int depth, Error *err) {
    autodone(OciIndex) index = {};
    int64_t size;
    if (depth >= DEPTH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the image's indexes are nested too deeply");
    TRY(document_decode_index(body, &index, err));
    const OciDescriptor *child = index.manifests.item;
    for (size_t i = 0; i < index.manifests.n; i++)
        TRY(send_document(send, child[i].digest, child[i].media_type, NULL, depth + 1, &size, err));
    return 0;
}

/* media_type NULL: what the document says of itself. */
static int send_document(const Send *send, const char *digest, const char *media_type,
    const char *tag, int depth, int64_t *ret_size, Error *err) {
    autodone(Text) body = {};
    DocumentKind kind;
    TRY(content_read(send->images->content, digest, DOCUMENT_MAX, &body, err));
    TRY(document_classify(media_type, &body, &kind, err));
    TRY(kind == DOCUMENT_INDEX ? send_children(send, &body, depth, err)
                               : send_blobs(send, &body, err));
    autofree char *own = document_media_type(&body, kind);
    TRY(registry_put_manifest(send->registry, tag ? tag : digest,
        text_is_empty(media_type) ? own : media_type, &body, err));
    const PushProgress done = {
        .phase = PUSH_PUSHED,
        .blob = digest,
        .kind = kind == DOCUMENT_INDEX ? "index" : "manifest",
        .current = (int64_t)body.length,
        .total = (int64_t)body.length,
    };
    if (send->listener)
        send->listener(send->user, &done);
    *ret_size = (int64_t)body.length;
    return 0;
}

int send_tree(const Send *send, const char *digest, const char *media_type, const char *tag,
    int64_t *ret_size, Error *err) {
    return send_document(send, digest, media_type, tag, 0, ret_size, err);
}

static bool has_blobs(Content *content, const Text *body) {
    autodone(OciManifest) manifest = {};
    Error ignored;
    if (decode_manifest(body, &manifest, &ignored) < 0)
        return false;
    const OciDescriptor *layer = manifest.layers.item;
    bool whole = content_has(content, manifest.config->digest);
    for (size_t i = 0; whole && i < manifest.layers.n; i++)
        whole = content_has(content, layer[i].digest);
    return whole;
}

static bool is_whole(Content *content, const char *digest, int depth) {
    autodone(Text) body = {};
    autodone(OciIndex) index = {};
    DocumentKind kind;
    Error ignored;
    if (depth > DEPTH_MAX || content_read(content, digest, DOCUMENT_MAX, &body, &ignored) < 0 ||
        document_classify(NULL, &body, &kind, &ignored) < 0)
        return false;
    if (kind == DOCUMENT_MANIFEST)
        return has_blobs(content, &body);
    if (document_decode_index(&body, &index, &ignored) < 0)
        return false;
    const OciDescriptor *child = index.manifests.item;
    for (size_t i = 0; i < index.manifests.n; i++)
        if (!is_whole(content, child[i].digest, depth + 1))
            return false;
    return true;
}

bool send_is_whole(Content *content, const char *digest) {
    return is_whole(content, digest, 0);
}

/* A manifest says nothing of its platform; its config does. */
static int check_config(Content *content, const Text *body, const Platform *platform, Error *err) {
    autodone(OciManifest) manifest = {};
    autodone(OciImage) image = {};
    autodone(Text) config = {};
    TRY(decode_manifest(body, &manifest, err));
    TRY(content_read(content, manifest.config->digest, DOCUMENT_CONFIG_MAX, &config, err));
    TRY(document_decode_config(&config, manifest.layers.n, &image, err));
    return platform_check(platform, NULL, &image, err);
}

int send_choose(Content *content, const char *digest, const Platform *platform,
    char ret[DIGEST_TEXT_SIZE], Error *err) {
    char at[DIGEST_TEXT_SIZE], wanted[PLATFORM_TEXT_SIZE];
    memcpy(at, digest, sizeof(at));
    for (int depth = 0; depth <= DEPTH_MAX; depth++) {
        autodone(Text) body = {};
        autodone(OciIndex) index = {};
        DocumentKind kind;
        if (content_read(content, at, DOCUMENT_MAX, &body, err) == ERROR_NOT_FOUND)
            break;
        TRY(document_classify(NULL, &body, &kind, err));
        if (kind == DOCUMENT_MANIFEST) {
            TRY(depth == 0 ? check_config(content, &body, platform, err) : 0);
            memcpy(ret, at, sizeof(at));
            return 0;
        }
        TRY(document_decode_index(&body, &index, err));
        const OciDescriptor *child = platform_choose(platform, &index);
        if (!child)
            break;
        memcpy(at, child->digest, sizeof(at));
    }
    return error_set(err, ERROR_NOT_FOUND, "image with platform %s is not here",
        platform_format(platform, wanted));
}
