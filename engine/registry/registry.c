// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "engine/registry/refusal.h"
#include "engine/registry/session.h"
#include "oci/image.h"

/* Endpoints are tried in order; the first that answers a manifest request is asked first for
 * blobs. */
enum {
    MANIFEST_MAX = 4 << 20
};

static const char accept_manifests[] =
    OCI_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_LIST ", " DOCKER_MEDIA_MANIFEST;

static int check_manifest(Registry *registry, const char *name, HttpResponse *response,
    RegistryManifest *ret, Error *err) {
    digest_of(response->body.data ? response->body.data : "", response->body.length, ret->digest);
    bool by_digest = strchr(name, ':');
    const char *promised = by_digest ? name : response->digest;
    if (promised && text_starts(promised, "sha256:") && !text_equal(promised, ret->digest))
        return error_set(err, ERROR_CORRUPT,
            "wrong digest of the manifest of %s: expected %.80s, the content is %s",
            registry->version, promised, ret->digest);
    ret->media_type = text_copy(response->content_type ? response->content_type : "");
    ret->body = response->body;
    response->body = (Text){};
    return 0;
}

int session_get_manifest(
    Registry *registry, size_t index, const char *name, RegistryManifest *ret, Error *err) {
    autofree char *url =
        endpoint_url(&registry->endpoints.item[index], registry->path, "manifests", name);
    int64_t pause = SESSION_PAUSE;
    for (int attempt = 1;; attempt++, pause *= 2) {
        HttpRequest request = {.url = url, .accept = accept_manifests, .limit = MANIFEST_MAX};
        autodone(HttpResponse) response = {};
        int code = session_ask(registry, index, &request, &response, err);
        if (code == 0 && response.status == 200)
            return check_manifest(registry, name, &response, ret, err);
        bool again = code < 0 ? session_may_pass(code, err) : session_is_transient(response.status);
        if (code == 0)
            code = refusal_explain(&response, registry->name, registry->version, err);
        if (!again || attempt == SESSION_ATTEMPTS - 2)
            return code;
        time_sleep(session_pause(pause, response.retry_after));
    }
}

/* The last endpoint is the registry itself: what it says is what the user hears. A TLS endpoint
 * that does not speak TLS says less than plain HTTP's answer. */
int registry_get_manifest(Registry *registry, const char *name, RegistryManifest *ret, Error *err) {
    size_t n = registry->endpoints.n, first = atomic_load(&registry->current);
    bool by_digest = strchr(name, ':'), skipped = false;
    int code =
        error_set(err, ERROR_NOT_FOUND, "no configured host may resolve %s", registry->version);
    for (size_t i = first; i < n; i++) {
        const Endpoint *endpoint = &registry->endpoints.item[i];
        Error error = {};
        if (endpoint->no_pull || (endpoint->no_resolve && !by_digest)) {
            skipped = true;
            continue;
        }
        *ret = (RegistryManifest){};
        code = session_get_manifest(registry, i, name, ret, &error);
        if (code == 0) {
            /* One that only gives blobs still stands before this one. */
            if (!skipped)
                atomic_store(&registry->current, i);
            return 0;
        }
        *err = error;
        bool elsewhere = endpoint->mirror || text_equal(error.reason, "NOT_SENT");
        if (!elsewhere)
            break;
    }
    err->reason[0] = '\0';
    return code;
}

void registry_manifest_done(RegistryManifest *manifest) {
    free(manifest->media_type);
    text_done(&manifest->body);
    *manifest = (RegistryManifest){};
}

typedef struct BlobSink {
    ContentWriter *writer;
    RegistryProgress *progress;
    void *user;
    int64_t retry_after; /* seconds, of the last refusal */
} BlobSink;

static int start_blob(void *user, const HttpResponse *response, Error *err) {
    BlobSink *sink = user;
    long status = response->status;
    uint64_t offset = content_writer_offset(sink->writer);
    if (status == 206 && response->range_from != offset)
        return error_set(err, ERROR_UNAVAILABLE, "the registry resumes at the wrong place");
    return status == 200 && offset > 0 ? content_writer_restart(sink->writer, err) : 0;
}

static int write_blob(void *user, const void *data, size_t n, Error *err) {
    return content_writer_write(((BlobSink *)user)->writer, data, n, err);
}

static int report_blob(void *user) {
    BlobSink *sink = user;
    return sink->progress ? sink->progress(sink->user, content_writer_offset(sink->writer)) : 0;
}

/* Returns 1 when the blob is complete, 0 to go on where it stands now. */
static int get_piece(
    Registry *registry, size_t index, const char *url, BlobSink *blob, Error *err) {
    ContentWriter *writer = blob->writer;
    HttpSink sink = {start_blob, write_blob, report_blob, blob};
    HttpRequest request = {
        .url = url,
        .offset = content_writer_offset(writer),
        .sink = &sink,
    };
    autodone(HttpResponse) response = {};
    blob->retry_after = 0;
    TRY(session_ask(registry, index, &request, &response, err));
    blob->retry_after = response.retry_after;
    if (content_writer_offset(writer) == content_writer_size(writer) &&
        (response.status == 200 || response.status == 206))
        return 1;
    if (response.status == 416)
        return content_writer_restart(writer, err);
    if (response.status == 200 || response.status == 206)
        return error_set(err, ERROR_UNAVAILABLE, "the registry's answer for %s is cut off",
            content_writer_digest(writer));
    if (response.status == 404) {
        refusal_set(&response, ERROR_NOT_FOUND, "blob unknown to registry", err);
        return error_prefix(
            err, "layer %s of %s not found", content_writer_digest(writer), registry->name);
    }
    int code = refusal_explain(&response, registry->name, registry->version, err);
    return session_is_transient(response.status) || code != ERROR_UNAVAILABLE
               ? code
               : (err->code = ERROR_INTERNAL);
}

/* Waits, and listens meanwhile whether it is still wanted. */
static int rest(const BlobSink *blob, int64_t pause, Error *err) {
    int64_t end = time_monotonic() + pause;
    while (time_monotonic() < end) {
        if (blob->progress && blob->progress(blob->user, content_writer_offset(blob->writer)) < 0)
            return error_set(err, ERROR_CANCELLED, "cancelled");
        time_sleep(100 * TIME_MILLISECOND);
    }
    return 0;
}

static int get_blob_from(Registry *registry, size_t index, BlobSink *blob, Error *err) {
    ContentWriter *writer = blob->writer;
    autofree char *url = endpoint_url(
        &registry->endpoints.item[index], registry->path, "blobs", content_writer_digest(writer));
    int64_t pause = SESSION_PAUSE;
    for (int attempt = 1; attempt <= SESSION_ATTEMPTS; attempt++) {
        uint64_t before = content_writer_offset(writer);
        if (before == content_writer_size(writer))
            return 0; /* all came before the connection broke */
        int code = get_piece(registry, index, url, blob, err);
        if (code > 0)
            return 0;
        if (code < 0 && code != ERROR_UNAVAILABLE)
            return code;
        if (content_writer_offset(writer) > before) {
            attempt = 1;
            pause = SESSION_SHORT_PAUSE;
        }
        if (attempt < SESSION_ATTEMPTS)
            TRY(rest(blob, session_pause(pause, blob->retry_after), err));
        pause = pause < SESSION_PAUSE ? SESSION_PAUSE : pause * 2;
    }
    return err->code;
}

int registry_get_blob(
    Registry *registry, ContentWriter *writer, RegistryProgress *progress, void *user, Error *err) {
    BlobSink blob = {.writer = writer, .progress = progress, .user = user};
    if (content_writer_offset(writer) == content_writer_size(writer))
        return 0;
    int code =
        error_set(err, ERROR_NOT_FOUND, "no configured host may give blobs of %s", registry->name);
    for (size_t i = atomic_load(&registry->current); i < registry->endpoints.n; i++) {
        if (registry->endpoints.item[i].no_pull)
            continue;
        code = get_blob_from(registry, i, &blob, err);
        if (code == 0 || !registry->endpoints.item[i].mirror || code == ERROR_CANCELLED)
            break;
    }
    err->reason[0] = '\0';
    return code;
}
