// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define T RegistryRule
static const JsonField rule_fields[] = {
    {"mirrors", JSON_TEXTS, JSON_AT(mirrors)},
    {"insecure", JSON_BOOL, JSON_AT(insecure)},
    {"blocked", JSON_BOOL, JSON_AT(blocked)},
    {"ca", JSON_TEXT, JSON_AT(ca)},
    {"client-cert", JSON_TEXT, JSON_AT(client_cert)},
    {"client-key", JSON_TEXT, JSON_AT(client_key)},
    {"username", JSON_TEXT, JSON_AT(username)},
    {"password", JSON_TEXT, JSON_AT(password)},
    {"headers", JSON_MAP, JSON_AT(headers)},
    {},
};
const JsonType registry_rule_type = {sizeof(T), rule_fields};
#undef T

#define T RegistryConfig
static const JsonField config_fields[] = {
    {"mirrors", JSON_TEXTS, JSON_AT(mirrors)},
    {"insecure", JSON_TEXTS, JSON_AT(insecure)},
    {"rules", JSON_OBJECT_MAP, JSON_AT(rules), &registry_rule_type},
    {"directories", JSON_TEXTS, JSON_AT(directories)},
    {"http_proxy", JSON_TEXT, JSON_AT(http_proxy)},
    {"https_proxy", JSON_TEXT, JSON_AT(https_proxy)},
    {"no_proxy", JSON_TEXT, JSON_AT(no_proxy)},
    {},
};
static const JsonType config_type = {sizeof(T), config_fields};
#undef T

void registry_config_done(RegistryConfig *config) {
    json_done(&config_type, config);
}

/* "docker.io/library" covers "docker.io/library/x", not "docker.io/library2". */
static bool covers(const char *prefix, const char *name) {
    size_t n = strlen(prefix);
    return n > 0 && strncmp(name, prefix, n) == 0 && (name[n] == '\0' || name[n] == '/');
}

const RegistryRule *rule_find(const RegistryConfig *config, const char *name) {
    const RegistryRule *rules = config->rules.value, *best = NULL;
    size_t length = 0;
    for (size_t i = 0; i < config->rules.n; i++) {
        size_t n = strlen(config->rules.key[i]);
        if (n > length && covers(config->rules.key[i], name)) {
            best = &rules[i];
            length = n;
        }
    }
    return best;
}
