// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/registry.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "engine/registry/address.h"
#include "engine/registry/auth.h"
#include "engine/registry/http.h"
#include "engine/registry/refusal.h"
#include "oci/image.h"

/* Each endpoint keeps the Authorization value that its registry last accepted. Endpoints are tried
 * in order; the first that answers a manifest request is asked first for blobs. */
enum {
    MANIFEST_MAX = 4 << 20,
    ATTEMPTS = 5,
};
#define FIRST_PAUSE (500 * TIME_MILLISECOND)
#define SHORT_PAUSE (50 * TIME_MILLISECOND) /* the registry does answer, a piece at a time */
#define LONGEST_PAUSE (30 * TIME_SECOND)    /* that a registry can ask for */

static const char accept_manifests[] =
    OCI_MEDIA_INDEX ", " OCI_MEDIA_MANIFEST ", " DOCKER_MEDIA_LIST ", " DOCKER_MEDIA_MANIFEST;

struct Registry {
    Endpoints endpoints;
    char **authorization;  /* by endpoint */
    pthread_mutex_t mutex; /* guards authorization */
    atomic_size_t current;
    HttpPool pool;
    char *username, *password, *identity_token;
    char *path, *name, *version; /* familiar, for messages */
};

int registry_set_up(Error *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return error_set(err, ERROR_INTERNAL, "cannot set up libcurl");
    return 0;
}

int registry_open(const RegistryConfig *config, const Reference *reference,
    const RegistryCredentials *credentials, Registry **ret, Error *err) {
    static const RegistryConfig nothing;
    static const RegistryCredentials nobody;
    autoptr(Registry) registry = new (Registry);
    pthread_mutex_init(&registry->mutex, NULL);
    http_pool_init(&registry->pool);
    config = config ? config : &nothing;
    credentials = credentials ? credentials : &nobody;
    registry->username = text_copy(credentials->username);
    registry->password = text_copy(credentials->password);
    registry->identity_token = text_copy(credentials->identity_token);
    registry->path = text_copy(reference->path);
    registry->name = reference_familiar_name(reference);
    registry->version = reference_familiar(reference);
    registry->pool.http_proxy = text_copy(config->http_proxy);
    registry->pool.https_proxy = text_copy(config->https_proxy);
    registry->pool.no_proxy = text_copy(config->no_proxy);
    TRY(endpoints_list(config, reference->domain, reference->path, &registry->endpoints, err));
    registry->authorization = new_array(char *, registry->endpoints.n);
    *ret = take_ptr(&registry);
    return 0;
}

static void forget(char *secret) {
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void registry_close(Registry *registry) {
    if (!registry)
        return;
    for (size_t i = 0; registry->authorization && i < registry->endpoints.n; i++)
        forget(registry->authorization[i]);
    free(registry->authorization);
    endpoints_done(&registry->endpoints);
    http_pool_done(&registry->pool);
    pthread_mutex_destroy(&registry->mutex);
    forget(registry->password);
    forget(registry->identity_token);
    free(registry->username);
    free(registry->path);
    free(registry->name);
    free(registry->version);
    free(registry);
}

static char *get_authorization(Registry *registry, size_t index) {
    pthread_mutex_lock(&registry->mutex);
    char *value = text_copy(registry->authorization[index]);
    pthread_mutex_unlock(&registry->mutex);
    return value;
}

static void set_authorization(Registry *registry, size_t index, char *value) {
    pthread_mutex_lock(&registry->mutex);
    forget(registry->authorization[index]);
    registry->authorization[index] = value;
    pthread_mutex_unlock(&registry->mutex);
}

static int authenticate(Registry *registry, size_t index, const JsonTexts *challenges, Error *err) {
    RegistryCredentials credentials = {
        registry->username, registry->password, registry->identity_token};
    Authentication authentication = {
        .endpoint = &registry->endpoints.item[index],
        .credentials = &credentials,
        .path = registry->path,
        .pool = &registry->pool,
    };
    const Endpoint *endpoint = authentication.endpoint;
    bool anonymous = text_is_empty(registry->username) && text_is_empty(registry->identity_token);
    if (endpoint->username && (endpoint->mirror || anonymous))
        credentials = (RegistryCredentials){endpoint->username, endpoint->password, NULL};
    char *value;
    int code = auth_answer(&authentication, challenges, &value, err);
    if (code == ERROR_DENIED)
        return refusal_denied(registry->name, err);
    TRY(code);
    set_authorization(registry, index, value);
    return 0;
}

/* One request to one endpoint, the challenge answered when there is one. */
static int ask(
    Registry *registry, size_t index, HttpRequest *request, HttpResponse *ret, Error *err) {
    const Endpoint *endpoint = &registry->endpoints.item[index];
    request->verify = endpoint->verify;
    request->direct = endpoint->loopback;
    request->identity = &endpoint->identity;
    for (int round = 0;; round++) {
        autofree char *authorization = get_authorization(registry, index);
        request->authorization = authorization;
        TRY(http_perform(&registry->pool, request, ret, err));
        if (ret->status != 401 || ret->challenges.n == 0 || round == 1)
            return 0;
        int code = authenticate(registry, index, &ret->challenges, err);
        http_response_done(ret);
        TRY(code);
    }
}

/* Is trying again, or elsewhere, of use? */
static bool may_pass(int code, const Error *err) {
    return code == ERROR_UNAVAILABLE && !text_equal(err->reason, "NOT_SENT");
}

static bool is_transient(long status) {
    return status == 429 || status == 408 || status >= 500;
}

/* Ours, or what the registry asks for, within reason. */
static int64_t wanted_pause(int64_t ours, int64_t seconds) {
    int64_t theirs = seconds < LONGEST_PAUSE / TIME_SECOND ? seconds * TIME_SECOND : LONGEST_PAUSE;
    return theirs > ours ? theirs : ours;
}

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

static int get_manifest_from(
    Registry *registry, size_t index, const char *name, RegistryManifest *ret, Error *err) {
    autofree char *url =
        endpoint_url(&registry->endpoints.item[index], registry->path, "manifests", name);
    int64_t pause = FIRST_PAUSE;
    for (int attempt = 1;; attempt++, pause *= 2) {
        HttpRequest request = {.url = url, .accept = accept_manifests, .limit = MANIFEST_MAX};
        autodone(HttpResponse) response = {};
        int code = ask(registry, index, &request, &response, err);
        if (code == 0 && response.status == 200)
            return check_manifest(registry, name, &response, ret, err);
        bool again = code < 0 ? may_pass(code, err) : is_transient(response.status);
        if (code == 0)
            code = refusal_explain(&response, registry->name, registry->version, err);
        if (!again || attempt == ATTEMPTS - 2)
            return code;
        time_sleep(wanted_pause(pause, response.retry_after));
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
        code = get_manifest_from(registry, i, name, ret, &error);
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

static int start_blob(void *user, long status, uint64_t from, Error *err) {
    BlobSink *sink = user;
    uint64_t offset = content_writer_offset(sink->writer);
    if (status == 206 && from != offset)
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
    TRY(ask(registry, index, &request, &response, err));
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
    return is_transient(response.status) || code != ERROR_UNAVAILABLE
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
    int64_t pause = FIRST_PAUSE;
    for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
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
            pause = SHORT_PAUSE;
        }
        if (attempt < ATTEMPTS)
            TRY(rest(blob, wanted_pause(pause, blob->retry_after), err));
        pause = pause < FIRST_PAUSE ? FIRST_PAUSE : pause * 2;
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
