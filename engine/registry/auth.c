// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/memory.h"
#include "engine/registry/refusal.h"

enum {
    TOKEN_ANSWER_MAX = 65536
};

typedef struct Token {
    char *token, *access_token;
} Token;

#define T Token
static const JsonField token_fields[] = {
    {"token", JSON_TEXT, JSON_AT(token)},
    {"access_token", JSON_TEXT, JSON_AT(access_token)},
    {},
};
static const JsonType token_type = {sizeof(T), token_fields};
#undef T

static void token_done(Token *token) {
    json_done(&token_type, token);
}
CLEANUP_DEFINE_DONE(Token, token_done)

char *auth_find_parameter(const char *parameters, const char *name) {
    size_t length = strlen(name);
    for (const char *at = parameters; *at;) {
        at += strspn(at, ", \t");
        const char *equals = at + strcspn(at, "=,");
        bool wanted = (size_t)(equals - at) == length && strncasecmp(at, name, length) == 0;
        if (*equals != '=') {
            at = equals;
            continue;
        }
        bool quoted = equals[1] == '"';
        const char *value = equals + (quoted ? 2 : 1);
        size_t n = strcspn(value, quoted ? "\"" : ", \t");
        if (wanted)
            return text_copy_n(value, n);
        at = value + n + (quoted && value[n] ? 1 : 0);
    }
    return NULL;
}

static void append_escaped(Text *text, const char *value) {
    for (const char *at = value; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("-_.~", c))
            text_append_char(text, *at);
        else
            text_append_format(text, "%%%02X", c);
    }
}

static void append_parameter(
    Text *text, const char *separator, const char *name, const char *value) {
    if (!value)
        return;
    text_append_format(text, "%s%s=", separator, name);
    append_escaped(text, value);
}

static char *basic(const RegistryCredentials *credentials) {
    autofree char *pair = text_format(
        "%s:%s", credentials->username, credentials->password ? credentials->password : "");
    size_t n = strlen(pair);
    autofree char *encoded = memory_new(n / 3 * 4 + 5);
    base64_encode(encoded, pair, n);
    return text_format("Basic %s", encoded);
}

/* A token becomes a header: nothing but visible ASCII may be in it. */
static bool is_token(const char *text) {
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return *text;
}

int auth_read_token(const HttpResponse *response, char **ret, Error *err) {
    autodone(Token) token = {};
    if (response->status == 401 || response->status == 403)
        return refusal_set(
            response, ERROR_DENIED, "unauthorized: incorrect username or password", err);
    if (response->status != 200)
        return error_set(
            err, ERROR_UNAVAILABLE, "the token server answers with status %ld", response->status);
    if (json_decode(&token_type, response->body.data ? response->body.data : "",
            response->body.length, &token, err) < 0)
        return error_prefix(err, "the token server's answer");
    const char *text = text_is_empty(token.token) ? token.access_token : token.token;
    if (text_is_empty(text) || !is_token(text))
        return error_set(err, ERROR_UNAVAILABLE, "the token server sends no token");
    *ret = text_format("Bearer %s", text);
    return 0;
}

/* "&scope=repository:PATH:pull,push", and the other repositories'. The protocol's form takes them
 * as one value. */
static char *list_scopes(const Authentication *authentication) {
    autodone(Text) text = {};
    if (!*authentication->path) // a login: for nothing in particular
        return text_copy("");
    text_append_format(&text, "repository:%s:%s", authentication->path,
        authentication->push ? "pull,push" : "pull");
    for (size_t i = 0; authentication->also && i < authentication->also->n; i++)
        text_append_format(&text, " repository:%s:pull", authentication->also->item[i]);
    return text_take(&text);
}

static void append_scopes(Text *url, const char *separator, const char *scopes) {
    autotexts char **scope = texts_split(scopes, ' ');
    for (size_t i = 0; scope[i]; i++)
        append_parameter(url, i == 0 ? separator : "&", "scope", scope[i]);
}

static int fetch_token(
    const Authentication *authentication, const char *parameters, char **ret, Error *err) {
    const RegistryCredentials *credentials = authentication->credentials;
    autofree char *realm = auth_find_parameter(parameters, "realm");
    autofree char *service = auth_find_parameter(parameters, "service");
    autofree char *scope = list_scopes(authentication);
    if (!realm || !endpoint_allows_realm(authentication->endpoint, realm))
        return error_set(err, ERROR_DENIED,
            "the registry names a token server that cannot be"
            " trusted: %.200s",
            realm ? realm : "none");
    bool trusted = endpoint_trusts_realm(authentication->endpoint, realm);
    bool refresh = trusted && !text_is_empty(credentials->identity_token);
    autodone(Text) url = {}, form = {};
    autofree char *authorization = NULL;
    text_append(&url, realm);
    if (refresh) {
        text_append(&form, "grant_type=refresh_token&client_id=tare");
        append_parameter(&form, "&", "service", service);
        append_parameter(&form, "&", "scope", scope);
        append_parameter(&form, "&", "refresh_token", credentials->identity_token);
    } else {
        append_scopes(&url, strchr(realm, '?') ? "&" : "?", scope);
        append_parameter(&url, strchr(url.data, '?') ? "&" : "?", "service", service);
        if (trusted && !text_is_empty(credentials->username))
            authorization = basic(credentials);
    }
    HttpRequest request = {
        .url = url.data,
        .authorization = authorization,
        .form = refresh ? form.data : NULL,
        .verify = authentication->endpoint->verify,
        .limit = TOKEN_ANSWER_MAX,
    };
    autodone(HttpResponse) response = {};
    TRY(http_perform(authentication->pool, &request, &response, err));
    return auth_read_token(&response, ret, err);
}

static const char *find_challenge(const JsonTexts *challenges, const char *scheme) {
    size_t length = strlen(scheme);
    for (size_t i = 0; i < challenges->n; i++)
        if (strncasecmp(challenges->item[i], scheme, length) == 0 &&
            challenges->item[i][length] == ' ')
            return challenges->item[i] + length + 1;
    return NULL;
}

int auth_answer(
    const Authentication *authentication, const JsonTexts *challenges, char **ret, Error *err) {
    const char *bearer = find_challenge(challenges, "Bearer");
    if (bearer)
        return fetch_token(authentication, bearer, ret, err);
    if (!find_challenge(challenges, "Basic"))
        return error_set(err, ERROR_DENIED, "the registry asks for an unknown authentication");
    if (text_is_empty(authentication->credentials->username))
        return error_set(err, ERROR_DENIED, "no basic auth credentials");
    if (!authentication->endpoint->credentials)
        return error_set(
            err, ERROR_DENIED, "credentials are not sent to %s", authentication->endpoint->base);
    *ret = basic(authentication->credentials);
    return 0;
}
