// SPDX-License-Identifier: Apache-2.0
#include "cli/template/functions.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/template/escape.h"

typedef TemplateArguments Arguments;
typedef TemplateRun Run;

Document template_keep(Run *run, char *json) {
    array_append(run->made, run->n, json);
    return document_of(json);
}

Document template_keep_text(Run *run, const char *text, size_t n) {
    Text json = {};
    json_append_string(&json, text, n);
    return template_keep(run, text_take(&json));
}

static Document keep_text(Run *run, const Text *text) {
    return template_keep_text(run, text->data ? text->data : "", text->length);
}

void template_run_done(Run *run) {
    for (size_t i = 0; i < run->n; i++)
        free(run->made[i]);
    free(run->made);
    *run = (Run){};
}

static const char *kind_name(Document value) {
    static const char *const names[] = {"nil", "nil", "bool", "int", "string", "slice", "map"};
    return document_kind(value) == DOCUMENT_NUMBER && template_is_float(value)
               ? "float64"
               : names[document_kind(value)];
}

static int want_text(Document value, char **ret, Error *err) {
    if (document_kind(value) != DOCUMENT_TEXT)
        return error_set(
            err, ERROR_INVALID, "wrong type for value; expected string; got %s", kind_name(value));
    *ret = document_to_text(value);
    return 0;
}

static int want_integer(Document value, int64_t *ret, Error *err) {
    if (document_kind(value) != DOCUMENT_NUMBER || template_is_float(value))
        return error_set(
            err, ERROR_INVALID, "wrong type for value; expected int; got %s", kind_name(value));
    autofree char *text = document_to_text(value);
    *ret = strtoll(text, NULL, 10);
    return 0;
}

static int call_json(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    Document value = args->value[0];
    *ret = template_keep_text(run, value.text ? value.text : "null", value.text ? value.n : 4);
    return 0;
}

static int call_len(Run *run, const Arguments *args, Document *ret, Error *err) {
    DocumentKind kind = document_kind(args->value[0]);
    if (kind == DOCUMENT_NONE || kind == DOCUMENT_NULL)
        return error_set(err, ERROR_INVALID, "len of nil pointer");
    if (kind == DOCUMENT_BOOL || kind == DOCUMENT_NUMBER)
        return error_set(err, ERROR_INVALID, "len of type %s", kind_name(args->value[0]));
    *ret = template_keep(run, text_format("%zu", document_count(args->value[0])));
    return 0;
}

/* What Go gives for a key that is not there: the zero value, of the type that the others have. */
static Document zero_like(Run *run, Document map) {
    size_t position = 0;
    Document name = {}, value = {};
    document_next(map, &position, &name, &value);
    switch (document_kind(value)) {
    case DOCUMENT_NUMBER:
        return template_keep(run, text_copy("0"));
    case DOCUMENT_BOOL:
        return template_keep(run, text_copy("false"));
    case DOCUMENT_ARRAY:
        return template_keep(run, text_copy("[]"));
    case DOCUMENT_OBJECT:
    case DOCUMENT_NULL:
        return template_keep(run, text_copy("null"));
    case DOCUMENT_NONE:
    case DOCUMENT_TEXT:
        break;
    }
    return template_keep(run, text_copy("\"\""));
}

static int index_list(Run *run, Document value, Document index, Document *ret, Error *err) {
    int64_t at = 0;
    if (document_kind(index) != DOCUMENT_NUMBER || template_is_float(index))
        return error_set(
            err, ERROR_INVALID, "cannot index slice/array with type %s", kind_name(index));
    TRY(want_integer(index, &at, err));
    if (at < 0 || (uint64_t)at >= document_count(value))
        return error_set(err, ERROR_INVALID, "index out of range: %lld", (long long)at);
    if (document_kind(value) == DOCUMENT_ARRAY) {
        *ret = document_element(value, (size_t)at);
        return 0;
    }
    autofree char *text = document_to_text(value); // a byte of it
    *ret = template_keep(run, text_format("%u", (unsigned char)text[at]));
    return 0;
}

static int call_index(Run *run, const Arguments *args, Document *ret, Error *err) {
    Document value = args->value[0];
    for (size_t i = 1; i < args->n; i++) {
        DocumentKind kind = document_kind(value);
        if (kind == DOCUMENT_ARRAY || kind == DOCUMENT_TEXT) {
            TRY(index_list(run, value, args->value[i], &value, err));
            continue;
        }
        if (kind == DOCUMENT_NONE || kind == DOCUMENT_NULL)
            return error_set(err, ERROR_INVALID, "index of untyped nil");
        if (kind != DOCUMENT_OBJECT)
            return error_set(err, ERROR_INVALID, "can't index item of type %s", kind_name(value));
        autofree char *key = template_to_text(args->value[i]);
        Document found = document_member(value, key);
        value = found.text ? found : zero_like(run, value);
    }
    *ret = value;
    return 0;
}

static int slice_bounds(const Arguments *args, size_t length, int64_t bounds[2], Error *err) {
    bounds[0] = 0;
    bounds[1] = (int64_t)length;
    for (size_t i = 1; i < args->n && i < 3; i++) {
        TRY(want_integer(args->value[i], &bounds[i - 1], err));
        if (bounds[i - 1] < 0 || bounds[i - 1] > (int64_t)length)
            return error_set(
                err, ERROR_INVALID, "index out of range: %lld", (long long)bounds[i - 1]);
    }
    if (bounds[0] > bounds[1])
        return error_set(err, ERROR_INVALID, "invalid slice index: %lld > %lld",
            (long long)bounds[0], (long long)bounds[1]);
    return 0;
}

static int call_slice(Run *run, const Arguments *args, Document *ret, Error *err) {
    Document value = args->value[0];
    DocumentKind kind = document_kind(value);
    int64_t bounds[2];
    if (kind != DOCUMENT_TEXT && kind != DOCUMENT_ARRAY)
        return error_set(err, ERROR_INVALID, "can't slice item of type %s", kind_name(value));
    TRY(slice_bounds(args, document_count(value), bounds, err));
    if (kind == DOCUMENT_TEXT) {
        autofree char *text = document_to_text(value);
        *ret = template_keep_text(run, text + bounds[0], (size_t)(bounds[1] - bounds[0]));
        return 0;
    }
    Text out = {};
    for (int64_t i = bounds[0]; i < bounds[1]; i++) {
        Document element = document_element(value, (size_t)i);
        text_append(&out, i > bounds[0] ? "," : "[");
        text_append_bytes(&out, element.text, element.n);
    }
    text_append(&out, bounds[0] == bounds[1] ? "[]" : "]");
    *ret = template_keep(run, text_take(&out));
    return 0;
}

/* As fmt.Sprint: blanks between two values of which none is a text. */
static int call_print(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autodone(Text) out = {};
    for (size_t i = 0; i < args->n; i++) {
        if (i && document_kind(args->value[i]) != DOCUMENT_TEXT &&
            document_kind(args->value[i - 1]) != DOCUMENT_TEXT)
            text_append_char(&out, ' ');
        template_print_inner(args->value[i], &out);
    }
    *ret = keep_text(run, &out);
    return 0;
}

static int call_println(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autodone(Text) out = {};
    for (size_t i = 0; i < args->n; i++) {
        text_append(&out, i ? " " : "");
        template_print_inner(args->value[i], &out);
    }
    text_append_char(&out, '\n');
    *ret = keep_text(run, &out);
    return 0;
}

static int call_printf(Run *run, const Arguments *args, Document *ret, Error *err) {
    autofree char *format = NULL;
    autodone(Text) out = {};
    TRY(want_text(args->value[0], &format, err));
    template_printf(args, &out);
    *ret = keep_text(run, &out);
    return 0;
}

static int call_join(Run *run, const Arguments *args, Document *ret, Error *err) {
    autofree char *separator = NULL;
    autodone(Text) out = {};
    size_t position = 0;
    Document name = {}, element = {}, list = args->value[0];
    DocumentKind kind = document_kind(list);
    if (kind != DOCUMENT_ARRAY && kind != DOCUMENT_NULL)
        return error_set(
            err, ERROR_INVALID, "wrong type for value; expected []string; got %s", kind_name(list));
    TRY(want_text(args->value[1], &separator, err));
    for (size_t i = 0; position < list.n && document_next(list, &position, &name, &element); i++) {
        text_append(&out, i ? separator : "");
        template_print(element, &out);
    }
    *ret = keep_text(run, &out);
    return 0;
}

static void append_piece(Text *json, const char *text, size_t n) {
    text_append(json, json->length > 1 ? "," : "");
    json_append_string(json, text, n);
}

static int call_split(Run *run, const Arguments *args, Document *ret, Error *err) {
    autofree char *text = NULL, *separator = NULL;
    TRY(want_text(args->value[0], &text, err));
    TRY(want_text(args->value[1], &separator, err));
    Text json = {};
    text_append_char(&json, '[');
    const char *at = text;
    if (*separator) {
        for (const char *end; (end = strstr(at, separator)); at = end + strlen(separator))
            append_piece(&json, at, (size_t)(end - at));
        append_piece(&json, at, strlen(at));
    }
    for (size_t n; !*separator && *at; at += n) { // into characters
        document_read_character(at, &n);
        append_piece(&json, at, n);
    }
    text_append_char(&json, ']');
    *ret = template_keep(run, text_take(&json));
    return 0;
}

static int change_case(
    Run *run, const Arguments *args, int (*change)(int), bool title, Document *ret, Error *err) {
    autofree char *text = NULL;
    TRY(want_text(args->value[0], &text, err));
    bool inside = false;
    for (char *p = text; *p; p++) {
        if (!title || !inside)
            *p = (char)change((unsigned char)*p);
        inside = isalnum((unsigned char)*p) || *p == '_' || (unsigned char)*p > 127;
    }
    *ret = template_keep_text(run, text, strlen(text));
    return 0;
}

static int call_lower(Run *run, const Arguments *args, Document *ret, Error *err) {
    return change_case(run, args, tolower, false, ret, err);
}

static int call_upper(Run *run, const Arguments *args, Document *ret, Error *err) {
    return change_case(run, args, toupper, false, ret, err);
}

static int call_title(Run *run, const Arguments *args, Document *ret, Error *err) {
    return change_case(run, args, toupper, true, ret, err);
}

enum {
    PAD_MAX = 4096
};

static int call_pad(Run *run, const Arguments *args, Document *ret, Error *err) {
    autofree char *text = NULL;
    int64_t before = 0, after = 0;
    TRY(want_text(args->value[0], &text, err));
    TRY(want_integer(args->value[1], &before, err));
    TRY(want_integer(args->value[2], &after, err));
    if (before < 0 || after < 0 || before > PAD_MAX || after > PAD_MAX)
        return error_set(err, ERROR_INVALID, "0 to %d blanks can be added", PAD_MAX);
    autofree char *padded =
        *text ? text_format("%*s%s%*s", (int)before, "", text, (int)after, "") : text_copy("");
    *ret = template_keep_text(run, padded, strlen(padded));
    return 0;
}

static int call_truncate(Run *run, const Arguments *args, Document *ret, Error *err) {
    autofree char *text = NULL;
    int64_t length = 0;
    TRY(want_text(args->value[0], &text, err));
    TRY(want_integer(args->value[1], &length, err));
    if (length < 0)
        return error_set(err, ERROR_INVALID, "index out of range: %lld", (long long)length);
    size_t n = strlen(text);
    *ret = template_keep_text(run, text, (uint64_t)length < n ? (size_t)length : n);
    return 0;
}

static Document truth(Run *run, bool value) {
    return template_keep(run, text_copy(value ? "true" : "false"));
}

static int call_not(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    *ret = truth(run, !template_is_true(args->value[0]));
    return 0;
}

/* Go compares booleans, integers, floats and texts with their like only. nil equals nil. */
static int check_comparable(Document a, Document b, bool ordered, Error *err) {
    DocumentKind x = document_kind(a), y = document_kind(b);
    bool nil = x <= DOCUMENT_NULL || y <= DOCUMENT_NULL;
    if (!ordered && nil)
        return 0;
    if (x >= DOCUMENT_ARRAY || y >= DOCUMENT_ARRAY || (ordered && (nil || x == DOCUMENT_BOOL)))
        return error_set(err, ERROR_INVALID, "invalid type for comparison");
    if (!nil && (x != y || (x == DOCUMENT_NUMBER && template_is_float(a) != template_is_float(b))))
        return error_set(err, ERROR_INVALID, "incompatible types for comparison: %s and %s",
            kind_name(a), kind_name(b));
    return 0;
}

static int compare(Document a, Document b) {
    autofree char *x = document_to_text(a), *y = document_to_text(b);
    if (document_kind(a) != DOCUMENT_NUMBER)
        return strcmp(x, y);
    if (template_is_float(a)) {
        double p = strtod(x, NULL), q = strtod(y, NULL);
        return (p > q) - (p < q);
    }
    long long p = strtoll(x, NULL, 10), q = strtoll(y, NULL, 10);
    return (p > q) - (p < q);
}

static int call_eq(Run *run, const Arguments *args, Document *ret, Error *err) {
    bool equal = false, nil = document_kind(args->value[0]) <= DOCUMENT_NULL;
    if (args->n == 1)
        return error_set(err, ERROR_INVALID, "missing argument for comparison");
    for (size_t i = 1; i < args->n && !equal; i++) {
        TRY(check_comparable(args->value[0], args->value[i], false, err));
        bool other_nil = document_kind(args->value[i]) <= DOCUMENT_NULL;
        equal = nil || other_nil ? nil == other_nil : !compare(args->value[0], args->value[i]);
    }
    *ret = truth(run, equal);
    return 0;
}

static int call_ne(Run *run, const Arguments *args, Document *ret, Error *err) {
    TRY(call_eq(run, args, ret, err));
    *ret = truth(run, !template_is_true(*ret));
    return 0;
}

static int order(const Arguments *args, int *ret, Error *err) {
    TRY(check_comparable(args->value[0], args->value[1], true, err));
    *ret = compare(args->value[0], args->value[1]);
    return 0;
}

#define CALL_ORDER(name, condition)                                                                \
    static int call_##name(Run *run, const Arguments *args, Document *ret, Error *err) {           \
        int result = 0;                                                                            \
        TRY(order(args, &result, err));                                                            \
        *ret = truth(run, result condition 0);                                                     \
        return 0;                                                                                  \
    }
CALL_ORDER(lt, <)
CALL_ORDER(le, <=)
CALL_ORDER(gt, >)
CALL_ORDER(ge, >=)

/* Reached with one argument or from behind a pipe; the walker evaluates the others one by one. */
static int call_first(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)run;
    (void)err;
    *ret = args->value[args->n - 1];
    return 0;
}

/* All arguments as one text, with certain characters replaced. */
static int escape(
    Run *run, const Arguments *args, void (*append)(Text *out, unsigned char c), Document *ret) {
    autodone(Text) out = {}, escaped = {};
    for (size_t i = 0; i < args->n; i++)
        template_print(args->value[i], &out);
    for (size_t i = 0; i < out.length; i++)
        append(&escaped, (unsigned char)out.data[i]);
    *ret = keep_text(run, &escaped);
    return 0;
}

static int call_html(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    return escape(run, args, escape_html, ret);
}

static int call_js(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    return escape(run, args, escape_js, ret);
}

static int call_urlquery(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    return escape(run, args, escape_query, ret);
}

static const struct {
    const char *name;
    size_t min, max;
    int (*call)(Run *run, const Arguments *args, Document *ret, Error *err);
    bool plain; /* for columns' names it does nothing */
} functions[] = {
    {"and", 1, SIZE_MAX, call_first},
    {"eq", 1, SIZE_MAX, call_eq},
    {"ge", 2, 2, call_ge},
    {"gt", 2, 2, call_gt},
    {"html", 0, SIZE_MAX, call_html},
    {"index", 1, SIZE_MAX, call_index},
    {"join", 2, 2, call_join},
    {"js", 0, SIZE_MAX, call_js},
    {"json", 1, 1, call_json, true},
    {"le", 2, 2, call_le},
    {"len", 1, 1, call_len},
    {"lower", 1, 1, call_lower, true},
    {"lt", 2, 2, call_lt},
    {"ne", 2, 2, call_ne},
    {"not", 1, 1, call_not},
    {"or", 1, SIZE_MAX, call_first},
    {"pad", 3, 3, call_pad},
    {"print", 0, SIZE_MAX, call_print},
    {"printf", 1, SIZE_MAX, call_printf},
    {"println", 0, SIZE_MAX, call_println},
    {"slice", 1, 4, call_slice},
    {"split", 2, 2, call_split},
    {"title", 1, 1, call_title, true},
    {"truncate", 2, 2, call_truncate, true},
    {"upper", 1, 1, call_upper, true},
    {"urlquery", 0, SIZE_MAX, call_urlquery},
};

bool template_function_exists(const char *name) {
    for (size_t i = 0; i < array_size(functions); i++)
        if (text_equal(functions[i].name, name))
            return true;
    return false;
}

int template_function_call(
    Run *run, const char *name, const Arguments *arguments, Document *ret, Error *err) {
    size_t i = 0, n = arguments->n;
    while (!text_equal(functions[i].name, name))
        i++;
    if (n < functions[i].min || n > functions[i].max)
        return error_set(err, ERROR_INVALID, "wrong number of args for %s: want %s%zu got %zu",
            name, functions[i].max == SIZE_MAX ? "at least " : "", functions[i].min, n);
    if (run->header && functions[i].plain) {
        *ret = arguments->value[0];
        return 0;
    }
    if (functions[i].call(run, arguments, ret, err) == 0)
        return 0;
    return text_starts(err->message, "wrong type") ? err->code
                                                   : error_prefix(err, "error calling %s", name);
}
