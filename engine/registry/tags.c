// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/registry/header.h"
#include "engine/registry/refusal.h"
#include "engine/registry/registry.h"
#include "engine/registry/session.h"

enum {
    PAGE_MAX = 1 << 20,
    TAGS_MAX = 100000
};

typedef struct TagList {
    JsonTexts tags;
} TagList;

#define T TagList
static const JsonField list_fields[] = {{"tags", JSON_TEXTS, JSON_AT(tags)}, {}};
static const JsonType list_type = {sizeof(T), list_fields};
#undef T

static int take_page(const Text *body, JsonTexts *ret, Error *err) {
    TagList list = {};
    if (json_decode(&list_type, body->data ? body->data : "", body->length, &list, err) < 0)
        return error_prefix(err, "the registry's list of tags");
    int code = ret->n + list.tags.n > TAGS_MAX
                   ? error_set(err, ERROR_EXHAUSTED, "there are more than %d tags", TAGS_MAX)
                   : 0;
    for (size_t i = 0; code == 0 && i < list.tags.n; i++)
        json_texts_add(ret, list.tags.item[i]);
    json_done(&list_type, &list);
    return code;
}

static int get_page(
    Registry *registry, size_t index, const char *url, HttpResponse *ret, Error *err) {
    int64_t pause = SESSION_PAUSE;
    for (int attempt = 1;; attempt++, pause *= 2) {
        HttpRequest request = {.url = url, .accept = "application/json", .limit = PAGE_MAX};
        int code = session_ask(registry, index, &request, ret, err);
        if (code == 0 && ret->status == 200)
            return 0;
        bool again = code < 0 ? session_may_pass(code, err) : session_is_transient(ret->status);
        int64_t after = code == 0 ? ret->retry_after : 0;
        if (code == 0) {
            code = refusal_explain(ret, registry->name, registry->name, err);
            http_response_done(ret);
        }
        if (!again || attempt == SESSION_ATTEMPTS - 2)
            return code;
        time_sleep(session_pause(pause, after));
    }
}

static int list_from(Registry *registry, size_t index, JsonTexts *ret, Error *err) {
    char *url = endpoint_url(&registry->endpoints.item[index], registry->path, "tags", "list");
    int code = 0;
    while (url && code == 0) {
        autodone(HttpResponse) response = {};
        code = get_page(registry, index, url, &response, err);
        if (code == 0)
            code = take_page(&response.body, ret, err);
        char *next = code == 0 ? header_next_page(url, response.link) : NULL;
        free(url);
        url = next;
    }
    free(url);
    return code;
}

int registry_list_tags(Registry *registry, JsonTexts *ret, Error *err) {
    autodone(JsonTexts) tags = {};
    int code = error_set(
        err, ERROR_NOT_FOUND, "no configured host may list the tags of %s", registry->name);
    for (size_t i = 0; i < registry->endpoints.n; i++) {
        const Endpoint *endpoint = &registry->endpoints.item[i];
        if (endpoint->no_pull || endpoint->no_resolve)
            continue;
        json_texts_done(&tags);
        code = list_from(registry, i, &tags, err);
        if (code == 0 || (!endpoint->mirror && !text_equal(err->reason, "NOT_SENT")))
            break;
    }
    err->reason[0] = '\0';
    TRY(code);
    *ret = tags;
    tags = (JsonTexts){};
    return 0;
}
