// SPDX-License-Identifier: Apache-2.0
#include "engine/image/word.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

static int unended(const char *text, Error *err) {
    return error_set(err, ERROR_INVALID,
        "unexpected end of statement while looking for matching quote: %.200s", text);
}

/* Behind one word. NULL: a quote does not end. */
static const char *skip_word(const char *at) {
    char quote = '\0';
    for (; *at && (quote || !isspace((unsigned char)*at)); at++) {
        if (*at == '\\' && quote != '\'' && at[1])
            at++;
        else if (quote ? *at == quote : *at == '"' || *at == '\'')
            quote = quote ? '\0' : *at;
    }
    return quote ? NULL : at;
}

int words_split(const char *text, JsonTexts *ret, Error *err) {
    for (const char *at = text; *at;) {
        if (isspace((unsigned char)*at)) {
            at++;
            continue;
        }
        const char *end = skip_word(at);
        if (!end)
            return unended(at, err);
        autofree char *word = text_copy_n(at, (size_t)(end - at));
        json_texts_add(ret, word);
        at = end;
    }
    return 0;
}

static const char *find_value(const JsonTexts *environment, const char *name, size_t n) {
    for (size_t i = environment->n; i-- > 0;)
        if (strncmp(environment->item[i], name, n) == 0 && environment->item[i][n] == '=')
            return environment->item[i] + n + 1;
    return NULL;
}

static size_t name_length(const char *at) {
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return n;
}

static int expand(const char *word, size_t length, const JsonTexts *environment, int depth,
    Text *ret, Error *err);

static int bad(const char *at, Error *err) {
    return error_set(err, ERROR_INVALID, "unsupported modifier in substitution: %.100s", at);
}

/* At "${": *ret_end is behind the matching brace. */
static int expand_braces(const char *at, const char *limit, const JsonTexts *environment, int depth,
    const char **ret_end, Text *ret, Error *err) {
    const char *name = at + 2, *end = name;
    size_t n = name_length(name);
    for (int open = 1; end < limit; end++) {
        open += *end == '{' ? 1 : *end == '}' ? -1 : 0;
        if (open == 0)
            break;
    }
    if (end >= limit || n == 0)
        return error_set(err, ERROR_INVALID, "bad substitution: %.100s", at);
    const char *value = find_value(environment, name, n), *rest = name + n;
    *ret_end = end + 1;
    if (*rest == '}') {
        text_append(ret, value ? value : "");
        return 0;
    }
    bool colon = *rest == ':';
    char modifier = rest[colon];
    bool set = value && (*value || !colon);
    if (modifier != '-' && modifier != '+')
        return bad(at, err);
    const char *other = rest + colon + 1;
    if (modifier == '-' ? !set : set)
        return expand(other, (size_t)(end - other), environment, depth + 1, ret, err);
    text_append(ret, modifier == '-' ? value : "");
    return 0;
}

static int expand_variable(const char **at, const char *limit, const JsonTexts *environment,
    int depth, Text *ret, Error *err) {
    if ((*at)[1] == '{')
        return expand_braces(*at, limit, environment, depth, at, ret, err);
    size_t n = name_length(*at + 1);
    if (n == 0) {
        text_append_char(ret, '$');
        ++*at;
        return 0;
    }
    const char *value = find_value(environment, *at + 1, n);
    text_append(ret, value ? value : "");
    *at += n + 1;
    return 0;
}

static int expand(const char *word, size_t length, const JsonTexts *environment, int depth,
    Text *ret, Error *err) {
    enum {
        DEPTH_MAX = 16
    };
    char quote = '\0';
    const char *limit = word + length;
    if (depth > DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "variables are nested too deeply");
    for (const char *at = word; at < limit;) {
        if (ret->length > WORD_MAX)
            return error_set(err, ERROR_EXHAUSTED, "a word has more than %d bytes", WORD_MAX);
        if (quote ? *at == quote : *at == '"' || *at == '\'') {
            quote = quote ? '\0' : *at;
            at++;
        } else if (*at == '$' && quote != '\'') {
            TRY(expand_variable(&at, limit, environment, depth, ret, err));
        } else {
            /* in double quotes a backslash is one, but before what it makes plain */
            if (*at == '\\' && quote != '\'' && at + 1 < limit &&
                (!quote || strchr("\"$\\", at[1])))
                at++;
            text_append_char(ret, *at++);
        }
    }
    return quote ? unended(word, err) : 0;
}

int word_expand(const char *word, const JsonTexts *environment, Text *ret, Error *err) {
    text_append(ret, "");
    return expand(word, strlen(word), environment, 0, ret, err);
}
