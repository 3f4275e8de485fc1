// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/upload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/registry/referrers.h"
#include "engine/registry/refusal.h"
#include "engine/registry/session.h"

/* distribution-spec 1.1, "Pushing Blobs":
 *
 *     HEAD  blobs/DIGEST                      there already?
 *     POST  blobs/uploads/?mount=DIGEST&from=OTHER
 *               201   mounted
 *               202   an upload begins at Location, which changes with each answer
 *     PATCH Location                          as much as the registry takes at once
 *     GET   Location                          after a failure: how far did we come?
 *     PUT   Location?digest=DIGEST            all is there; or, for a small blob, here it is
 */
enum {
    SMALL = 1 << 20,
    CHUNK_MIN = 1 << 20,
    MOUNTS_MAX = 3,
};

typedef struct Upload {
    Registry *registry;
    const RegistryUpload *blob;
    char *location;      /* NULL: none begun */
    uint64_t stored;     /* that the registry has */
    uint64_t chunk;      /* at most so much at once */
    int64_t retry_after; /* seconds, of the last refusal */
    uint64_t reached;    /* the furthest: what counts as progress */
} Upload;

/* A request to the endpoint that takes uploads; the first one finds it. */
static int ask(Registry *registry, const char *kind, const char *name, HttpRequest *request,
    HttpResponse *ret, Error *err) {
    size_t known = atomic_load(&registry->taking), n = registry->endpoints.n;
    int code =
        error_set(err, ERROR_DENIED, "no configured host takes uploads of %s", registry->name);
    for (size_t i = known ? known - 1 : 0; i < n; i++) {
        const Endpoint *endpoint = &registry->endpoints.item[i];
        if (endpoint->no_push)
            continue;
        autofree char *url =
            kind ? endpoint_url(endpoint, registry->path, kind, name) : text_copy(name);
        request->url = url;
        code = session_ask(registry, i, request, ret, err);
        if (code == 0)
            atomic_store(&registry->taking, i + 1);
        if (known || code == 0 || !text_equal(err->reason, "NOT_SENT"))
            break;
    }
    return code;
}

static int ask_at(Upload *upload, HttpRequest *request, HttpResponse *ret, Error *err) {
    autofree char *url = text_copy(request->url);
    upload->retry_after = 0;
    TRY(ask(upload->registry, NULL, url, request, ret, err));
    upload->retry_after = ret->retry_after;
    return 0;
}

static int rest(const Upload *upload, int64_t pause, Error *err) {
    int64_t end = time_monotonic() + session_pause(pause, upload->retry_after);
    const RegistryUpload *blob = upload->blob;
    while (time_monotonic() < end) {
        if (blob->progress && blob->progress(blob->user, upload->stored) < 0)
            return error_set(err, ERROR_CANCELLED, "cancelled");
        time_sleep(100 * TIME_MILLISECOND);
    }
    return 0;
}

/* The next request goes to Location: absolute, or relative to the one that was asked. */
static int take_location(
    Upload *upload, const char *asked, const HttpResponse *response, Error *err) {
    if (text_is_empty(response->location))
        return upload->location
                   ? 0
                   : error_set(err, ERROR_UNAVAILABLE, "the registry names no place for an upload");
    char *next = http_resolve(asked, response->location);
    bool downgrade = next && text_starts(asked, "https://") && !text_starts(next, "https://");
    if (!next || downgrade) {
        free(next);
        return error_set(err, ERROR_DENIED, "the registry wants the upload at %.200s: refused",
            response->location);
    }
    free(upload->location);
    upload->location = next;
    return 0;
}

static void forget_session(Upload *upload) {
    free(upload->location);
    upload->location = NULL;
    upload->stored = 0;
}

/* Returns 1 when the registry has the blob. */
static int look(Upload *upload, Error *err) {
    HttpRequest request = {.method = "HEAD"};
    autodone(HttpResponse) response = {};
    TRY(ask(upload->registry, "blobs", upload->blob->digest, &request, &response, err));
    upload->retry_after = response.retry_after;
    if (response.status == 200)
        return 1;
    if (response.status == 404)
        return 0;
    return refusal_explain_upload(&response, err);
}

/* Begins an upload, or finds that none is needed: returns 1 when the blob was mounted. */
static int begin(Upload *upload, const char *from, Error *err) {
    static const HttpSource nothing = {.data = ""};
    autodone(Text) name = {};
    text_append(&name, "uploads/");
    if (from)
        text_append_format(&name, "?mount=%s&from=%s", upload->blob->digest, from);
    HttpRequest request = {.method = "POST", .source = &nothing};
    autodone(HttpResponse) response = {};
    upload->retry_after = 0;
    TRY(ask(upload->registry, "blobs", name.data, &request, &response, err));
    upload->retry_after = response.retry_after;
    if (from && response.status == 201)
        return 1;
    if (response.status != 202)
        return refusal_explain_upload(&response, err);
    if (response.chunk_min > CHUNK_MIN)
        upload->chunk = upload->chunk < (uint64_t)response.chunk_min ? (uint64_t)response.chunk_min
                                                                     : upload->chunk;
    upload->stored = 0;
    const Endpoint *endpoint =
        &upload->registry->endpoints.item[atomic_load(&upload->registry->taking) - 1];
    autofree char *asked = endpoint_url(endpoint, upload->registry->path, "blobs", name.data);
    return take_location(upload, asked, &response, err);
}

static void cancel(Upload *upload) {
    autodone(HttpResponse) response = {};
    HttpRequest request = {.url = upload->location, .method = "DELETE"};
    Error ignored;
    if (upload->location)
        ask_at(upload, &request, &response, &ignored);
    forget_session(upload);
}

/* Returns 1, and which, when one of the other repositories gave the blob. A registry that refuses
 * to mount begins an upload instead, or says that we may not look there: both are no failure. */
static int borrow(Upload *upload, size_t *ret, Error *err) {
    const JsonTexts *from = upload->blob->from;
    for (size_t i = 0; from && i < from->n && i < MOUNTS_MAX; i++) {
        cancel(upload);
        int code = begin(upload, from->item[i], err);
        if (code > 0)
            *ret = i;
        if (code > 0 || code == ERROR_UNAVAILABLE || code == ERROR_CANCELLED)
            return code;
    }
    return 0;
}

static int report(void *user, uint64_t sent) {
    const Upload *upload = user;
    const RegistryUpload *blob = upload->blob;
    return blob->progress ? blob->progress(blob->user, upload->stored + sent) : 0;
}

static HttpSource source_of(Upload *upload, uint64_t size) {
    return (HttpSource){
        .fd = upload->blob->fd,
        .offset = upload->stored,
        .size = size,
        .progress = report,
        .user = upload,
    };
}

static int send_chunk(Upload *upload, Error *err) {
    uint64_t left = upload->blob->size - upload->stored;
    uint64_t n = left < upload->chunk ? left : upload->chunk;
    HttpSource source = source_of(upload, n);
    autofree char *range =
        text_format("%" PRIu64 "-%" PRIu64, upload->stored, upload->stored + n - 1);
    autofree char *asked = text_copy(upload->location);
    HttpRequest request = {
        .url = asked,
        .method = "PATCH",
        .source = &source,
        .content_type = "application/octet-stream",
        /* a stream from the start says nothing: all registries take that */
        .content_range = upload->stored == 0 && n == left ? NULL : range,
    };
    autodone(HttpResponse) response = {};
    TRY(ask_at(upload, &request, &response, err));
    if (response.status == 413 && n > CHUNK_MIN) {
        upload->chunk = n / 2 > CHUNK_MIN ? n / 2 : CHUNK_MIN;
        return 0;
    }
    if (response.status == 416)
        return error_set(err, ERROR_UNAVAILABLE, "the registry has lost a part of the upload");
    if (response.status != 202 && response.status != 204 && response.status != 201)
        return refusal_explain_upload(&response, err);
    TRY(take_location(upload, asked, &response, err));
    uint64_t now = response.stored > 0 ? (uint64_t)response.stored : upload->stored + n;
    if (now > upload->stored + n)
        return error_set(
            err, ERROR_CORRUPT, "the registry has more of %s than was sent", upload->blob->digest);
    upload->stored = now;
    return 0;
}

static int complete(Upload *upload, Error *err) {
    uint64_t left = upload->blob->size - upload->stored;
    HttpSource source = source_of(upload, left);
    if (left == 0)
        source.data = "";
    autofree char *url = text_format("%s%cdigest=%s", upload->location,
        strchr(upload->location, '?') ? '&' : '?', upload->blob->digest);
    HttpRequest request = {
        .url = url,
        .method = "PUT",
        .source = &source,
        .content_type = "application/octet-stream",
    };
    autodone(HttpResponse) response = {};
    TRY(ask_at(upload, &request, &response, err));
    if (response.status != 201 && response.status != 204)
        return refusal_explain_upload(&response, err);
    if (response.digest && text_starts(response.digest, "sha256:") &&
        !text_equal(response.digest, upload->blob->digest))
        return error_set(err, ERROR_CORRUPT, "the registry stored %s as %.80s",
            upload->blob->digest, response.digest);
    return 0;
}

/* Returns 1 when all is done, 0 to go on. */
static int advance(Upload *upload, Error *err) {
    if (!upload->location)
        return begin(upload, NULL, err);
    if (upload->stored < upload->blob->size && (upload->stored > 0 || upload->blob->size > SMALL))
        return send_chunk(upload, err);
    TRY(complete(upload, err));
    return 1;
}

/* After a failure: perhaps all went well and only the answer was lost; perhaps the upload is still
 * there, to go on with; else it begins anew. Returns 1 when the blob is there. */
static int recover(Upload *upload, Error *err) {
    HttpRequest request = {.url = upload->location};
    autodone(HttpResponse) response = {};
    Error lost;
    if (!upload->location)
        return 0;
    if (upload->stored == upload->blob->size || upload->blob->size <= SMALL) {
        int there = look(upload, err);
        if (there != 0)
            return there;
    }
    autofree char *asked = text_copy(upload->location);
    request.url = asked;
    if (ask_at(upload, &request, &response, &lost) < 0 || response.status != 204 ||
        take_location(upload, asked, &response, &lost) < 0 || response.stored < 0 ||
        (uint64_t)response.stored > upload->blob->size)
        forget_session(upload);
    else
        upload->stored = (uint64_t)response.stored;
    return 0;
}

/* A refusal of the upload itself may be of the session that was lost: it gets a second one. */
static bool may_go_on(const Upload *upload, int code, const Error *err) {
    return session_may_pass(code, err) ||
           (upload->location && (code == ERROR_NOT_FOUND || code == ERROR_INVALID));
}

static int send_blob(Upload *upload, Error *err) {
    int64_t pause = SESSION_PAUSE;
    int failures = 0;
    for (;;) {
        int code = advance(upload, err);
        if (code > 0)
            return 0;
        if (code == 0)
            continue;
        failures += session_may_pass(code, err) ? 1 : SESSION_ATTEMPTS - 2;
        if (!may_go_on(upload, code, err) || failures >= SESSION_ATTEMPTS)
            return code;
        Error gone;
        if (recover(upload, &gone) > 0)
            return 0;
        if (upload->stored > upload->reached) {
            upload->reached = upload->stored;
            failures = 0;
            pause = SESSION_SHORT_PAUSE;
        }
        TRY(rest(upload, pause, err));
        pause = pause < SESSION_PAUSE ? SESSION_PAUSE : pause * 2;
    }
}

static int look_repeatedly(Upload *upload, Error *err) {
    int64_t pause = SESSION_PAUSE;
    for (int attempt = 1;; attempt++, pause *= 2) {
        int code = look(upload, err);
        if (code >= 0 || !session_may_pass(code, err) || attempt == SESSION_ATTEMPTS - 2)
            return code;
        TRY(rest(upload, pause, err));
    }
}

static int put(Upload *upload, RegistryUploaded *ret, size_t *ret_from, Error *err) {
    *ret = REGISTRY_EXISTED;
    int code = look_repeatedly(upload, err);
    if (code != 0)
        return code < 0 ? code : 0;
    *ret = REGISTRY_MOUNTED;
    code = borrow(upload, ret_from, err);
    if (code > 0)
        return 0;
    if (code < 0 && !session_may_pass(code, err))
        return code;
    *ret = REGISTRY_PUSHED;
    if (upload->blob->fd >= 0)
        return send_blob(upload, err);
    cancel(upload);
    return error_set(
        err, ERROR_NOT_FOUND, "blob %s is neither here nor in the registry", upload->blob->digest);
}

int registry_put_blob(Registry *registry, const RegistryUpload *blob, RegistryUploaded *ret,
    size_t *ret_from, Error *err) {
    Upload upload = {.registry = registry, .blob = blob, .chunk = UINT64_MAX};
    int code = put(&upload, ret, ret_from, err);
    free(upload.location);
    err->reason[0] = '\0';
    return code < 0 ? code : 0;
}

static int put_document(Registry *registry, const char *name, const char *media_type,
    const Text *body, bool *ret_subject_known, int64_t *ret_after, Error *err) {
    HttpSource source = {.data = body->data, .size = body->length};
    HttpRequest request = {.method = "PUT", .source = &source, .content_type = media_type};
    autodone(HttpResponse) response = {};
    TRY(ask(registry, "manifests", name, &request, &response, err));
    *ret_after = response.retry_after;
    *ret_subject_known = response.subject;
    if (response.status == 201 || response.status == 200)
        return 0;
    return refusal_explain_upload(&response, err);
}

int registry_put_manifest(
    Registry *registry, const char *name, const char *media_type, const Text *body, Error *err) {
    int64_t pause = SESSION_PAUSE, after = 0;
    bool known = false;
    for (int attempt = 1;; attempt++, pause *= 2) {
        int code = put_document(registry, name, media_type, body, &known, &after, err);
        if (code == 0)
            return known ? 0 : referrers_add(registry, media_type, body, err);
        if (!session_may_pass(code, err) || attempt == SESSION_ATTEMPTS - 2)
            return code;
        time_sleep(session_pause(pause, after));
    }
}
