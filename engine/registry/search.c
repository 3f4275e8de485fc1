// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/search.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/registry/refusal.h"
#include "engine/registry/session.h"

enum {
    ANSWER_MAX = 4 << 20
};
#define HUB "index.docker.io"

typedef struct Answer {
    JsonObjects results;
} Answer;

#define T SearchResult
static const JsonField result_fields[] = {
    {"name", JSON_TEXT, JSON_AT(name)},
    {"description", JSON_TEXT, JSON_AT(description)},
    {"star_count", JSON_INT, JSON_AT(star_count)},
    {"is_official", JSON_BOOL, JSON_AT(is_official)},
    {"is_automated", JSON_BOOL, JSON_AT(is_automated)},
    {},
};
const JsonType search_result_type = {sizeof(T), result_fields};
#undef T

#define T Answer
static const JsonField answer_fields[] = {
    {"results", JSON_OBJECTS, JSON_AT(results), &search_result_type}, {}};
static const JsonType answer_type = {sizeof(T), answer_fields};
#undef T

void search_results_done(JsonObjects *results) {
    Answer answer = {*results};
    json_done(&answer_type, &answer);
    *results = (JsonObjects){};
}

static void append_escaped(Text *text, const char *value) {
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("-_.~", *value))
            text_append_char(text, *value);
        else
            text_append_format(text, "%%%02X", (unsigned char)*value);
    }
}

static int ask(Registry *registry, size_t index, const char *query, JsonObjects *ret, Error *err) {
    autodone(HttpResponse) response = {};
    autofree char *url =
        text_format("%s/v1/search?%s", registry->endpoints.item[index].base, query);
    HttpRequest request = {.url = url, .accept = "application/json", .limit = ANSWER_MAX};
    Answer answer = {};
    TRY(session_ask(registry, index, &request, &response, err));
    if (response.status != 200) {
        autofree char *text = text_format("Unexpected status code %ld", response.status);
        return refusal_set(&response, ERROR_UNAVAILABLE, text, err);
    }
    if (json_decode(&answer_type, response.body.data ? response.body.data : "",
            response.body.length, &answer, err) < 0)
        return error_prefix(err, "the index's answer");
    *ret = answer.results;
    return 0;
}

/* The first part of "host/word" is a host if it looks like one. */
static char *split_host(const char *term, const char **ret_word) {
    size_t n = strcspn(term, "/");
    autofree char *first = text_copy_n(term, n);
    bool is_host = term[n] && (strpbrk(first, ".:") || text_equal(first, "localhost"));
    bool hub = is_host && (text_equal(first, "docker.io") || text_equal(first, HUB));
    *ret_word = is_host ? term + n + 1 : term;
    if (text_starts(*ret_word, "library/") && (hub || !is_host))
        *ret_word += strlen("library/");
    return is_host && !hub ? take_ptr(&first) : text_copy(HUB);
}

int registry_search(const RegistryConfig *config, const char *term, unsigned limit,
    const RegistryCredentials *credentials, JsonObjects *ret, Error *err) {
    autoptr(Registry) registry = NULL;
    autodone(Text) query = {};
    const char *word = NULL;
    autofree char *domain = split_host(term, &word);
    const Reference reference = {.domain = domain, .path = (char *)(uintptr_t) ""};
    if (strstr(term, "://"))
        return error_set(err, ERROR_INVALID,
            "invalid repository name: repository name (%s) should "
            "not have a scheme",
            term);
    text_append(&query, "q=");
    append_escaped(&query, word);
    text_append_format(&query, "&n=%u", limit);
    int code = error_set(err, ERROR_NOT_FOUND, "no host of %s can be searched", domain);
    TRY(registry_open(config, &reference, credentials, &registry, err));
    registry->push = true; // what it says is not about a pull
    for (size_t i = 0; i < registry->endpoints.n; i++) {
        if (registry->endpoints.item[i].mirror)
            continue;
        code = ask(registry, i, query.data, ret, err);
        if (code == 0 || !text_equal(err->reason, "NOT_SENT"))
            break;
    }
    err->reason[0] = '\0';
    return code;
}
