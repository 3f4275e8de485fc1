// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/template/functions.h"

bool template_is_float(Document number) {
    for (size_t i = 0; i < number.n; i++)
        if (strchr(".eE", number.text[i]))
            return true;
    return false;
}

bool template_is_true(Document value) {
    switch (document_kind(value)) {
    case DOCUMENT_NONE:
    case DOCUMENT_NULL:
        return false;
    case DOCUMENT_BOOL:
        return *value.text == 't';
    case DOCUMENT_NUMBER: {
        autofree char *text = document_to_text(value);
        return strtod(text, NULL) != 0;
    }
    case DOCUMENT_TEXT:
    case DOCUMENT_ARRAY:
    case DOCUMENT_OBJECT:
        break;
    }
    return document_count(value) > 0;
}

static void print_map(Document map, Text *out) {
    autofree Document *names = NULL, *values = NULL;
    size_t n = document_sort(map, &names, &values);
    text_append(out, "map[");
    for (size_t i = 0; i < n; i++) {
        text_append(out, i ? " " : "");
        template_print_inner(names[i], out);
        text_append_char(out, ':');
        /* what docker has there is a struct without fields: {"80/tcp": {}} */
        if (document_kind(values[i]) == DOCUMENT_OBJECT && !document_count(values[i]))
            text_append(out, "{}");
        else
            template_print_inner(values[i], out);
    }
    text_append_char(out, ']');
}

static void print_list(Document list, Text *out) {
    size_t position = 0;
    Document name = {}, element = {};
    text_append_char(out, '[');
    for (size_t i = 0; position < list.n && document_next(list, &position, &name, &element); i++) {
        text_append(out, i ? " " : "");
        template_print_inner(element, out);
    }
    text_append_char(out, ']');
}

void template_print_inner(Document value, Text *out) {
    DocumentKind kind = document_kind(value);
    if (kind == DOCUMENT_OBJECT) {
        print_map(value, out);
    } else if (kind == DOCUMENT_ARRAY) {
        print_list(value, out);
    } else if (kind <= DOCUMENT_NULL) {
        text_append(out, "<nil>");
    } else {
        autofree char *text = document_to_text(value);
        text_append(out, text);
    }
}

void template_print(Document value, Text *out) {
    if (document_kind(value) <= DOCUMENT_NULL)
        text_append(out, "<no value>");
    else
        template_print_inner(value, out);
}

char *template_to_text(Document value) {
    Text out = {};
    template_print(value, &out);
    return text_take(&out);
}

/* %-08.3f: what stands between the percent sign and the verb. */
typedef struct Verb {
    bool minus, plus, sharp, space, zero;
    int width, precision; /* -1: not given */
    char verb;
} Verb;

enum {
    WIDTH_MAX = 4096
};

static int read_number(const char **at) {
    int value = 0;
    while (isdigit((unsigned char)**at) && value <= WIDTH_MAX)
        value = value * 10 + (*(*at)++ - '0');
    return value > WIDTH_MAX ? WIDTH_MAX : value;
}

static Verb read_verb(const char **at) {
    Verb verb = {.width = -1, .precision = -1};
    for (; **at && strchr("-+# 0", **at); ++*at) {
        verb.minus |= **at == '-';
        verb.plus |= **at == '+';
        verb.sharp |= **at == '#';
        verb.space |= **at == ' ';
        verb.zero |= **at == '0';
    }
    if (isdigit((unsigned char)**at))
        verb.width = read_number(at);
    if (**at == '.') {
        ++*at;
        verb.precision = read_number(at);
    }
    verb.verb = **at;
    *at += **at != '\0';
    return verb;
}

static size_t count_characters(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Zeros go behind the sign; to the right there are never any. */
static void append_padded(const Verb *verb, const char *text, bool number, Text *out) {
    size_t n = count_characters(text);
    size_t missing = verb->width > 0 && (size_t)verb->width > n ? (size_t)verb->width - n : 0;
    bool zeros = verb->zero && !verb->minus;
    if (zeros && number && *text && strchr("+-", *text))
        text_append_char(out, *text++);
    for (size_t i = 0; !verb->minus && i < missing; i++)
        text_append_char(out, zeros ? '0' : ' ');
    text_append(out, text);
    for (size_t i = 0; verb->minus && i < missing; i++)
        text_append_char(out, ' ');
}

/* "0x2f78"; "2f 78"; "0x2f 0x78" */
static void append_hex(const Verb *verb, const char *text, Text *out) {
    bool upper = verb->verb == 'X';
    for (const char *at = text; *at; at++) {
        text_append(out, verb->space && at > text ? " " : "");
        if (verb->sharp && (verb->space || at == text))
            text_append(out, upper ? "0X" : "0x");
        text_append_format(out, upper ? "%02X" : "%02x", (unsigned char)*at);
    }
}

static bool format_text(const Verb *verb, const char *text, Text *out) {
    size_t n = 0, length = 0; // a precision counts characters
    for (int i = 0; text[length] && (verb->precision < 0 || i < verb->precision); i++) {
        document_read_character(text + length, &n);
        length += n;
    }
    autofree char *cut = text_copy_n(text, length);
    autodone(Text) shown = {};
    if (verb->verb == 'q')
        json_append_string(&shown, cut, length);
    else if (verb->verb == 'x' || verb->verb == 'X')
        append_hex(verb, cut, &shown);
    else if (verb->verb == 's' || verb->verb == 'v')
        text_append(&shown, cut);
    else
        return false;
    append_padded(verb, shown.data ? shown.data : "", false, out);
    return true;
}

static void append_binary(uint64_t value, Text *out) {
    for (int bit = 63; bit >= 0; bit--)
        if (value >> bit || bit == 0)
            text_append_char(out, (char)('0' + (value >> bit & 1)));
}

static bool format_integer(const Verb *verb, int64_t value, Text *out) {
    uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    autodone(Text) digits = {};
    text_append(&digits, value < 0                         ? "-"
                         : verb->plus && verb->verb != 'v' ? "+"
                         : verb->space                     ? " "
                                                           : "");
    switch (verb->verb) {
    case 'v':
    case 'd':
        text_append_format(&digits, "%llu", (unsigned long long)size);
        break;
    case 'x':
        text_append_format(&digits, verb->sharp ? "0x%llx" : "%llx", (unsigned long long)size);
        break;
    case 'X':
        text_append_format(&digits, verb->sharp ? "0X%llX" : "%llX", (unsigned long long)size);
        break;
    case 'o':
        text_append_format(&digits, verb->sharp ? "0%llo" : "%llo", (unsigned long long)size);
        break;
    case 'b':
        append_binary(size, &digits);
        break;
    case 'c':
        text_clear(&digits);
        document_append_character(&digits, (uint32_t)size);
        break;
    case 'U':
        text_append_format(&digits, "U+%04llX", (unsigned long long)size);
        break;
    default:
        return false;
    }
    append_padded(verb, digits.data, true, out);
    return true;
}

static bool format_float(const Verb *verb, double value, Text *out) {
    autofree char *text = NULL;
    int precision = verb->precision < 0 ? 6 : verb->precision;
    const char *sign = verb->plus && value >= 0 ? "+" : "";
    switch (verb->verb) {
    case 'f':
    case 'F':
        text = text_format("%s%.*f", sign, precision, value);
        break;
    case 'e':
        text = text_format("%s%.*e", sign, precision, value);
        break;
    case 'g':
    case 'G':
    case 'v':
        text = text_format("%s%.*g", sign, verb->precision < 0 ? 15 : precision, value);
        break;
    default:
        return false;
    }
    append_padded(verb, text, true, out);
    return true;
}

const char *template_type_name(Document value) {
    static const char *const names[] = {
        "<nil>", "<nil>", "bool", "int", "string", "[]interface {}", "map[string]interface {}"};
    return document_kind(value) == DOCUMENT_NUMBER && template_is_float(value)
               ? "float64"
               : names[document_kind(value)];
}

static void format_value(const Verb *verb, Document value, Text *out);

/* Lists and maps are formatted element by element. */
static void format_elements(const Verb *verb, Document value, Text *out) {
    bool map = document_kind(value) == DOCUMENT_OBJECT;
    autofree Document *names = NULL, *values = NULL;
    size_t n = map ? document_sort(value, &names, &values) : document_count(value);
    text_append(out, map ? "map[" : "[");
    for (size_t i = 0; i < n; i++) {
        text_append(out, i ? " " : "");
        if (map)
            format_value(verb, names[i], out);
        text_append(out, map ? ":" : "");
        format_value(verb, map ? values[i] : document_element(value, i), out);
    }
    text_append_char(out, ']');
}

static bool format_one(const Verb *verb, Document value, const char *text, Text *out) {
    DocumentKind kind = document_kind(value);
    if (verb->verb == 'T')
        return append_padded(verb, template_type_name(value), false, out), true;
    if (kind == DOCUMENT_TEXT)
        return format_text(verb, text, out);
    if (kind == DOCUMENT_NUMBER && template_is_float(value))
        return format_float(verb, strtod(text, NULL), out);
    if (kind == DOCUMENT_NUMBER)
        return format_integer(verb, strtoll(text, NULL, 10), out);
    bool fits = verb->verb == 'v' || (kind == DOCUMENT_BOOL && verb->verb == 't');
    if (fits)
        append_padded(verb, text, false, out);
    return fits;
}

static void append_misfit(Document value, const char *text, Text *out) {
    bool nil = document_kind(value) <= DOCUMENT_NULL;
    text_append_format(out, "%s%s%s", template_type_name(value), nil ? "" : "=", nil ? "" : text);
}

static void format_value(const Verb *verb, Document value, Text *out) {
    if (document_kind(value) >= DOCUMENT_ARRAY && verb->verb != 'T') {
        format_elements(verb, value, out);
        return;
    }
    autodone(Text) text = {};
    template_print_inner(value, &text);
    const char *shown = text.data ? text.data : "";
    if (format_one(verb, value, shown, out))
        return;
    text_append_format(out, "%%!%c(", verb->verb);
    append_misfit(value, shown, out);
    text_append_char(out, ')');
}

static void format_next(
    const Verb *verb, const TemplateArguments *arguments, size_t *used, Text *out) {
    if (!verb->verb) {
        text_append(out, "%!(NOVERB)");
    } else if (verb->verb == '%') {
        text_append_char(out, '%');
    } else if (*used >= arguments->n) {
        text_append_format(out, "%%!%c(MISSING)", verb->verb);
    } else {
        format_value(verb, arguments->value[(*used)++], out);
    }
}

void template_printf(const TemplateArguments *arguments, Text *out) {
    autofree char *format = document_to_text(arguments->value[0]);
    size_t used = 1;
    for (const char *at = format; *at;) {
        if (*at != '%') {
            text_append_char(out, *at++);
            continue;
        }
        at++;
        Verb verb = read_verb(&at);
        format_next(&verb, arguments, &used, out);
    }
    if (used >= arguments->n)
        return;
    text_append(out, "%!(EXTRA ");
    for (size_t i = used; i < arguments->n; i++) {
        autofree char *text = template_to_text(arguments->value[i]);
        text_append(out, i > used ? ", " : "");
        append_misfit(arguments->value[i], text, out);
    }
    text_append_char(out, ')');
}
