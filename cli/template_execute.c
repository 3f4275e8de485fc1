// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/template.h"
#include "cli/template_tree.h"

/* Values are Documents: views into the JSON that is shown, or into texts that the functions made,
 * which live until the end. */
typedef struct Run {
    Document root;
    size_t n;
    char **made;
} Run;

static Document keep(Run *run, char *json) {
    array_append(run->made, run->n, json);
    return document_of(json);
}

static Document keep_text(Run *run, const char *text) {
    Text json = {};
    json_append_string(&json, text, strlen(text));
    return keep(run, text_take(&json));
}

static bool is_true(Document value) {
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

/* As Go prints its own values: [a b], map[k:v]. */
static void print_value(Document value, Text *out) {
    DocumentKind kind = document_kind(value);
    if (kind == DOCUMENT_NULL || kind == DOCUMENT_NONE) {
        text_append(out, "<no value>");
        return;
    }
    if (kind != DOCUMENT_ARRAY && kind != DOCUMENT_OBJECT) {
        autofree char *text = document_to_text(value);
        text_append(out, text);
        return;
    }
    text_append(out, kind == DOCUMENT_ARRAY ? "[" : "map[");
    size_t position = 0;
    Document name = {}, element = {};
    for (size_t i = 0; position < value.n && document_next(value, &position, &name, &element);
         i++) {
        text_append(out, i ? " " : "");
        if (kind == DOCUMENT_OBJECT) {
            print_value(name, out);
            text_append_char(out, ':');
        }
        print_value(element, out);
    }
    text_append_char(out, ']');
}

static char *to_text(Document value) {
    Text out = {};
    print_value(value, &out);
    return text_take(&out);
}

typedef struct Arguments {
    size_t n;
    Document *value;
} Arguments;

static int call_json(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    Document value = args->value[0];
    *ret = keep_text(run, "null");
    if (value.text) {
        autofree char *json = text_copy_n(value.text, value.n);
        *ret = keep_text(run, json);
    }
    return 0;
}

static int call_len(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    *ret = keep(run, text_format("%zu", document_count(args->value[0])));
    return 0;
}

static int call_index(Run *run, const Arguments *args, Document *ret, Error *err) {
    Document value = args->value[0];
    for (size_t i = 1; i < args->n; i++) {
        autofree char *key = to_text(args->value[i]);
        if (document_kind(value) == DOCUMENT_ARRAY) {
            value = document_element(value, (size_t)strtoull(key, NULL, 10));
            if (!value.text)
                return error_set(
                    err, ERROR_INVALID, "template: error calling index: out of range: %s", key);
        } else {
            value = document_member(value, key);
        }
    }
    *ret = value.text ? value : keep_text(run, ""); // a map's zero value
    return 0;
}

static int call_print(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autodone(Text) out = {};
    for (size_t i = 0; i < args->n; i++)
        print_value(args->value[i], &out);
    *ret = keep_text(run, out.data ? out.data : "");
    return 0;
}

static int call_println(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autodone(Text) out = {};
    for (size_t i = 0; i < args->n; i++) {
        text_append(&out, i ? " " : "");
        print_value(args->value[i], &out);
    }
    text_append_char(&out, '\n');
    *ret = keep_text(run, out.data);
    return 0;
}

static int call_join(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autofree char *separator = to_text(args->value[1]);
    autodone(Text) out = {};
    size_t position = 0;
    Document name = {}, element = {}, list = args->value[0];
    for (size_t i = 0; position < list.n && document_next(list, &position, &name, &element); i++) {
        text_append(&out, i ? separator : "");
        print_value(element, &out);
    }
    *ret = keep_text(run, out.data ? out.data : "");
    return 0;
}

static Document change_case(Run *run, Document value, int (*change)(int)) {
    autofree char *text = to_text(value);
    for (char *p = text; *p; p++)
        *p = (char)change((unsigned char)*p);
    return keep_text(run, text);
}

static int call_lower(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    *ret = change_case(run, args->value[0], tolower);
    return 0;
}

static int call_upper(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    *ret = change_case(run, args->value[0], toupper);
    return 0;
}

static Document truth(Run *run, bool value) {
    return keep(run, text_copy(value ? "true" : "false"));
}

static int call_eq(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    autofree char *first = to_text(args->value[0]);
    bool equal = false;
    for (size_t i = 1; i < args->n; i++) {
        autofree char *other = to_text(args->value[i]);
        equal |= text_equal(first, other);
    }
    *ret = truth(run, equal);
    return 0;
}

static int call_ne(Run *run, const Arguments *args, Document *ret, Error *err) {
    TRY(call_eq(run, args, ret, err));
    *ret = truth(run, !is_true(*ret));
    return 0;
}

static int call_not(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)err;
    *ret = truth(run, !is_true(args->value[0]));
    return 0;
}

static int call_and(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)run;
    (void)err;
    size_t i = 0;
    while (i + 1 < args->n && is_true(args->value[i]))
        i++;
    *ret = args->value[i];
    return 0;
}

static int call_or(Run *run, const Arguments *args, Document *ret, Error *err) {
    (void)run;
    (void)err;
    size_t i = 0;
    while (i + 1 < args->n && !is_true(args->value[i]))
        i++;
    *ret = args->value[i];
    return 0;
}

static const struct {
    const char *name;
    size_t min, max;
    int (*call)(Run *run, const Arguments *args, Document *ret, Error *err);
} functions[] = {
    {"and", 1, SIZE_MAX, call_and},
    {"eq", 2, SIZE_MAX, call_eq},
    {"index", 1, SIZE_MAX, call_index},
    {"join", 2, 2, call_join},
    {"json", 1, 1, call_json},
    {"len", 1, 1, call_len},
    {"lower", 1, 1, call_lower},
    {"ne", 2, 2, call_ne},
    {"not", 1, 1, call_not},
    {"or", 1, SIZE_MAX, call_or},
    {"print", 0, SIZE_MAX, call_print},
    {"println", 0, SIZE_MAX, call_println},
    {"upper", 1, 1, call_upper},
};

static int call(Run *run, const char *name, const Arguments *args, Document *ret, Error *err) {
    for (size_t i = 0; i < array_size(functions); i++) {
        if (!text_equal(functions[i].name, name))
            continue;
        if (args->n < functions[i].min || args->n > functions[i].max)
            return error_set(err, ERROR_INVALID, "template: wrong number of arguments for %s: %zu",
                name, args->n);
        return functions[i].call(run, args, ret, err);
    }
    return error_set(err, ERROR_INVALID, "template: function \"%s\" not defined", name);
}

static int evaluate_pipeline(
    Run *run, const TemplatePipeline *pipeline, Document dot, Document *ret, Error *err);

static int evaluate_fields(Document value, char *const *names, Document *ret, Error *err) {
    for (size_t i = 0; names[i]; i++) {
        DocumentKind kind = document_kind(value);
        if (kind == DOCUMENT_NONE)
            return error_set(
                err, ERROR_INVALID, "template: map has no entry for key \"%s\"", names[i - 1]);
        if (kind != DOCUMENT_OBJECT && kind != DOCUMENT_NULL)
            return error_set(err, ERROR_INVALID, "template: can't evaluate field %s", names[i]);
        value = document_member(value, names[i]);
    }
    *ret = value;
    return 0;
}

static int evaluate_operand(
    Run *run, const TemplateOperand *operand, Document dot, Document *ret, Error *err) {
    switch (operand->kind) {
    case OPERAND_FIELD:
        return evaluate_fields(dot, operand->names, ret, err);
    case OPERAND_ROOT:
        return evaluate_fields(run->root, operand->names, ret, err);
    case OPERAND_PIPELINE:
        return evaluate_pipeline(run, operand->pipeline, dot, ret, err);
    case OPERAND_VALUE:
    case OPERAND_FUNCTION:
        break;
    }
    *ret = document_of(operand->text);
    return 0;
}

/* `last` is what the command before the | gave; it becomes the last argument. */
static int evaluate_command(Run *run, const TemplateCommand *command, Document dot,
    const Document *last, Document *ret, Error *err) {
    const TemplateOperand *first = &command->operand[0];
    if (first->kind != OPERAND_FUNCTION) {
        if (command->n > 1 || last)
            return error_set(err, ERROR_INVALID,
                "template: can't give an argument to non-function %s",
                first->text ? first->text : "()");
        return evaluate_operand(run, first, dot, ret, err);
    }
    autofree Document *values = new_array(Document, command->n + 1);
    Arguments args = {.value = values};
    for (size_t i = 1; i < command->n; i++)
        TRY(evaluate_operand(run, &command->operand[i], dot, &values[args.n++], err));
    if (last)
        values[args.n++] = *last;
    return call(run, first->text, &args, ret, err);
}

static int evaluate_pipeline(
    Run *run, const TemplatePipeline *pipeline, Document dot, Document *ret, Error *err) {
    Document value = {};
    for (size_t i = 0; i < pipeline->n; i++) {
        Document last = value;
        TRY(evaluate_command(run, &pipeline->command[i], dot, i ? &last : NULL, &value, err));
    }
    *ret = value;
    return 0;
}

static int execute(Run *run, const TemplateList *list, Document dot, Text *out, Error *err);

static int execute_range(
    Run *run, const TemplateNode *node, Document dot, Document value, Text *out, Error *err) {
    size_t position = 0, n = 0;
    Document name = {}, element = {};
    for (; position < value.n && document_next(value, &position, &name, &element); n++)
        TRY(execute(run, &node->then, element, out, err));
    return n ? 0 : execute(run, &node->otherwise, dot, out, err);
}

static int execute_node(Run *run, const TemplateNode *node, Document dot, Text *out, Error *err) {
    Document value = {};
    if (node->kind == NODE_TEXT) {
        text_append(out, node->text);
        return 0;
    }
    TRY(evaluate_pipeline(run, node->pipeline, dot, &value, err));
    if (node->kind == NODE_RANGE)
        return execute_range(run, node, dot, value, out, err);
    if (node->kind == NODE_PRINT) {
        const TemplateOperand *operand = &node->pipeline->command[0].operand[0];
        if (!value.text)
            return error_set(err, ERROR_INVALID, "template: %s has no value", operand->text);
        print_value(value, out);
        return 0;
    }
    bool taken = is_true(value);
    Document inner = node->kind == NODE_WITH && taken ? value : dot;
    return execute(run, taken ? &node->then : &node->otherwise, inner, out, err);
}

static int execute(Run *run, const TemplateList *list, Document dot, Text *out, Error *err) {
    for (size_t i = 0; i < list->n; i++)
        TRY(execute_node(run, &list->node[i], dot, out, err));
    return 0;
}

int template_execute(const Template *template, Document dot, Text *out, Error *err) {
    Run run = {.root = dot};
    int result = execute(&run, &template->list, dot, out, err);
    for (size_t i = 0; i < run.n; i++)
        free(run.made[i]);
    free(run.made);
    return result;
}
