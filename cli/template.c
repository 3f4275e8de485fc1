// SPDX-License-Identifier: Apache-2.0
#include "cli/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/template_tree.h"

/* Recursive descent over the text between {{ and }}; plain text in between. Nesting is bounded, as
 * the parser and the walker recurse. */

enum {
    DEPTH_MAX = 32
};

typedef struct Parser {
    const char *at;  /* what is left of the template, or of the action */
    const char *end; /* of the action, at its }} */
    unsigned depth;
} Parser;

static void pipeline_free(TemplatePipeline *pipeline) {
    if (!pipeline)
        return;
    for (size_t i = 0; i < pipeline->n; i++) {
        for (size_t k = 0; k < pipeline->command[i].n; k++) {
            TemplateOperand *operand = &pipeline->command[i].operand[k];
            free(operand->text);
            texts_free(operand->names);
            pipeline_free(operand->pipeline);
        }
        free(pipeline->command[i].operand);
    }
    free(pipeline->command);
    free(pipeline);
}

static void list_done(TemplateList *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->node[i].text);
        pipeline_free(list->node[i].pipeline);
        list_done(&list->node[i].then);
        list_done(&list->node[i].otherwise);
    }
    free(list->node);
}

void template_free(Template *template) {
    if (!template)
        return;
    list_done(&template->list);
    free(template);
}

static void skip_blanks(Parser *parser) {
    while (parser->at < parser->end && isspace((unsigned char)*parser->at))
        parser->at++;
}

static int fail(Error *err, const char *what) {
    return error_set(err, ERROR_INVALID, "template: %s", what);
}

static size_t name_length(const char *at, const char *end) {
    size_t n = 0;
    while (at + n < end && (isalnum((unsigned char)at[n]) || at[n] == '_'))
        n++;
    return n;
}

static int parse_fields(Parser *parser, TemplateOperand *ret, Error *err) {
    const char *start = parser->at;
    size_t n = 0, dots = 0;
    for (const char *p = start; p < parser->end; p++)
        dots += *p == '.';
    ret->names = new_array(char *, dots + 1); // an upper bound
    while (parser->at < parser->end && *parser->at == '.') {
        parser->at++;
        size_t length = name_length(parser->at, parser->end);
        if (!length && (n || (parser->at < parser->end && *parser->at == '.')))
            return fail(err, "unexpected . in a field's name");
        if (length)
            ret->names[n++] = text_copy_n(parser->at, length);
        parser->at += length;
    }
    ret->text = text_copy_n(start, (size_t)(parser->at - start));
    return 0;
}

/* Go's "…" and `…` become JSON; its escapes are JSON's but for a few that nobody uses here. */
static int parse_string(Parser *parser, TemplateOperand *ret, Error *err) {
    char mark = *parser->at;
    const char *start = ++parser->at;
    while (parser->at < parser->end && *parser->at != mark)
        parser->at += *parser->at == '\\' && mark == '"' && parser->at + 1 < parser->end ? 2 : 1;
    if (parser->at >= parser->end)
        return fail(err, "unterminated quoted string");
    size_t n = (size_t)(parser->at++ - start);
    Text json = {};
    if (mark == '"')
        text_append_format(&json, "\"%.*s\"", (int)n, start);
    else
        json_append_string(&json, start, n);
    ret->kind = OPERAND_VALUE;
    ret->text = text_take(&json);
    return 0;
}

static int parse_pipeline(Parser *parser, TemplatePipeline **ret, Error *err);

static int parse_parentheses(Parser *parser, TemplateOperand *ret, Error *err) {
    parser->at++;
    ret->kind = OPERAND_PIPELINE;
    TRY(parse_pipeline(parser, &ret->pipeline, err));
    skip_blanks(parser);
    if (parser->at >= parser->end || *parser->at++ != ')')
        return fail(err, "unclosed left parenthesis");
    return 0;
}

static int parse_word(Parser *parser, TemplateOperand *ret, Error *err) {
    static const char *const constants[] = {"true", "false"};
    const char *start = parser->at;
    if (*start == '-')
        parser->at++;
    size_t n = name_length(parser->at, parser->end);
    parser->at += n;
    if (!n)
        return error_set(err, ERROR_INVALID, "template: unexpected '%c'", *start);
    ret->text = text_copy_n(start, (size_t)(parser->at - start));
    ret->kind = isdigit((unsigned char)start[*start == '-']) ? OPERAND_VALUE : OPERAND_FUNCTION;
    for (size_t i = 0; i < array_size(constants); i++)
        if (text_equal(ret->text, constants[i]))
            ret->kind = OPERAND_VALUE;
    return 0;
}

static int parse_operand(Parser *parser, TemplateOperand *ret, Error *err) {
    switch (*parser->at) {
    case '.':
        ret->kind = OPERAND_FIELD;
        return parse_fields(parser, ret, err);
    case '$':
        parser->at++;
        ret->kind = OPERAND_ROOT;
        return parse_fields(parser, ret, err);
    case '"':
    case '`':
        return parse_string(parser, ret, err);
    case '(':
        return parse_parentheses(parser, ret, err);
    default:
        return parse_word(parser, ret, err);
    }
}

static int parse_command(Parser *parser, TemplateCommand *command, Error *err) {
    for (;;) {
        skip_blanks(parser);
        if (parser->at >= parser->end || *parser->at == ')' || *parser->at == '|')
            return command->n ? 0 : fail(err, "missing value for command");
        array_append(command->operand, command->n, (TemplateOperand){});
        TRY(parse_operand(parser, &command->operand[command->n - 1], err));
        if (command->n > 1 && command->operand[command->n - 1].kind == OPERAND_FUNCTION)
            return error_set(err, ERROR_INVALID, "template: unexpected word '%s'",
                command->operand[command->n - 1].text);
    }
}

static int parse_pipeline(Parser *parser, TemplatePipeline **ret, Error *err) {
    if (++parser->depth > DEPTH_MAX)
        return fail(err, "nested too deeply");
    TemplatePipeline *pipeline = *ret = new (TemplatePipeline);
    do {
        array_append(pipeline->command, pipeline->n, (TemplateCommand){});
        TRY(parse_command(parser, &pipeline->command[pipeline->n - 1], err));
    } while (parser->at < parser->end && *parser->at == '|' && parser->at++);
    parser->depth--;
    return 0;
}

/* Finds the }} that ends the action at parser->at, quotes apart, and handles the trim marks. */
static int open_action(Parser *parser, Error *err) {
    const char *p = parser->at;
    for (char mark = 0; *p; p++) {
        if (mark && *p == '\\' && mark == '"' && p[1])
            p++;
        else if (mark && *p == mark)
            mark = 0;
        else if (!mark && (*p == '"' || *p == '`'))
            mark = *p;
        else if (!mark && p[0] == '}' && p[1] == '}')
            break;
    }
    if (!*p)
        return fail(err, "unclosed action");
    parser->end = p;
    return 0;
}

static bool take_keyword(Parser *parser, const char *keyword) {
    size_t n = name_length(parser->at, parser->end);
    if (n != strlen(keyword) || strncmp(parser->at, keyword, n))
        return false;
    parser->at += n;
    return true;
}

typedef enum ListEnd {
    END_OF_TEXT,
    END_ELSE,
    END_END
} ListEnd;
static int parse_list(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err);

static int close_action(Parser *parser, Error *err) {
    skip_blanks(parser);
    if (parser->at != parser->end)
        return error_set(err, ERROR_INVALID, "template: unexpected '%c'", *parser->at);
    parser->at = parser->end + 2;
    return 0;
}

static int parse_block(Parser *parser, TemplateNode *node, Error *err) {
    ListEnd end = END_OF_TEXT;
    if (++parser->depth > DEPTH_MAX)
        return fail(err, "nested too deeply");
    TRY(parse_list(parser, &node->then, &end, err));
    if (end == END_ELSE)
        TRY(parse_list(parser, &node->otherwise, &end, err));
    parser->depth--;
    return end == END_END ? 0 : fail(err, "unexpected end of the text: {{end}} is missing");
}

static int parse_action(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err) {
    static const struct {
        const char *word;
        TemplateNodeKind kind;
    } blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};
    skip_blanks(parser);
    if (take_keyword(parser, "end")) {
        *ret_end = END_END;
        return close_action(parser, err);
    }
    if (take_keyword(parser, "else")) {
        *ret_end = END_ELSE;
        return close_action(parser, err);
    }
    TemplateNode node = {.kind = NODE_PRINT};
    for (size_t i = 0; i < array_size(blocks); i++)
        if (take_keyword(parser, blocks[i].word))
            node.kind = blocks[i].kind;
    array_append(list->node, list->n, node);
    TemplateNode *added = &list->node[list->n - 1];
    TRY(parse_pipeline(parser, &added->pipeline, err));
    TRY(close_action(parser, err));
    return added->kind == NODE_PRINT ? 0 : parse_block(parser, added, err);
}

static int parse_list(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err) {
    *ret_end = END_OF_TEXT;
    while (*parser->at && *ret_end == END_OF_TEXT) {
        const char *open = strstr(parser->at, "{{");
        size_t n = open ? (size_t)(open - parser->at) : strlen(parser->at);
        if (n) {
            TemplateNode node = {.kind = NODE_TEXT, .text = text_copy_n(parser->at, n)};
            array_append(list->node, list->n, node);
        }
        parser->at += n;
        if (!open)
            break;
        parser->at += 2;
        TRY(open_action(parser, err));
        TRY(parse_action(parser, list, ret_end, err));
    }
    return 0;
}

int template_parse(const char *text, Template **ret, Error *err) {
    autoptr(Template) template = new (Template);
    // the shell leaves these two as they are; Docker's templates know them too
    Text unescaped = {};
    for (const char *p = text; *p; p++) {
        bool escape = p[0] == '\\' && (p[1] == 't' || p[1] == 'n');
        text_append_char(&unescaped, escape ? (p[1] == 't' ? '\t' : '\n') : *p);
        p += escape;
    }
    autofree char *source = text_take(&unescaped);
    Parser parser = {.at = source};
    ListEnd end = END_OF_TEXT;
    TRY(parse_list(&parser, &template->list, &end, err));
    if (end != END_OF_TEXT)
        return fail(err, end == END_ELSE ? "unexpected {{else}}" : "unexpected {{end}}");
    *ret = take_ptr(&template);
    return 0;
}
