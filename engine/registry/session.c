// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/registry/auth.h"
#include "engine/registry/refusal.h"
#include "engine/registry/secret.h"
#include "engine/registry/upload.h"

enum {
    WARNINGS_MAX = 16
};

#define LONGEST_PAUSE (30 * TIME_SECOND) /* that a registry can ask for */

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
    proxies_read(config, &registry->pool.proxies);
    TRY(endpoints_list(config, reference->domain, reference->path, &registry->endpoints, err));
    registry->authorization = new_array(char *, registry->endpoints.n);
    *ret = take_ptr(&registry);
    return 0;
}

void registry_close(Registry *registry) {
    if (!registry)
        return;
    for (size_t i = 0; registry->authorization && i < registry->endpoints.n; i++)
        secret_free(registry->authorization[i]);
    free(registry->authorization);
    endpoints_done(&registry->endpoints);
    http_pool_done(&registry->pool);
    pthread_mutex_destroy(&registry->mutex);
    secret_free(registry->password);
    secret_free(registry->identity_token);
    free(registry->username);
    free(registry->path);
    free(registry->name);
    free(registry->version);
    json_texts_done(&registry->also);
    json_texts_done(&registry->warnings);
    free(registry);
}

void registry_allow_push(Registry *registry, const JsonTexts *from) {
    registry->push = true;
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(&registry->also, from->item[i]);
}

static char *get_authorization(Registry *registry, size_t index) {
    pthread_mutex_lock(&registry->mutex);
    char *value = text_copy(registry->authorization[index]);
    pthread_mutex_unlock(&registry->mutex);
    return value;
}

static void set_authorization(Registry *registry, size_t index, char *value) {
    pthread_mutex_lock(&registry->mutex);
    secret_free(registry->authorization[index]);
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
        .push = registry->push,
        .also = &registry->also,
        .pool = &registry->pool,
    };
    const Endpoint *endpoint = authentication.endpoint;
    bool anonymous = text_is_empty(registry->username) && text_is_empty(registry->identity_token);
    if (endpoint->username && (endpoint->mirror || anonymous))
        credentials = (RegistryCredentials){endpoint->username, endpoint->password, NULL};
    char *value;
    int code = auth_answer(&authentication, challenges, &value, err);
    if (code == ERROR_DENIED && !registry->push)
        return refusal_denied(registry->name, err);
    TRY(code);
    set_authorization(registry, index, value);
    return 0;
}

static bool has_text(const JsonTexts *texts, const char *text) {
    for (size_t i = 0; i < texts->n; i++)
        if (text_equal(texts->item[i], text))
            return true;
    return false;
}

/* With each answer the registry may say the same again. */
static void note_warnings(Registry *registry, const JsonTexts *warnings) {
    pthread_mutex_lock(&registry->mutex);
    for (size_t i = 0; i < warnings->n && registry->warnings.n < WARNINGS_MAX; i++)
        if (!has_text(&registry->warnings, warnings->item[i]))
            json_texts_add(&registry->warnings, warnings->item[i]);
    pthread_mutex_unlock(&registry->mutex);
}

void registry_warnings(Registry *registry, JsonTexts *ret) {
    pthread_mutex_lock(&registry->mutex);
    for (size_t i = 0; i < registry->warnings.n; i++)
        json_texts_add(ret, registry->warnings.item[i]);
    pthread_mutex_unlock(&registry->mutex);
}

int session_ask(
    Registry *registry, size_t index, HttpRequest *request, HttpResponse *ret, Error *err) {
    const Endpoint *endpoint = &registry->endpoints.item[index];
    /* Where uploads go on may be elsewhere: nothing of what is this endpoint's goes along. */
    bool own = http_same_origin(request->url, endpoint->base);
    request->verify = endpoint->verify || !own;
    request->identity = own ? &endpoint->identity : NULL;
    for (int round = 0;; round++) {
        autofree char *authorization = own ? get_authorization(registry, index) : NULL;
        request->authorization = authorization;
        TRY(http_perform(&registry->pool, request, ret, err));
        if (own)
            note_warnings(registry, &ret->warnings);
        if (ret->status != 401 || ret->challenges.n == 0 || round == 1 || !own)
            return 0;
        int code = authenticate(registry, index, &ret->challenges, err);
        http_response_done(ret);
        TRY(code);
    }
}

bool session_may_pass(int code, const Error *err) {
    return code == ERROR_UNAVAILABLE && !text_equal(err->reason, "NOT_SENT");
}

bool session_is_transient(long status) {
    return status == 429 || status == 408 || status >= 500;
}

int64_t session_pause(int64_t ours, int64_t seconds) {
    int64_t theirs = seconds < LONGEST_PAUSE / TIME_SECOND ? seconds * TIME_SECOND : LONGEST_PAUSE;
    return theirs > ours ? theirs : ours;
}
