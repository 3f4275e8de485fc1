// SPDX-License-Identifier: Apache-2.0
#include "cli/credentials.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/config.h"
#include "cli/credential_store.h"

typedef struct Auth {
    char *auth, *username, *password, *identity_token;
} Auth;
typedef struct Config {
    JsonObjectMap auths;
} Config;

#define T Auth
static const JsonField auth_fields[] = {
    {"auth", JSON_TEXT, JSON_AT(auth)},
    {"username", JSON_TEXT, JSON_AT(username)},
    {"password", JSON_TEXT, JSON_AT(password)},
    {"identitytoken", JSON_TEXT, JSON_AT(identity_token)},
    {},
};
static const JsonType auth_type = {sizeof(T), auth_fields};
#undef T

#define T Config
static const JsonField config_fields[] = {
    {"auths", JSON_OBJECT_MAP, JSON_AT(auths), .type = &auth_type},
    {},
};
static const JsonType config_type = {sizeof(T), config_fields};
#undef T

void credentials_done(Credentials *credentials) {
    free(credentials->username);
    if (credentials->password)
        explicit_bzero(credentials->password, strlen(credentials->password));
    free(credentials->password);
    free(credentials->identity_token);
    *credentials = (Credentials){};
}

/* Keys are hosts, or addresses such as "https://index.docker.io/v1/" that older clients wrote. The
 * comparison is exact: credentials never go to a host that they are not for. */
static bool key_matches(const char *key, const char *host) {
    if (text_starts(key, "https://"))
        key += strlen("https://");
    else if (text_starts(key, "http://"))
        key += strlen("http://");
    autofree char *name = text_copy_n(key, strcspn(key, "/"));
    bool hub = text_equal(name, "index.docker.io") || text_equal(name, "registry-1.docker.io");
    return !strcasecmp(hub ? "docker.io" : name, host);
}

static int take_auth(Auth *auth, const char *key, Credentials *ret, Error *err) {
    ret->identity_token =
        text_is_empty(auth->identity_token) ? NULL : take_ptr(&auth->identity_token);
    if (text_is_empty(auth->auth)) {
        ret->username = take_ptr(&auth->username);
        ret->password = take_ptr(&auth->password);
        return 0;
    }
    autodone(Text) pair = {};
    bool good = base64_decode(auth->auth, strlen(auth->auth), &pair);
    char *colon = good ? memchr(pair.data, ':', pair.length) : NULL;
    if (!colon || memchr(pair.data, '\0', pair.length))
        return error_set(
            err, ERROR_INVALID, "auths.%s.auth: expected base64 of user:password", key);
    ret->username = text_copy_n(pair.data, (size_t)(colon - pair.data));
    ret->password = text_copy(colon + 1);
    explicit_bzero(pair.data, pair.length);
    return 0;
}

int credentials_parse(
    const char *text, size_t length, const char *host, Credentials *ret, Error *err) {
    Config config = {};
    TRY(json_decode(&config_type, text, length, &config, err));
    autodone(Credentials) found = {};
    int result = 0;
    Auth *auths = config.auths.value;
    for (size_t i = 0; i < config.auths.n; i++) {
        if (!key_matches(config.auths.key[i], host))
            continue;
        result = take_auth(&auths[i], config.auths.key[i], &found, err);
        break;
    }
    json_done(&config_type, &config);
    TRY(result);
    *ret = found;
    found = (Credentials){};
    return 0;
}

int credentials_find(const char *host, Credentials *ret, Error *err) {
    autofree char *path = config_path(), *helper = credential_store_helper(host);
    autodone(Text) text = {};
    int code = helper ? credential_store_ask(helper, host, ret, err) : ERROR_NOT_FOUND;
    if (code != ERROR_NOT_FOUND)
        return code;
    TRY(config_read(&text, err));
    if (!text.length)
        return 0;
    int result = credentials_parse(text.data, text.length, host, ret, err);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}
