// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/template/functions.h"
#include "cli/template/omitted.h"
#include "cli/template/template.h"
#include "cli/template/tree.h"

typedef struct Variable {
    const char *name;
    Document value;
} Variable;

typedef enum Jump {
    JUMP_NONE,
    JUMP_BREAK,
    JUMP_CONTINUE,
} Jump;

typedef struct Walk {
    const Template *template;
    const char *name; /* of the definition that is being executed */
    unsigned depth;   /* of definitions */
    const TemplateInput *input;
    TemplateRun run;
    size_t variables;
    Variable *variable;
    Jump jump;
} Walk;

/* "template: :1:2: executing "" at <SOURCE>: …": `at` gives line and column. */
static int fail(const Walk *walk, size_t at, const char *shown, Error *err, const char *what) {
    const char *source = walk->template->source;
    size_t line = 1, start = 0;
    for (size_t i = 0; i < at; i++)
        if (source[i] == '\n') {
            line++;
            start = i + 1;
        }
    return error_set(err, ERROR_INVALID, "template: :%zu:%zu: executing \"%s\" at <%s>: %s", line,
        at - start, walk->name, shown, what);
}

static int fail_between(const Walk *walk, size_t at, size_t end, Error *err, const char *what) {
    const char *source = walk->template->source;
    while (end > at && isspace((unsigned char)source[end - 1]))
        end--;
    autofree char *shown = text_copy_n(source + at, end - at);
    return fail(walk, at, shown, err, what);
}

/* Go points at the second field of a chain. */
__attribute__((format(printf, 4, 5))) static int fail_at(
    const Walk *walk, const TemplateOperand *operand, Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    autofree char *what = text_format_v(format, args);
    va_end(args);
    const char *source = walk->template->source;
    autofree char *shown = text_copy_n(source + operand->at, operand->end - operand->at);
    size_t first = operand->kind == OPERAND_FIELD && operand->n > 1  ? 1 + strlen(operand->names[0])
                   : operand->kind == OPERAND_VARIABLE && operand->n ? strlen(operand->text)
                                                                     : 0;
    return fail(walk, operand->at + first, shown, err, what);
}

static int evaluate_pipeline(
    Walk *walk, const TemplatePipeline *pipeline, Document dot, Document *ret, Error *err);

/* A struct has its fields or not; a map's key that is not there is no value. Which of the two JSON
 * was, its names tell: those of Go's structs are capitals. */
static int evaluate_fields(
    Walk *walk, const TemplateOperand *operand, Document value, Document *ret, Error *err) {
    bool typed = walk->input->type && value.text == walk->input->dot.text;
    for (size_t i = 0; i < operand->n; i++) {
        const char *name = operand->names[i];
        DocumentKind kind = document_kind(value);
        if (kind == DOCUMENT_NONE)
            return fail_at(walk, operand, err, "map has no entry for key \"%s\"",
                i ? operand->names[i - 1] : name);
        if (kind == DOCUMENT_NULL)
            return fail_at(walk, operand, err, "nil pointer evaluating interface {}.%s", name);
        if (kind != DOCUMENT_OBJECT)
            return fail_at(walk, operand, err, "can't evaluate field %s in type %s", name,
                template_type_name(value));
        Document member = document_member(value, name);
        if (!member.text && typed && i == 0)
            return fail_at(
                walk, operand, err, "can't evaluate field %s in type %s", name, walk->input->type);
        const char *empty = i + 1 == operand->n ? omitted_value(name) : NULL;
        if (!member.text && (empty || !isupper((unsigned char)*name)))
            member = template_keep(&walk->run, text_copy(empty ? empty : "null"));
        value = member;
    }
    *ret = value;
    return 0;
}

static Variable *find_variable(Walk *walk, const char *name) {
    for (size_t i = walk->variables; i > 0; i--)
        if (text_equal(walk->variable[i - 1].name, name))
            return &walk->variable[i - 1];
    return NULL; // the parser knows them all
}

static void set_variable(Walk *walk, const char *name, Document value, bool assigns) {
    Variable variable = {name, value};
    if (assigns)
        find_variable(walk, name)->value = value;
    else
        array_append(walk->variable, walk->variables, variable);
}

static int evaluate_operand(
    Walk *walk, const TemplateOperand *operand, Document dot, Document *ret, Error *err) {
    Document value = dot;
    switch (operand->kind) {
    case OPERAND_FIELD:
        break;
    case OPERAND_VARIABLE:
        value = find_variable(walk, operand->text)->value;
        break;
    case OPERAND_PIPELINE:
        TRY(evaluate_pipeline(walk, operand->pipeline, dot, &value, err));
        break;
    case OPERAND_VALUE:
        value = document_of(operand->text);
        break;
    case OPERAND_NIL:
        value = template_keep(&walk->run, text_copy("null"));
        break;
    case OPERAND_FUNCTION: { // among arguments: a call without any
        TemplateArguments none = {};
        if (template_function_call(&walk->run, operand->text, &none, &value, err) < 0) {
            autofree char *why = text_copy(err->message);
            return fail_at(walk, operand, err, "%s", why);
        }
        break;
    }
    }
    return evaluate_fields(walk, operand, value, ret, err);
}

/* `and` and `or` stop at the argument that decides. */
static int evaluate_logic(Walk *walk, const TemplateCommand *command, Document dot,
    const Document *last, Document *ret, Error *err) {
    bool stop_at = text_equal(command->operand[0].text, "or");
    for (size_t i = 1; i < command->n; i++) {
        TRY(evaluate_operand(walk, &command->operand[i], dot, ret, err));
        if (template_is_true(*ret) == stop_at)
            return 0;
    }
    if (last)
        *ret = *last;
    return 0;
}

static int call_function(Walk *walk, const TemplateCommand *command, Document dot,
    const Document *last, Document *ret, Error *err) {
    const char *name = command->operand[0].text;
    bool logic = text_equal(name, "and") || text_equal(name, "or");
    if (logic && command->n + !!last > 1)
        return evaluate_logic(walk, command, dot, last, ret, err);
    autofree Document *values = new_array(Document, command->n + 1);
    TemplateArguments arguments = {.value = values};
    for (size_t i = 1; i < command->n; i++)
        TRY(evaluate_operand(walk, &command->operand[i], dot, &values[arguments.n++], err));
    if (last)
        values[arguments.n++] = *last;
    if (template_function_call(&walk->run, name, &arguments, ret, err) == 0)
        return 0;
    autofree char *why = text_copy(err->message);
    bool called = !text_starts(why, "wrong number of args");
    return fail_between(
        walk, command->at, called ? command->end : command->operand[0].end, err, why);
}

/* {{.Label "name"}}; anything else that gets an argument is no function. */
static int call_method(Walk *walk, const TemplateCommand *command, Document dot,
    const Document *last, Document *ret, Error *err) {
    const TemplateOperand *first = &command->operand[0];
    bool root = first->kind == OPERAND_FIELD ? dot.text == walk->input->dot.text
                                             : text_equal(first->text, "$");
    Document argument = last ? *last : (Document){};
    if (command->n == 2)
        TRY(evaluate_operand(walk, &command->operand[1], dot, &argument, err));
    if (root && first->n == 1 && walk->input->method && command->n - 1 + !!last == 1) {
        autofree char *text = template_to_text(argument);
        char *json = walk->input->method(walk->input->user, first->names[0], text);
        if (json) {
            *ret = template_keep(&walk->run, json);
            return 0;
        }
    }
    if (first->n && (first->kind == OPERAND_FIELD || first->kind == OPERAND_VARIABLE))
        return fail_at(walk, first, err, "%s has arguments but cannot be invoked as function",
            first->names[first->n - 1]);
    return fail_at(walk, first, err, "can't give argument to non-function %.*s",
        (int)(first->end - first->at), walk->template->source + first->at);
}

/* `last` is what the command before the | gave; it becomes the last argument. */
static int evaluate_command(Walk *walk, const TemplateCommand *command, Document dot,
    const Document *last, Document *ret, Error *err) {
    const TemplateOperand *first = &command->operand[0];
    if (first->kind == OPERAND_FUNCTION && !first->n)
        return call_function(walk, command, dot, last, ret, err);
    if (command->n > 1 || last)
        return call_method(walk, command, dot, last, ret, err);
    if (first->kind == OPERAND_NIL)
        return fail_at(walk, first, err, "nil is not a command");
    return evaluate_operand(walk, first, dot, ret, err);
}

static int evaluate_commands(
    Walk *walk, const TemplatePipeline *pipeline, Document dot, Document *ret, Error *err) {
    Document value = {};
    for (size_t i = 0; i < pipeline->n; i++) {
        Document last = value;
        TRY(evaluate_command(walk, &pipeline->command[i], dot, i ? &last : NULL, &value, err));
    }
    *ret = value;
    return 0;
}

/* range sets its variables itself, element by element. */
static int evaluate_pipeline(
    Walk *walk, const TemplatePipeline *pipeline, Document dot, Document *ret, Error *err) {
    TRY(evaluate_commands(walk, pipeline, dot, ret, err));
    if (pipeline->variables == 1)
        set_variable(walk, pipeline->variable[0], *ret, pipeline->assigns);
    return 0;
}

static int execute(Walk *walk, const TemplateList *list, Document dot, Text *out, Error *err);

static int execute_element(
    Walk *walk, const TemplateNode *node, Document key, Document element, Text *out, Error *err) {
    const TemplatePipeline *pipeline = node->pipeline;
    size_t variables = walk->variables;
    if (pipeline->variables == 2)
        set_variable(walk, pipeline->variable[0], key, pipeline->assigns);
    if (pipeline->variables)
        set_variable(walk, pipeline->variable[pipeline->variables - 1], element, pipeline->assigns);
    TRY(execute(walk, &node->then, element, out, err));
    walk->variables = variables;
    if (walk->jump == JUMP_CONTINUE)
        walk->jump = JUMP_NONE;
    return 0;
}

typedef struct Elements {
    size_t n;
    Document *key, *value;
} Elements;

static void elements_done(Elements *elements) {
    free(elements->key);
    free(elements->value);
}
CLEANUP_DEFINE_DONE(Elements, elements_done)

static Document number(Walk *walk, size_t value) {
    return template_keep(&walk->run, text_format("%zu", value));
}

enum {
    COUNT_MAX = 1 << 20, /* range over a number */
    DEFINITIONS_MAX = 500
};

static int refuse_range(
    const Walk *walk, const TemplatePipeline *pipeline, const char *value, Error *err) {
    autofree char *why = text_format("range can't iterate over %s", value);
    return fail_between(walk, pipeline->value_at, pipeline->end, err, why);
}

static int list_elements(
    Walk *walk, const TemplateNode *node, Document value, Elements *ret, Error *err) {
    size_t position = 0;
    Document name = {}, element = {};
    DocumentKind kind = document_kind(value);
    if (kind == DOCUMENT_OBJECT)
        ret->n = document_sort(value, &ret->key, &ret->value);
    autofree char *text = document_to_text(value);
    if (kind == DOCUMENT_BOOL || kind == DOCUMENT_TEXT ||
        (kind == DOCUMENT_NUMBER && template_is_float(value)))
        return refuse_range(walk, node->pipeline, text, err);
    long long count = kind == DOCUMENT_NUMBER ? strtoll(text, NULL, 10) : -1;
    for (long long i = 0; i < count && i < COUNT_MAX; i++) {
        ret->key = memory_resize(ret->key, ret->n + 1, sizeof *ret->key);
        ret->key[ret->n] = number(walk, (size_t)i);
        array_append(ret->value, ret->n, ret->key[i]);
    }
    while (kind == DOCUMENT_ARRAY && position < value.n &&
           document_next(value, &position, &name, &element)) {
        ret->key = memory_resize(ret->key, ret->n + 1, sizeof *ret->key);
        ret->key[ret->n] = number(walk, ret->n);
        array_append(ret->value, ret->n, element);
    }
    return 0;
}

static int execute_range(
    Walk *walk, const TemplateNode *node, Document dot, Text *out, Error *err) {
    Document value = {};
    autodone(Elements) elements = {};
    TRY(evaluate_commands(walk, node->pipeline, dot, &value, err));
    TRY(list_elements(walk, node, value, &elements, err));
    for (size_t i = 0; i < elements.n && walk->jump == JUMP_NONE; i++)
        TRY(execute_element(walk, node, elements.key[i], elements.value[i], out, err));
    if (walk->jump == JUMP_BREAK)
        walk->jump = JUMP_NONE;
    return elements.n ? 0 : execute(walk, &node->otherwise, dot, out, err);
}

static int execute_action(
    Walk *walk, const TemplateNode *node, Document dot, Text *out, Error *err) {
    const TemplatePipeline *pipeline = node->pipeline;
    Document value = {};
    TRY(evaluate_pipeline(walk, pipeline, dot, &value, err));
    if (pipeline->variables)
        return 0;
    const TemplateOperand *last = &pipeline->command[pipeline->n - 1].operand[0];
    if (!value.text && last->n)
        return fail_at(
            walk, last, err, "map has no entry for key \"%s\"", last->names[last->n - 1]);
    bool null = document_kind(value) == DOCUMENT_NULL && pipeline->n == 1 && last->n;
    const char *empty = null ? omitted_print(last->names[last->n - 1]) : NULL;
    if (empty)
        text_append(out, empty);
    else
        template_print(value, out);
    return 0;
}

static int execute_branch(
    Walk *walk, const TemplateNode *node, Document dot, Text *out, Error *err) {
    size_t variables = walk->variables;
    Document value = {};
    TRY(evaluate_pipeline(walk, node->pipeline, dot, &value, err));
    bool taken = template_is_true(value);
    Document inner = node->kind == NODE_WITH && taken ? value : dot;
    TRY(execute(walk, taken ? &node->then : &node->otherwise, inner, out, err));
    walk->variables = variables;
    return 0;
}

static const TemplateList *find_definition(const Template *template, const char *name) {
    for (size_t i = 0; i < template->n; i++)
        if (text_equal(template->definition[i].name, name))
            return &template->definition[i].list;
    return NULL;
}

/* The definition sees its own dot, which is its $, too, and none of our variables. */
static int execute_definition(
    Walk *walk, const TemplateNode *node, Document dot, Text *out, Error *err) {
    const TemplateList *list = find_definition(walk->template, node->text);
    const TemplatePipeline *pipeline = node->pipeline;
    autofree char *shown = text_format("{{template \"%s\"%s%.*s}}", node->text, pipeline ? " " : "",
        pipeline ? (int)(pipeline->end - pipeline->at) : 0,
        pipeline ? walk->template->source + pipeline->at : "");
    autofree char *unknown = text_format("template \"%s\" not defined", node->text);
    Document value = {};
    if (!list)
        return fail(walk, node->at, shown, err, unknown);
    if (walk->depth == DEFINITIONS_MAX)
        return fail(walk, node->at, shown, err, "exceeded maximum template depth");
    if (pipeline)
        TRY(evaluate_pipeline(walk, pipeline, dot, &value, err));
    const char *name = walk->name;
    size_t variables = walk->variables;
    walk->name = node->text;
    walk->depth++;
    set_variable(walk, "$", value, false);
    TRY(execute(walk, list, value, out, err));
    walk->variables = variables;
    walk->depth--;
    walk->name = name;
    return 0;
}

static int execute_node(Walk *walk, const TemplateNode *node, Document dot, Text *out, Error *err) {
    switch (node->kind) {
    case NODE_TEXT:
        text_append(out, node->text);
        return 0;
    case NODE_ACTION:
        return execute_action(walk, node, dot, out, err);
    case NODE_IF:
    case NODE_WITH:
        return execute_branch(walk, node, dot, out, err);
    case NODE_RANGE:
        return execute_range(walk, node, dot, out, err);
    case NODE_BREAK:
        walk->jump = JUMP_BREAK;
        return 0;
    case NODE_CONTINUE:
        walk->jump = JUMP_CONTINUE;
        return 0;
    case NODE_TEMPLATE:
        return execute_definition(walk, node, dot, out, err);
    }
    return 0;
}

static int execute(Walk *walk, const TemplateList *list, Document dot, Text *out, Error *err) {
    for (size_t i = 0; i < list->n && walk->jump == JUMP_NONE; i++)
        TRY(execute_node(walk, &list->node[i], dot, out, err));
    return 0;
}

int template_execute(const Template *template, const TemplateInput *input, Text *out, Error *err) {
    Walk walk = {.template = template, .name = "", .input = input, .run.header = input->header};
    set_variable(&walk, "$", input->dot, false);
    int result = execute(&walk, &template->list, input->dot, out, err);
    template_run_done(&walk.run);
    free(walk.variable);
    return result;
}
