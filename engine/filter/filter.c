// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    FILTERS_MAX = 64,
    LENGTH_MAX = 4096
};

typedef enum Operator {
    PRESENT,
    EQUAL,
    NOT_EQUAL,
    MATCH
} Operator;

typedef struct Selector {
    JsonTexts path;
    Operator operator;
    char *value;
    regex_t regex;
    bool compiled;
} Selector;

typedef struct Alternative {
    Selector *selector;
    size_t n;
} Alternative;

struct Filter {
    Alternative *alternative;
    size_t n;
};

typedef struct Parser {
    const char *text, *at;
} Parser;

static int wrong(const Parser *parser, const char *what, Error *err) {
    return error_set(err, ERROR_INVALID, "filter '%.200s': %s at byte %zu: invalid argument",
        parser->text, what, (size_t)(parser->at - parser->text));
}

/* From the opening quote to the closing one; a backslash takes the next character as it is, but n,
 * r and t are what they are in Go. */
static int parse_quoted(Parser *parser, Text *ret, Error *err) {
    static const char letters[] = "nrt", meanings[] = "\n\r\t";
    char quote = *parser->at++;
    for (; *parser->at != quote; parser->at++) {
        char c = *parser->at;
        if (c == '\\' && quote == '"') {
            c = *++parser->at;
            const char *letter = c ? strchr(letters, c) : NULL;
            c = letter ? meanings[letter - letters] : c;
        }
        if (!c)
            return wrong(parser, "the quote does not end", err);
        text_append_char(ret, c);
    }
    parser->at++;
    return 0;
}

static int parse_field(Parser *parser, Text *ret, Error *err) {
    if (*parser->at == '"')
        return parse_quoted(parser, ret, err);
    while (isalnum((unsigned char)*parser->at) || *parser->at == '_')
        text_append_char(ret, *parser->at++);
    return ret->length > 0 ? 0 : wrong(parser, "expected a field", err);
}

static int parse_path(Parser *parser, Selector *selector, Error *err) {
    for (;; parser->at++) {
        autodone(Text) field = {};
        TRY(parse_field(parser, &field, err));
        json_texts_add(&selector->path, field.data ? field.data : "");
        if (*parser->at != '.')
            return 0;
    }
}

static int parse_operator(Parser *parser, Operator *ret, Error *err) {
    static const char *const operators[] = {[EQUAL] = "==", [NOT_EQUAL] = "!=", [MATCH] = "~="};
    *ret = PRESENT;
    if (*parser->at == ',' || *parser->at == '\0')
        return 0;
    for (size_t i = EQUAL; i < array_size(operators); i++)
        if (text_starts(parser->at, operators[i])) {
            *ret = (Operator)i;
            parser->at += 2;
            return 0;
        }
    return wrong(parser, "expected an operator", err);
}

static int parse_value(Parser *parser, Selector *selector, Error *err) {
    autodone(Text) value = {};
    const char *quotes = selector->operator== MATCH ? "\"/|" : "\"";
    if (*parser->at && strchr(quotes, *parser->at))
        TRY(parse_quoted(parser, &value, err));
    else
        while (*parser->at && *parser->at != ',' && !isspace((unsigned char)*parser->at))
            text_append_char(&value, *parser->at++);
    if (value.length == 0 && parser->at[-1] == '=')
        return wrong(parser, "expected a value", err);
    selector->value = text_take(&value);
    return 0;
}

/* Counted repetitions can be nested until the compiler needs more memory than there is. */
static int compile(const Parser *parser, Selector *selector, Error *err) {
    if (strchr(selector->value, '{') ||
        regcomp(&selector->regex, selector->value, REG_EXTENDED | REG_NOSUB) != 0)
        return wrong(parser, "bad regular expression", err);
    selector->compiled = true;
    return 0;
}

static void skip_space(Parser *parser) {
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static int parse_selector(Parser *parser, Selector *selector, Error *err) {
    skip_space(parser);
    TRY(parse_path(parser, selector, err));
    skip_space(parser);
    TRY(parse_operator(parser, &selector->operator, err));
    if (selector->operator!= PRESENT)
        TRY(parse_value(parser, selector, err));
    return selector->operator== MATCH ? compile(parser, selector, err) : 0;
}

static int parse_alternative(const char *text, Alternative *ret, Error *err) {
    Parser parser = {text, text};
    if (strlen(text) > LENGTH_MAX)
        return error_set(
            err, ERROR_INVALID, "filter is longer than %d bytes: invalid argument", LENGTH_MAX);
    while (*parser.at) {
        Selector empty = {};
        array_append(ret->selector, ret->n, empty);
        TRY(parse_selector(&parser, &ret->selector[ret->n - 1], err));
        skip_space(&parser);
        if (*parser.at && *parser.at++ != ',') {
            parser.at--;
            return wrong(&parser, "expected ','", err);
        }
    }
    return 0;
}

int filter_parse(char *const *texts, size_t n, Filter **ret, Error *err) {
    autoptr(Filter) filter = new (Filter);
    if (n > FILTERS_MAX)
        return error_set(err, ERROR_INVALID, "more than %d filters: invalid argument", FILTERS_MAX);
    filter->alternative = new_array(Alternative, n + 1);
    for (; filter->n < n; filter->n++)
        if (parse_alternative(texts[filter->n], &filter->alternative[filter->n], err) < 0) {
            filter->n++;
            return err->code;
        }
    *ret = take_ptr(&filter);
    return 0;
}

void filter_free(Filter *filter) {
    if (!filter)
        return;
    for (size_t i = 0; i < filter->n; i++) {
        Alternative *alternative = &filter->alternative[i];
        for (size_t j = 0; j < alternative->n; j++) {
            Selector *selector = &alternative->selector[j];
            json_texts_done(&selector->path);
            free(selector->value);
            if (selector->compiled)
                regfree(&selector->regex);
        }
        free(alternative->selector);
    }
    free(filter->alternative);
    free(filter);
}

static bool holds(const Selector *selector, FilterField *field, const void *object) {
    const char *value = field(object, selector->path.item, selector->path.n);
    switch (selector->operator) {
    case PRESENT:
        return value;
    case EQUAL:
        return value && text_equal(value, selector->value);
    case NOT_EQUAL:
        return !value || !text_equal(value, selector->value);
    case MATCH:
        return value && regexec(&selector->regex, value, 0, NULL, 0) == 0;
    }
    return false;
}

bool filter_matches(const Filter *filter, FilterField *field, const void *object) {
    for (size_t i = 0; i < filter->n; i++) {
        const Alternative *alternative = &filter->alternative[i];
        size_t held = 0;
        while (held < alternative->n && holds(&alternative->selector[held], field, object))
            held++;
        if (held == alternative->n)
            return true;
    }
    return filter->n == 0;
}

const char *filter_find(const JsonMap *map, char *const *path, size_t n) {
    autodone(Text) key = {};
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_append_char(&key, '.');
        text_append(&key, path[i]);
    }
    return key.data ? json_map_find(map, key.data) : NULL;
}
