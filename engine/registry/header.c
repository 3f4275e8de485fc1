// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CHALLENGES_MAX = 8,
    WARNINGS_MAX = 8,
    WARNING_MAX = 512 /* bytes; distribution-spec, "Warnings", lets a registry send no more */
};

static char *header_value(const char *line, size_t n, const char *name) {
    size_t length = strlen(name);
    if (n <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    const char *at = line + length + 1, *end = line + n;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && strchr(" \t\r\n", end[-1]))
        end--;
    return text_copy_n(at, (size_t)(end - at));
}

static void keep_header(char **keep, const char *line, size_t n, const char *name) {
    char *value = header_value(line, n, name);
    if (!value)
        return;
    free(*keep);
    *keep = value;
}

/* Nothing that we ask about can be below 0. */
static bool parse_number(const char *text, int64_t *ret) {
    int64_t number;
    Error ignored;
    if (text_parse_int(text, "", &number, &ignored) < 0 || number < 0)
        return false;
    *ret = number;
    return true;
}

static void keep_number(int64_t *keep, const char *line, size_t n, const char *name) {
    autofree char *value = header_value(line, n, name);
    if (value)
        parse_number(value, keep);
}

/* "0-N" or "bytes=0-N". "0-0" is how registries say that they have nothing, as well. */
static int64_t stored_bytes(const char *range) {
    const char *dash = strchr(range, '-');
    int64_t last;
    if (!dash || !parse_number(dash + 1, &last) || last == INT64_MAX)
        return -1;
    return last > 0 ? last + 1 : 0;
}

/* 299 - "text", with a backslash before a quote or a backslash; other warnings are for caches
 * (RFC 7234, 5.5). */
static void keep_warning(JsonTexts *keep, const char *line, size_t n) {
    static const char start[] = "299 - \"";
    autofree char *value = header_value(line, n, "warning");
    autodone(Text) text = {};
    if (!value || !text_starts(value, start) || keep->n == WARNINGS_MAX)
        return;
    for (const char *at = value + strlen(start); *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        if (text.length < WARNING_MAX)
            text_append_char(&text, *at);
    }
    if (text.length == 0)
        return;
    text_make_printable(text.data);
    json_texts_add(keep, text.data);
}

void header_take(HttpResponse *response, const char *line, size_t n) {
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* a later response of the same exchange: 100 Continue, a proxy's answer */
        http_response_done(response);
        response->stored = -1;
        return;
    }
    keep_header(&response->content_type, line, n, "content-type");
    keep_header(&response->location, line, n, "location");
    keep_header(&response->digest, line, n, "docker-content-digest");
    keep_header(&response->link, line, n, "link");
    keep_header(&response->subject, line, n, "oci-subject");
    /* not a date: our own pauses will do then */
    keep_number(&response->retry_after, line, n, "retry-after");
    keep_number(&response->length, line, n, "content-length");
    keep_number(&response->chunk_min, line, n, "oci-chunk-min-length");
    autofree char *range = header_value(line, n, "content-range");
    if (range && text_starts(range, "bytes "))
        response->range_from = strtoull(range + 6, NULL, 10);
    autofree char *stored = header_value(line, n, "range");
    if (stored)
        response->stored = stored_bytes(stored);
    autofree char *challenge = header_value(line, n, "www-authenticate");
    if (challenge && response->challenges.n < CHALLENGES_MAX)
        json_texts_add(&response->challenges, challenge);
    keep_warning(&response->warnings, line, n);
}

char *header_next_page(const char *url, const char *link) {
    const char *start = link ? strchr(link, '<') : NULL, *end = start ? strchr(start, '>') : NULL;
    if (!end || !strstr(end, "next"))
        return NULL;
    autofree char *location = text_copy_n(start + 1, (size_t)(end - start - 1));
    char *next = http_resolve(url, location);
    if (next && http_same_origin(url, next))
        return next;
    free(next);
    return NULL;
}
