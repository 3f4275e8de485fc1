// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/refusal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/registry/auth.h"

typedef struct RegistryError {
    char *code, *message;
} RegistryError;
typedef struct RegistryErrors {
    JsonObjects errors;
} RegistryErrors;

#define T RegistryError
static const JsonField error_fields[] = {
    {"code", JSON_TEXT, JSON_AT(code)},
    {"message", JSON_TEXT, JSON_AT(message)},
    {},
};
static const JsonType error_type = {sizeof(T), error_fields};
#undef T
#define T RegistryErrors
static const JsonField errors_fields[] = {
    {"errors", JSON_OBJECTS, JSON_AT(errors), &error_type},
    {},
};
static const JsonType errors_type = {sizeof(T), errors_fields};
#undef T

/* A registry's text reaches terminals: control characters do not. */
static void sanitise(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = ' ';
}

static char *first_error(const HttpResponse *response) {
    RegistryErrors errors = {};
    Error ignored;
    char *text = NULL;
    if (!response->body.data || json_decode(&errors_type, response->body.data,
                                    response->body.length, &errors, &ignored) < 0)
        return NULL;
    const RegistryError *first = errors.errors.n > 0 ? errors.errors.item : NULL;
    if (first && first->code) {
        for (char *at = first->code; *at; at++)
            *at = *at == '_' ? ' ' : (char)tolower((unsigned char)*at);
        text = text_format("%.100s: %.300s", first->code, first->message ? first->message : "");
        sanitise(text);
    }
    json_done(&errors_type, &errors);
    return text;
}

int refusal_set(const HttpResponse *response, int code, const char *otherwise, Error *err) {
    autofree char *text = first_error(response);
    return error_set(err, code, "%s", text ? text : otherwise);
}

static char *describe_status(const HttpResponse *response) {
    const char *proxy = response->proxy;
    return text_format("the registry%s%s answers with status %ld",
        proxy ? ", or before it the proxy " : "", proxy ? proxy : "", response->status);
}

int refusal_denied(const char *name, Error *err) {
    error_prefix(err,
        "pull access denied for %s, repository does not exist or may require"
        " 'docker login'",
        name);
    return err->code = ERROR_DENIED;
}

int refusal_explain(
    const HttpResponse *response, const char *name, const char *version, Error *err) {
    long status = response->status;
    if (status == 401 || status == 403) {
        refusal_set(
            response, ERROR_DENIED, "denied: requested access to the resource is denied", err);
        return refusal_denied(name, err);
    }
    if (status == 404) {
        refusal_set(response, ERROR_NOT_FOUND, "manifest unknown: manifest unknown", err);
        if (text_starts(err->message, "name unknown"))
            return error_prefix(err, "repository %s not found", name);
        return error_prefix(err, "manifest for %s not found", version);
    }
    if (status == 429)
        return refusal_set(response, ERROR_UNAVAILABLE, "toomanyrequests: too many requests", err);
    autofree char *text = describe_status(response);
    return refusal_set(response, ERROR_UNAVAILABLE, text, err);
}

/* The token is good, but not for this (RFC 6750, 3.1): registries answer that with 401 as well. */
static bool is_denied(const HttpResponse *response) {
    for (size_t i = 0; i < response->challenges.n; i++) {
        autofree char *error = auth_find_parameter(response->challenges.item[i], "error");
        if (text_equal(error, "insufficient_scope"))
            return true;
    }
    return false;
}

int refusal_explain_upload(const HttpResponse *response, Error *err) {
    long status = response->status;
    autofree char *text = describe_status(response);
    if (status == 401 && is_denied(response))
        return error_set(err, ERROR_DENIED, "denied: requested access to the resource is denied");
    if (status == 401)
        return refusal_set(response, ERROR_DENIED, "unauthorized: authentication required", err);
    if (status == 403)
        return refusal_set(
            response, ERROR_DENIED, "denied: requested access to the resource is denied", err);
    if (status == 429)
        return refusal_set(response, ERROR_UNAVAILABLE, "toomanyrequests: too many requests", err);
    return refusal_set(response,
        status == 404                   ? ERROR_NOT_FOUND
        : status < 500 && status != 408 ? ERROR_INVALID
                                        : ERROR_UNAVAILABLE,
        text, err);
}
