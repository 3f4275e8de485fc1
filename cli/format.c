// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "cli/table.h"

struct Format {
    const FormatNoun *noun;
    FormatView view;
    bool table;
    Template *template;
    Text text;
};

void format_free(Format *format) {
    if (!format)
        return;
    template_free(format->template);
    text_done(&format->text);
    free(format);
}

static int refuse(Error *err) {
    return error_prefix(err, "template parsing error");
}

/* The shell leaves \t and \n as they are. */
static char *unescape(const char *text) {
    Text out = {};
    for (; *text; text++) {
        bool escape = text[0] == '\\' && (text[1] == 't' || text[1] == 'n');
        text_append_char(&out, escape ? (text[1] == 't' ? '\t' : '\n') : *text);
        text += escape;
    }
    return text_take(&out);
}

/* The words that stand for a template of the noun's own. */
static const char *choose(const FormatNoun *noun, const FormatOptions *options, bool *ret_table) {
    const char *format = text_is_empty(options->format) ? "table" : options->format;
    *ret_table = false;
    if (options->quiet && noun->quiet && text_equal(format, "table"))
        return noun->quiet;
    if (text_equal(format, "raw") && noun->raw)
        return noun->raw;
    if (text_equal(format, "json"))
        return "{{json .}}";
    *ret_table = text_equal(format, "table") || text_starts(format, "table ");
    if (!*ret_table)
        return format;
    format += strlen("table");
    return *format ? format + strspn(format, " ") : noun->table;
}

int format_open(const FormatNoun *noun, const FormatOptions *options, Format **ret, Error *err) {
    autoptr(Format) format = new (Format);
    format->noun = noun;
    autofree char *text = unescape(choose(noun, options, &format->table));
    bool json = text_equal(text, "{{json .}}");
    format->view = (FormatView){.whole = options->whole, .json = json, .now = time_now()};
    if (template_parse(text, &format->template, err) < 0)
        return refuse(err);
    *ret = take_ptr(&format);
    return 0;
}

bool format_uses(const Format *format, const char *field) {
    return template_uses(format->template, field);
}

typedef struct Subject {
    const FormatNoun *noun;
    const void *item; /* NULL: the header */
    bool table;
} Subject;

/* What an image calls itself and a user has said is one cell of a table, and moves nothing else. */
static char *cell(const Subject *subject, char *text) {
    if (subject->table)
        text_make_printable(text);
    return text;
}

/* A label's column is called after the last part of its name. */
static char *label_header(const char *name) {
    const char *dot = strrchr(name, '.');
    char *header = text_copy(dot ? dot + 1 : name);
    for (char *p = header; *p; p++)
        *p = *p == '-' || *p == '_' ? ' ' : *p;
    return header;
}

static char *call_label(void *user, const char *name, const char *argument) {
    const Subject *subject = user;
    if (!text_equal(name, "Label") || !subject->noun->label)
        return NULL;
    autofree char *value = subject->item
                               ? cell(subject, subject->noun->label(subject->item, argument))
                               : label_header(argument);
    Text json = {};
    json_append_string(&json, value, strlen(value));
    return text_take(&json);
}

static void append_member(Text *json, const char *name, const char *value) {
    text_append(json, json->length ? "," : "{");
    json_append_string(json, name, strlen(name));
    text_append_char(json, ':');
    json_append_string(json, value, strlen(value));
}

static int add_line(Format *format, const void *item, Text *out, Error *err) {
    const FormatNoun *noun = format->noun;
    Subject subject = {noun, item, format->table};
    autodone(Text) json = {};
    for (const FormatField *field = noun->fields; field->name; field++) {
        autofree char *text =
            item ? cell(&subject, field->text(item, &format->view)) : text_copy(field->header);
        append_member(&json, field->name, text);
    }
    text_append_char(&json, '}');
    const TemplateInput input = {.dot = document_of(json.data),
        .type = noun->type,
        .method = call_label,
        .user = &subject,
        .header = !item};
    if (template_execute(format->template, &input, out, err) < 0)
        return refuse(err);
    text_append_char(out, '\n');
    return 0;
}

int format_add(Format *format, const void *item, Error *err) {
    return add_line(format, item, &format->text, err);
}

int format_print(Format *format, FILE *out, Error *err) {
    autodone(Text) all = {};
    const char *rows = format->text.data ? format->text.data : "";
    if (!format->table) {
        fputs(rows, out);
        return 0;
    }
    TRY(add_line(format, NULL, &all, err));
    text_append(&all, rows);
    table_print_text(all.data, out);
    return 0;
}

int format_document(const char *json, const char *format, FILE *out, Error *err) {
    autoptr(Template) template = NULL;
    autodone(Text) text = {};
    const TemplateInput input = {.dot = document_of(json)};
    if (template_parse(text_equal(format, "json") ? "{{json .}}" : format, &template, err) < 0 ||
        template_execute(template, &input, &text, err) < 0)
        return refuse(err);
    fprintf(out, "%s\n", text.data ? text.data : "");
    return 0;
}

char *format_list(char *const *texts, size_t n) {
    Text out = {};
    for (size_t i = 0; i < n; i++)
        text_append_format(&out, "%s%s", i ? "," : "", texts[i]);
    return text_take(&out);
}

char *format_value(char *const *pairs, size_t n, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!strncmp(pairs[i], name, length) && pairs[i][length] == '=')
            return text_copy(pairs[i] + length + 1);
    return text_copy("");
}
