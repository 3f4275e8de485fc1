// SPDX-License-Identifier: Apache-2.0
#include "base/option.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const Option *find_name(const Option *options, const char *name, size_t n) {
    for (const Option *o = options; o->name; o++)
        if (strncmp(o->name, name, n) == 0 && !o->name[n])
            return o;
    return NULL;
}

static const Option *find_letter(const Option *options, char letter) {
    for (const Option *o = options; o->name; o++)
        if (o->letter && o->letter == letter)
            return o;
    return NULL;
}

static int refuse(const Option *option, const char *value, const char *why, Error *err) {
    const char letter[] = {'-', option->letter, ',', ' ', '\0'};
    return error_set(err, ERROR_INVALID, "invalid argument \"%s\" for \"%s--%s\" flag: %s", value,
        option->letter ? letter : "", option->name, why);
}

static int store_flag(const Option *option, const char *value, bool *ret, Error *err) {
    static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True", NULL};
    static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False", NULL};
    for (size_t i = 0; yes[i]; i++) {
        if (strcmp(value, yes[i]) == 0)
            return *ret = true, 0;
        if (strcmp(value, no[i]) == 0)
            return *ret = false, 0;
    }
    return refuse(option, value, "not a boolean", err);
}

static void texts_add(OptionTexts *texts, const char *value) {
    texts->item = memory_resize(texts->item, texts->n + 2, sizeof *texts->item);
    texts->item[texts->n++] = value;
    texts->item[texts->n] = NULL;
}

/* docker's users write -f=STARS=3 as well. The words of argv may be written to. */
static int add_filter(const Option *option, const char *value, OptionTexts *ret, Error *err) {
    if (!strchr(value, '='))
        return refuse(option, value, "bad format of filter (expected name=value)", err);
    for (char *p = (char *)(uintptr_t)value; *p != '='; p++)
        *p = (char)tolower((unsigned char)*p);
    texts_add(ret, value);
    return 0;
}

static int store(const Option *option, const char *value, void *ret, Error *err) {
    void *at = (char *)ret + option->offset;
    int r = 0;
    switch (option->kind) {
    case OPTION_FLAG:
        return store_flag(option, value, at, err);
    case OPTION_TEXT:
        *(const char **)at = value;
        return 0;
    case OPTION_TEXTS:
        texts_add(at, value);
        return 0;
    case OPTION_FILTERS:
        return add_filter(option, value, at, err);
    case OPTION_INT:
        ((OptionInt *)at)->set = true;
        r = text_parse_int(value, option->value, &((OptionInt *)at)->value, err);
        break;
    case OPTION_SIZE:
        ((OptionSize *)at)->set = true;
        r = text_parse_size(value, "size", &((OptionSize *)at)->value, err);
        break;
    }
    if (r == 0)
        return 0;
    autofree char *why = text_copy(err->message);
    return refuse(option, value, why, err);
}

/* argv[*at] is the option; *at moves onto its value when that is a word of its own. */
static int parse_long(const OptionParse *parse, const char *text, int argc, char **argv, int *at,
    void *ret, Error *err) {
    size_t n = strcspn(text, "=");
    const Option *option = find_name(parse->options, text, n);
    if (!option)
        return error_set(err, ERROR_INVALID, "unknown flag: --%.*s", (int)n, text);
    if (text[n])
        return store(option, text + n + 1, ret, err);
    if (option->kind == OPTION_FLAG)
        return store(option, "true", ret, err);
    if (*at + 1 >= argc)
        return error_set(err, ERROR_INVALID, "flag needs an argument: --%s", option->name);
    return store(option, argv[++*at], ret, err);
}

static int parse_short(const OptionParse *parse, const char *text, int argc, char **argv, int *at,
    void *ret, Error *err) {
    for (const char *p = text; *p; p++) {
        const Option *option = find_letter(parse->options, *p);
        if (!option)
            return error_set(err, ERROR_INVALID, "unknown shorthand flag: '%c' in -%s", *p, text);
        if (p[1] == '=')
            return store(option, p + 2, ret, err);
        if (option->kind == OPTION_FLAG)
            TRY(store(option, "true", ret, err));
        else if (p[1])
            return store(option, p + 1, ret, err);
        else if (*at + 1 >= argc)
            return error_set(err, ERROR_INVALID, "flag needs an argument: '%c' in -%s", *p, text);
        else
            return store(option, argv[++*at], ret, err);
    }
    return 0;
}

static int parse_one(
    const OptionParse *parse, int argc, char **argv, int *at, void *ret, Error *err) {
    const char *word = argv[*at];
    if (word[1] == '-')
        return parse_long(parse, word + 2, argc, argv, at, ret, err);
    bool whole = parse->either_dash && word[2] &&
                 find_name(parse->options, word + 1, strcspn(word + 1, "="));
    if (parse->single_dash || whole)
        return parse_long(parse, word + 1, argc, argv, at, ret, err);
    return parse_short(parse, word + 1, argc, argv, at, ret, err);
}

/* Options and their values first, positionals after them, each in their order. */
int option_parse(
    const OptionParse *parse, int argc, char **argv, void *ret, int *ret_first, Error *err) {
    char **positional = new_array(char *, (size_t)argc + 1);
    int n = 0, kept = 1, r = 0;
    for (int i = 1; i < argc && r >= 0; i++) {
        bool ends = strcmp(argv[i], "--") == 0;
        bool is_option = argv[i][0] == '-' && argv[i][1] && !ends;
        if (is_option) {
            int from = i;
            r = parse_one(parse, argc, argv, &i, ret, err);
            for (int k = from; r >= 0 && k <= i; k++)
                argv[kept++] = argv[k];
        } else if (ends || parse->mode == OPTION_UNTIL_COMMAND) {
            if (ends)
                argv[kept++] = argv[i++];
            while (i < argc)
                positional[n++] = argv[i++];
        } else {
            positional[n++] = argv[i];
        }
    }
    if (r >= 0) {
        memcpy(argv + kept, positional, (size_t)n * sizeof *argv);
        *ret_first = kept;
    }
    free(positional);
    return r;
}

static size_t left_column(const Option *option, char *buffer, size_t size) {
    int n = option->letter ? snprintf(buffer, size, "  -%c, --%s", option->letter, option->name)
                           : snprintf(buffer, size, "      --%s", option->name);
    if (option->value)
        n += snprintf(buffer + n, size - (size_t)n, " %s", option->value);
    return (size_t)n;
}

void option_print_help(const Option *options, FILE *out) {
    char left[128];
    size_t width = 0;
    for (const Option *o = options; o->name; o++)
        if (o->help && left_column(o, left, sizeof left) > width)
            width = left_column(o, left, sizeof left);
    for (const Option *o = options; o->name; o++) {
        if (!o->help)
            continue;
        left_column(o, left, sizeof left);
        fprintf(out, "%-*s   %s\n", (int)width, left, o->help);
    }
}

void option_texts_done(OptionTexts *texts) {
    free(texts->item);
    *texts = (OptionTexts){};
}
