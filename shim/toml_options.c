// SPDX-License-Identifier: Apache-2.0
#include "shim/toml_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"

typedef enum ValueKind {
    VALUE_TEXT,
    VALUE_BOOL,
    VALUE_OTHER, /* an integer: none that we know */
} ValueKind;

static const struct {
    const char *name;
    ValueKind kind;
    size_t offset;
} keys[] = {
    {"BinaryName", VALUE_TEXT, offsetof(TomlOptions, binary_name)},
    {"Root", VALUE_TEXT, offsetof(TomlOptions, root)},
    {"ShimCgroup", VALUE_TEXT, offsetof(TomlOptions, shim_cgroup)},
    {"SystemdCgroup", VALUE_BOOL, offsetof(TomlOptions, systemd_cgroup)},
    {"NoPivotRoot", VALUE_BOOL, offsetof(TomlOptions, no_pivot_root)},
    {"NoNewKeyring", VALUE_BOOL, offsetof(TomlOptions, no_new_keyring)},
};

/* Blanks, or the end of the line with a comment before it. */
static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r");
}
static bool is_end(const char *at) {
    at = skip_blanks(at);
    return *at == '\0' || *at == '#';
}

/* 'literal' and "basic" strings; of the latter's escapes those that paths may need. NULL: it is
 * none. */
static char *take_string(const char **at) {
    const char quote = **at, *p = *at + 1;
    Text out = {};
    for (; *p && *p != quote; p++) {
        if (quote == '"' && *p == '\\') {
            p++;
            if (*p != '\\' && *p != '"')
                break;
        }
        text_append_char(&out, *p);
    }
    *at = p + 1;
    if (*p == quote && quote)
        return text_take(&out);
    text_done(&out);
    return NULL;
}

typedef struct Value {
    ValueKind kind;
    char *text;
    bool truth;
} Value;

static bool take_value(const char *at, Value *ret) {
    at = skip_blanks(at);
    size_t word = strcspn(at, " \t\r#");
    if (*at == '\'' || *at == '"') {
        ret->kind = VALUE_TEXT;
        ret->text = take_string(&at);
        return ret->text && is_end(at);
    }
    ret->truth = word == strlen("true") && strncmp(at, "true", word) == 0;
    bool known = ret->truth || (word == strlen("false") && strncmp(at, "false", word) == 0);
    ret->kind = known ? VALUE_BOOL : VALUE_OTHER;
    return (known || (word && strspn(at, "+-0123456789_") == word)) && is_end(at + word);
}

static void keep(size_t key, Value *value, TomlOptions *ret) {
    char *member = (char *)ret + keys[key].offset;
    if (value->kind == VALUE_BOOL) {
        *(bool *)member = value->truth;
        return;
    }
    free(*(char **)member);
    *(char **)member = *value->text ? take_ptr(&value->text) : NULL;
}

static bool take_line(const char *line, TomlOptions *ret) {
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *name = skip_blanks(line);
    size_t n = strspn(name, bare);
    const char *equals = skip_blanks(name + n);
    Value value = {};
    if (is_end(name))
        return true;
    bool good = n > 0 && *equals == '=' && take_value(equals + 1, &value);
    for (size_t i = 0; good && i < array_size(keys); i++) {
        if (strlen(keys[i].name) != n || strncasecmp(keys[i].name, name, n) != 0)
            continue;
        good = value.kind == keys[i].kind;
        if (good)
            keep(i, &value, ret);
    }
    free(value.text);
    return good;
}

int toml_options_decode(const char *text, size_t n, TomlOptions *ret, Error *err) {
    autofree char *copy = text_copy_n(text, n);
    autotexts char **lines = texts_split(copy, '\n');
    TomlOptions options = {};
    for (size_t i = 0; lines && lines[i]; i++)
        if (!take_line(lines[i], &options)) {
            toml_options_done(&options);
            return error_set(err, ERROR_INVALID,
                "line %zu of the runtime's options is not 'Key = value', or has a wrong value",
                i + 1);
        }
    *ret = options;
    return 0;
}

void toml_options_done(TomlOptions *options) {
    free(options->binary_name);
    free(options->root);
    free(options->shim_cgroup);
    *options = (TomlOptions){};
}
