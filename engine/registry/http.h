// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/registry/proxy.h"

/* One HTTP exchange, redirects followed by hand: no header of ours travels with them. Private to
 * engine/registry. A pool keeps idle connections; any thread. */
typedef struct HttpPool {
    pthread_mutex_t mutex;
    CURL **idle;
    size_t n;
    Proxies proxies;
} HttpPool;

/* Who we are to one host, and whom we believe there. Stays with its origin: a redirect elsewhere
 * gets nothing of it. */
typedef struct HttpIdentity {
    char *ca;                /* PEM certificates, trusted besides the system's; NULL: none */
    char *certificate, *key; /* files; NULL: none; the key may be in the certificate's */
    JsonMap headers;
} HttpIdentity;

void http_identity_done(HttpIdentity *identity);
void http_identity_copy(const HttpIdentity *from, HttpIdentity *to); /* empty before */

void http_pool_init(HttpPool *pool);
void http_pool_done(HttpPool *pool);
CLEANUP_DEFINE_DONE(HttpPool, http_pool_done)

typedef struct HttpResponse HttpResponse;

/* The body of an answer, in pieces. */
typedef struct HttpSink {
    int (*start)(void *user, const HttpResponse *response, Error *err);
    int (*write)(void *user, const void *data, size_t n, Error *err);
    int (*progress)(void *user); /* at least once a second; negative = stop; may be NULL */
    void *user;
} HttpSink;

/* The body of a request: a part of a file, or memory. */
typedef struct HttpSource {
    const char *data; /* NULL: fd */
    int fd;
    uint64_t offset, size;
    int (*progress)(void *user, uint64_t sent); /* as the sink's; may be NULL */
    void *user;
} HttpSource;

typedef struct HttpRequest {
    const char *url;
    const char *who;           /* is asked, in messages; NULL: "registry" */
    const char *method;        /* NULL: GET, or POST with a form; others follow no redirect */
    const char *accept;        /* header value, or NULL */
    const char *authorization; /* header value, or NULL; only to the first URL */
    const char *form;          /* POST body, or NULL */
    const HttpSource *source;  /* body for `method`; NULL: none */
    const char *content_type, *content_range; /* of the source, or NULL */
    uint64_t offset;                          /* Range: bytes=offset- */
    const HttpIdentity *identity;             /* NULL: none */
    bool verify;
    const HttpSink *sink; /* for 200 and 206; NULL: into body */
    size_t limit;         /* of body */
} HttpRequest;

struct HttpResponse {
    long status;
    char *content_type; /* without parameters */
    char *location, *digest;
    char *link, *subject; /* Link, OCI-Subject */
    char *proxy;          /* its name, when one stood between and the answer may be its own */
    int64_t stored;       /* bytes of an upload that the registry has; -1: not said */
    int64_t chunk_min;    /* OCI-Chunk-Min-Length */
    JsonTexts challenges; /* WWW-Authenticate */
    JsonTexts warnings;   /* Warning: 299, printable */
    int64_t length;       /* Content-Length; 0: not said */
    uint64_t range_from;  /* where a 206 begins */
    int64_t retry_after;  /* seconds; 0: not said */
    Text body;            /* of errors too, at most 64 KiB of those */
};

/* ERROR_UNAVAILABLE with reason NOT_SENT: no connection was made. Other transport failures are
 * ERROR_UNAVAILABLE, or what the sink said, or ERROR_CANCELLED. */
int http_perform(HttpPool *pool, const HttpRequest *request, HttpResponse *ret, Error *err);
void http_response_done(HttpResponse *response);
CLEANUP_DEFINE_DONE(HttpResponse, http_response_done)

/* Do both URLs name one scheme, host and port? */
bool http_same_origin(const char *a, const char *b);

/* What a Location means that came as an answer for `base`. New string; NULL: no URL of http. */
char *http_resolve(const char *base, const char *location);
