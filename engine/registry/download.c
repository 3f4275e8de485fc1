// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/download.h"

#include <string.h>

#include "engine/registry/http.h"
#include "engine/registry/refusal.h"

enum {
    URL_MAX = 2048
};

static int start(void *user, const HttpResponse *response, Error *err) {
    const Download *what = user;
    if (response->status != 200)
        return error_set(err, ERROR_UNAVAILABLE, "the server gives a part that nobody asked for");
    return what->start(what->user, response->length, err);
}

static int take(void *user, const void *data, size_t n, Error *err) {
    const Download *what = user;
    return what->write(what->user, data, n, err);
}

static int report(void *user) {
    const Download *what = user;
    return what->progress(what->user);
}

/* What a page says about its refusal is for a browser: the status has to do. */
static int explain(const HttpResponse *response, Error *err) {
    int code = response->status == 404 || response->status == 410   ? ERROR_NOT_FOUND
               : response->status == 401 || response->status == 403 ? ERROR_DENIED
                                                                    : ERROR_UNAVAILABLE;
    const char *proxy = response->proxy;
    return error_set(err, code, "the server%s%s answers with status %ld",
        proxy ? ", or before it the proxy " : "", proxy ? proxy : "", response->status);
}

static int fetch(const RegistryConfig *config, const Download *what, Error *err) {
    autodone(HttpPool) pool = {};
    autodone(HttpResponse) response = {};
    const HttpSink sink = {start, take, report, (void *)(uintptr_t)what};
    const HttpRequest request = {.url = what->url, .who = "server", .verify = true, .sink = &sink};
    http_pool_init(&pool);
    proxies_read(config, &pool.proxies);
    TRY(http_perform(&pool, &request, &response, err));
    return response.status == 200 ? 0 : explain(&response, err);
}

/* A password would stand in the image's history for everybody to read. */
static int check(const char *url, Error *err) {
    if (strlen(url) > URL_MAX)
        return error_set(
            err, ERROR_INVALID, "cannot download from a URL of more than %d bytes", URL_MAX);
    autofree char *clean = http_resolve(url, url);
    if (!clean)
        return error_set(err, ERROR_INVALID,
            "cannot download: only http:// and https:// are fetched, and no URL with a user or a "
            "password in it");
    return 0;
}

int download(const RegistryConfig *config, const Download *what, Error *err) {
    TRY(check(what->url, err));
    int code = fetch(config, what, err);
    err->reason[0] = '\0';
    return code < 0 ? error_prefix(err, "cannot download %.200s", what->url) : 0;
}
