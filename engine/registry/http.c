// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/registry/header.h"
#include "engine/registry/secret.h"
#include "version.h"

enum {
    REDIRECTS_MAX = 5,
    CONNECT_SECONDS = 15,
    STALL_SECONDS = 30,   /* with less than a byte a second */
    VERIFY_SECONDS = 300, /* of silence while a registry looks at what it got */
    HEADER_MAX = 16384,
    ERROR_BODY_MAX = 65536,
};

typedef struct Exchange {
    const HttpPool *pool;
    CURL *curl;
    const HttpRequest *request;
    HttpResponse *response;
    bool started;  /* the sink knows the status */
    bool enough;   /* a refusal goes on and on: what it said so far will do */
    uint64_t sent; /* of the source */
    Error error;   /* of the sink, or a bound of ours; code 0: none */
} Exchange;

void http_pool_init(HttpPool *pool) {
    *pool = (HttpPool){};
    pthread_mutex_init(&pool->mutex, NULL);
}

void http_pool_done(HttpPool *pool) {
    for (size_t i = 0; i < pool->n; i++)
        curl_easy_cleanup(pool->idle[i]);
    free(pool->idle);
    proxies_done(&pool->proxies);
    pthread_mutex_destroy(&pool->mutex);
}

void http_identity_done(HttpIdentity *identity) {
    free(identity->ca);
    free(identity->certificate);
    free(identity->key);
    json_map_done(&identity->headers);
    *identity = (HttpIdentity){};
}

void http_identity_copy(const HttpIdentity *from, HttpIdentity *to) {
    to->ca = text_copy(from->ca);
    to->certificate = text_copy(from->certificate);
    to->key = text_copy(from->key);
    for (size_t i = 0; i < from->headers.n; i++)
        json_map_set(&to->headers, from->headers.key[i], from->headers.value[i]);
}

static CURL *take_handle(HttpPool *pool) {
    pthread_mutex_lock(&pool->mutex);
    CURL *curl = pool->n > 0 ? pool->idle[--pool->n] : NULL;
    pthread_mutex_unlock(&pool->mutex);
    if (!curl)
        curl = curl_easy_init();
    if (!curl)
        abort(); /* no memory */
    return curl;
}

static void give_handle(HttpPool *pool, CURL *curl) {
    curl_easy_reset(curl); /* options go, connections stay */
    pthread_mutex_lock(&pool->mutex);
    pool->idle = memory_resize(pool->idle, pool->n + 1, sizeof(*pool->idle));
    pool->idle[pool->n++] = curl;
    pthread_mutex_unlock(&pool->mutex);
}

static const char *who(const HttpRequest *request) {
    return request->who ? request->who : "registry";
}

static size_t on_header(char *line, size_t size, size_t n, void *user) {
    n *= size;
    if (n > HEADER_MAX)
        return 0;
    header_take(((Exchange *)user)->response, line, n);
    return n;
}

static int sink_body(Exchange *exchange, const char *data, size_t n) {
    const HttpSink *sink = exchange->request->sink;
    HttpResponse *response = exchange->response;
    if (!exchange->started)
        TRY(sink->start(sink->user, response, &exchange->error));
    exchange->started = true;
    return sink->write(sink->user, data, n, &exchange->error);
}

static int keep_body(Exchange *exchange, const char *data, size_t n) {
    Text *body = &exchange->response->body;
    bool good = exchange->response->status < 300;
    size_t limit = good ? exchange->request->limit : ERROR_BODY_MAX;
    if (body->length + n > limit) {
        exchange->enough = !good;
        return error_set(&exchange->error, ERROR_EXHAUSTED,
            "the %s's answer is larger than %zu bytes", who(exchange->request), limit);
    }
    text_append_bytes(body, data, n);
    return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
    Exchange *exchange = user;
    n *= size;
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &exchange->response->status);
    long status = exchange->response->status;
    bool wanted = exchange->request->sink && (status == 200 || status == 206);
    int code = wanted ? sink_body(exchange, data, n) : keep_body(exchange, data, n);
    return code < 0 ? 0 : n;
}

static int on_progress(
    void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up) {
    Exchange *exchange = user;
    const HttpSink *sink = exchange->request->sink;
    const HttpSource *source = exchange->request->source;
    bool stop = (sink && sink->progress && sink->progress(sink->user) < 0) ||
                (source && source->progress && source->progress(source->user, exchange->sent) < 0);
    if (stop)
        error_set(&exchange->error, ERROR_CANCELLED, "cancelled");
    return stop;
}

/* curl wants no more than CURLOPT_INFILESIZE_LARGE says. */
static size_t on_read(char *buffer, size_t size, size_t n, void *user) {
    Exchange *exchange = user;
    const HttpSource *source = exchange->request->source;
    uint64_t left = source->size - exchange->sent;
    size_t wanted = size * n < left ? size * n : (size_t)left;
    ssize_t got = (ssize_t)wanted;
    if (source->data)
        memcpy(buffer, source->data + source->offset + exchange->sent, wanted);
    else
        got = pread(source->fd, buffer, wanted, (off_t)(source->offset + exchange->sent));
    if (got < 0 || (got == 0 && wanted > 0)) {
        error_set_errno(&exchange->error, got < 0 ? errno : EIO, "cannot read what is to be sent");
        return CURL_READFUNC_ABORT;
    }
    exchange->sent += (uint64_t)got;
    return (size_t)got;
}

/* Back to the start: a connection that was kept open turned out to be dead. */
static int on_seek(void *user, curl_off_t offset, int origin) {
    Exchange *exchange = user;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > exchange->request->source->size)
        return CURL_SEEKFUNC_FAIL;
    exchange->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t origin_length(const char *url) {
    const char *host = strstr(url, "://");
    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

bool http_same_origin(const char *a, const char *b) {
    size_t n = origin_length(a);
    return n > 0 && n == origin_length(b) && strncasecmp(a, b, n) == 0;
}

char *http_resolve(const char *base, const char *location) {
    CURLU *url = curl_url();
    char *text = NULL, *user = NULL; /* curl's memory */
    bool good = url && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
                curl_url_set(url, CURLUPART_URL, location, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
                curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK;
    good = good && (text_starts(text, "https://") || text_starts(text, "http://"));
    char *next = good ? text_copy(text) : NULL;
    curl_free(text);
    curl_free(user);
    curl_url_cleanup(url);
    return next;
}

/* NULL for an URL elsewhere. */
static const HttpIdentity *identity_for(const HttpRequest *request, const char *url) {
    return request->identity && http_same_origin(request->url, url) ? request->identity : NULL;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value) {
    autofree char *line = text_format("%s: %s", name, value ? value : "");
    return value ? curl_slist_append(list, line) : list;
}

/* No "Expect: 100-continue": who may write has been found out before, and not every server knows
 * it.
 */
static struct curl_slist *list_headers(const HttpRequest *request, const char *url, bool first) {
    struct curl_slist *list = request->source ? curl_slist_append(NULL, "Expect:") : NULL;
    const HttpIdentity *identity = identity_for(request, url);
    for (size_t i = 0; identity && i < identity->headers.n; i++)
        list = add_header(list, identity->headers.key[i], identity->headers.value[i]);
    list = add_header(list, "Accept", request->accept);
    list = add_header(list, "Content-Type", request->content_type);
    list = add_header(list, "Content-Range", request->content_range);
    if (first)
        list = add_header(list, "Authorization", request->authorization);
    return list;
}

/* The directory is Debian's own: a CA of the configuration comes on top of it. */
static void set_identity(CURL *curl, const HttpIdentity *identity) {
    if (!identity)
        return;
    if (identity->ca) {
        struct curl_blob blob = {identity->ca, strlen(identity->ca), CURL_BLOB_COPY};
        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(curl, CURLOPT_CAPATH, "/etc/ssl/certs");
    }
    if (identity->certificate) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, identity->certificate);
        curl_easy_setopt(
            curl, CURLOPT_SSLKEY, identity->key ? identity->key : identity->certificate);
    }
}

/* Empty, not NULL: libcurl would ask the environment itself. What is said to a proxy and to the
 * registry behind it stays apart. */
static void set_proxy(CURL *curl, const char *proxy) {
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy ? proxy : "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
    curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

/* A POST without a body still says how long it is. */
static void set_method(Exchange *exchange) {
    CURL *curl = exchange->curl;
    const HttpRequest *request = exchange->request;
    if (request->form)
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, request->form);
    if (text_equal(request->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (request->method)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (!request->source)
        return;
    exchange->sent = 0;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 524288L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->source->size);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)VERIFY_SECONDS);
}

static void set_options(Exchange *exchange, const char *url) {
    CURL *curl = exchange->curl;
    const HttpRequest *request = exchange->request;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
        text_starts(request->url, "https://") ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tare/" TARE_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    if (!request->verify) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set_identity(curl, identity_for(request, url));
    set_method(exchange);
    if (request->offset) {
        char range[32];
        snprintf(range, sizeof(range), "%" PRIu64 "-", request->offset);
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    }
}

/* No connection was made. The user's words: who was to be reached, by which way, and why not. */
static int not_reached(
    const HttpRequest *request, const char *url, const char *proxy, const char *why, Error *err) {
    const char *host = strstr(url, "://") + 3;
    autofree char *name = proxy ? proxy_name(proxy) : NULL;
    error_set(err, ERROR_UNAVAILABLE, "cannot reach %s %.*s%s%s: %s", who(request),
        (int)strcspn(host, "/?"), host, name ? " through the proxy " : "", name ? name : "", why);
    return error_set_reason(err, "NOT_SENT");
}

static int refused_by_proxy(
    const HttpRequest *request, const char *url, const char *proxy, long status, Error *err) {
    autofree char *why = text_format("the proxy answers with status %ld%s", status,
        status == 407 ? " (it wants a user and a password that it knows)" : "");
    return not_reached(request, url, proxy, why, err);
}

/* The user's words: host, then what curl says about it. */
static int explain(Exchange *exchange, CURLcode result, const char *url, const char *proxy,
    const char *detail, Error *err) {
    if (exchange->error.code < 0) {
        *err = exchange->error;
        return err->code;
    }
    const char *host = strstr(url, "://") + 3;
    int n = (int)strcspn(host, "/?");
    const char *why = *detail ? detail : curl_easy_strerror(result);
    long proxy_said = 0;
    curl_easy_getinfo(exchange->curl, CURLINFO_HTTP_CONNECTCODE, &proxy_said);
    if (proxy && proxy_said >= 300)
        return refused_by_proxy(exchange->request, url, proxy, proxy_said, err);
    switch ((int)result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return not_reached(exchange->request, url, proxy, why, err);
    default:
        return error_set(
            err, ERROR_UNAVAILABLE, "%s %.*s broke off: %s", who(exchange->request), n, host, why);
    }
}

/* Of what is not encrypted a proxy reads and answers every request, its own refusals among them. */
static int take_proxy(Exchange *exchange, const char *url, const char *proxy, Error *err) {
    HttpResponse *response = exchange->response;
    if (!proxy || text_starts(url, "https://"))
        return 0;
    if (response->status == 407)
        return refused_by_proxy(exchange->request, url, proxy, response->status, err);
    free(response->proxy);
    response->proxy = proxy_name(proxy);
    return 0;
}

static int perform_once(
    Exchange *exchange, const char *url, const char *proxy, bool first, Error *err) {
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = list_headers(exchange->request, url, first);
    set_options(exchange, url);
    set_proxy(exchange->curl, proxy);
    curl_easy_setopt(exchange->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(exchange->curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode result = curl_easy_perform(exchange->curl);
    curl_easy_setopt(exchange->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &exchange->response->status);
    if (result != CURLE_OK && !exchange->enough)
        return explain(exchange, result, url, proxy, detail, err);
    if (exchange->response->content_type)
        exchange->response->content_type[strcspn(exchange->response->content_type, "; ")] = '\0';
    return take_proxy(exchange, url, proxy, err);
}

static bool is_redirect(const HttpResponse *response) {
    long status = response->status;
    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           response->location;
}

static int follow(Exchange *exchange, Error *err) {
    const HttpRequest *request = exchange->request;
    autofree char *url = text_copy(request->url);
    for (int hops = 0;; hops++) {
        char *proxy;
        TRY(proxy_choose(&exchange->pool->proxies, url, &proxy, err));
        int code = perform_once(exchange, url, proxy, hops == 0, err);
        secret_free(proxy);
        TRY(code);
        bool follows = !request->form && (!request->method || text_equal(request->method, "HEAD"));
        if (!is_redirect(exchange->response) || !follows)
            return 0;
        char *next = http_resolve(url, exchange->response->location);
        free(url);
        url = next;
        if (!url || hops == REDIRECTS_MAX ||
            (text_starts(request->url, "https://") && !text_starts(url, "https://")))
            return error_set(
                err, ERROR_UNAVAILABLE, "the %s redirects where it must not", who(request));
        curl_easy_reset(exchange->curl);
    }
}

int http_perform(HttpPool *pool, const HttpRequest *request, HttpResponse *ret, Error *err) {
    *ret = (HttpResponse){};
    Exchange exchange = {
        .pool = pool, .curl = take_handle(pool), .request = request, .response = ret};
    int code = follow(&exchange, err);
    give_handle(pool, exchange.curl);
    if (code < 0)
        http_response_done(ret);
    return code;
}

void http_response_done(HttpResponse *response) {
    free(response->content_type);
    free(response->location);
    free(response->digest);
    free(response->link);
    free(response->subject);
    free(response->proxy);
    json_texts_done(&response->challenges);
    json_texts_done(&response->warnings);
    text_done(&response->body);
    *response = (HttpResponse){};
}
