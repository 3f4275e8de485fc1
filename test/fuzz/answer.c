// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/registry/auth.h"
#include "engine/registry/header.h"
#include "engine/registry/refusal.h"
#include "engine/registry/session.h"
#include "target.h"

/* What a registry or a token server answers: the status as one byte, headers up to an empty line, a
 * body. Pages stay with the registry, uploads and redirects with http, a token is a header's text,
 * and what is quoted obeys no one. */

#define ASKED "https://registry.example:5000/v2/repo/tags/list"

static const long statuses[] = {200, 202, 301, 307, 400, 401, 403, 404, 416, 429, 500, 503};

static void check_visible(const char *text) {
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            abort();
}

static void check_url(char *url) {
    if (!url)
        return;
    if (!text_starts(url, "https://") && !text_starts(url, "http://"))
        abort();
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 127)
            abort();
    /* what was resolved is what is asked next: it names the same host when it is read again */
    autofree char *again = http_resolve(ASKED, url);
    if (!again || !http_same_origin(url, again))
        abort();
}

static void check_links(const HttpResponse *response) {
    autofree char *next = header_next_page(ASKED, response->link);
    if (next && !http_same_origin(ASKED, next))
        abort();
    check_url(next);
    autofree char *location = response->location ? http_resolve(ASKED, response->location) : NULL;
    check_url(location);
}

/* The scheme of a challenge is a word, and a realm leads to https or nowhere. */
static void check_challenges(const HttpResponse *response) {
    static const Endpoint endpoint = {.base = ASKED, .verify = true, .credentials = true};
    for (size_t i = 0; i < response->challenges.n; i++) {
        autofree char *realm = auth_find_parameter(response->challenges.item[i], "realm");
        if (realm && endpoint_allows_realm(&endpoint, realm) && !text_starts(realm, "https://"))
            abort();
    }
}

/* What a registry asks for in numbers stays within reason. */
static void check_numbers(const HttpResponse *response) {
    int64_t pause = session_pause(SESSION_PAUSE, response->retry_after);
    if (pause < SESSION_PAUSE || pause > 60 * TIME_SECOND)
        abort();
    if (response->stored < -1 || response->chunk_min < 0)
        abort();
}

static void check_refusals(const HttpResponse *response) {
    Error error[3];
    refusal_explain(response, "repo", "repo:tag", &error[0]);
    refusal_explain_upload(response, &error[1]);
    refusal_set(response, ERROR_DENIED, "refused", &error[2]);
    for (size_t i = 0; i < array_size(error); i++)
        if (error[i].code >= 0 || strpbrk(error[i].message, "\n\r\033"))
            abort();
}

static void check_token(const HttpResponse *response) {
    char *token = NULL;
    Error error;
    if (auth_read_token(response, &token, &error) < 0)
        return;
    check_visible(token);
    free(token);
}

/* Returns what follows the headers. */
static const char *read_headers(const char *at, const char *end, HttpResponse *ret) {
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        if (newline == at)
            return next;
        header_take(ret, at, (size_t)(next - at));
        at = next;
    }
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autodone(HttpResponse) response = {};
    if (size == 0)
        return 0;
    const char *end = (const char *)data + size;
    const char *body = read_headers((const char *)data + 1, end, &response);
    response.status = statuses[*data % array_size(statuses)];
    text_append_bytes(&response.body, body, (size_t)(end - body));
    check_links(&response);
    check_challenges(&response);
    check_numbers(&response);
    check_refusals(&response);
    check_token(&response);
    return 0;
}
