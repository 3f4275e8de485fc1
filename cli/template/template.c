// SPDX-License-Identifier: Apache-2.0
#include "cli/template/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/template/functions.h"
#include "cli/template/lex.h"
#include "cli/template/literal.h"
#include "cli/template/tree.h"

/* Recursive descent over the tokens, as Go's text/template/parse, whose messages these are. Nesting
 * is bounded, as the parser and the walker recurse. */

enum {
    DEPTH_MAX = 64
};

typedef struct Parser {
    Template *template;
    const char *source;
    const TemplateToken *token; /* the next one */
    unsigned depth, ranges;
    size_t variables; /* that can be seen here */
    char **variable;
} Parser;

static char *token_text(const Parser *parser, const TemplateToken *token) {
    return text_copy_n(parser->source + token->at, token->end - token->at);
}

static bool is_keyword(const Parser *parser, const char *word) {
    const TemplateToken *token = parser->token;
    return token->kind == TOKEN_KEYWORD && token->end - token->at == strlen(word) &&
           strncmp(parser->source + token->at, word, strlen(word)) == 0;
}

static void skip_space(Parser *parser) {
    while (parser->token->kind == TOKEN_SPACE)
        parser->token++;
}

static int unexpected(const Parser *parser, const char *context, Error *err) {
    const TemplateToken *token = parser->token;
    autofree char *text = token_text(parser, token);
    if (token->kind == TOKEN_END)
        return template_refuse(parser->source, token->at, err, "unexpected EOF");
    if (token->kind == TOKEN_KEYWORD)
        return template_refuse(
            parser->source, token->at, err, "unexpected <%s> in %s", text, context);
    if (token->kind == TOKEN_DOT)
        return template_refuse(parser->source, token->at, err, "unexpected <.> in %s", context);
    autodone(Text) quoted = {};
    bool cut = strlen(text) > 10;
    json_append_string(&quoted, text, cut ? 10 : strlen(text));
    return template_refuse(parser->source, token->at, err, "unexpected %s%s in %s", quoted.data,
        cut ? "..." : "", context);
}

static int enter(Parser *parser, Error *err) {
    if (++parser->depth > DEPTH_MAX)
        return template_refuse(parser->source, parser->token->at, err, "nested too deeply");
    return 0;
}

static bool sees(const Parser *parser, const char *variable) {
    for (size_t i = 0; i < parser->variables; i++)
        if (text_equal(parser->variable[i], variable))
            return true;
    return text_equal(variable, "$");
}

static void declare(Parser *parser, const char *variable) {
    array_append(parser->variable, parser->variables, text_copy(variable));
}

static void forget(Parser *parser, size_t n) {
    while (parser->variables > n)
        free(parser->variable[--parser->variables]);
}

static int parse_pipeline(
    Parser *parser, const char *context, TemplateTokenKind end, TemplatePipeline **ret, Error *err);

static int parse_parentheses(Parser *parser, TemplateOperand *ret, Error *err) {
    parser->token++;
    ret->kind = OPERAND_PIPELINE;
    return parse_pipeline(parser, "parenthesized pipeline", TOKEN_RIGHT, &ret->pipeline, err);
}

static int parse_word(Parser *parser, TemplateOperand *ret, Error *err) {
    ret->kind = OPERAND_FUNCTION;
    ret->text = token_text(parser, parser->token);
    if (!template_function_exists(ret->text))
        return template_refuse(
            parser->source, parser->token->at, err, "function \"%s\" not defined", ret->text);
    parser->token++;
    return 0;
}

static int parse_variable(Parser *parser, TemplateOperand *ret, Error *err) {
    ret->kind = OPERAND_VARIABLE;
    ret->text = token_text(parser, parser->token);
    if (!sees(parser, ret->text))
        return template_refuse(
            parser->source, parser->token->at, err, "undefined variable \"%s\"", ret->text);
    parser->token++;
    return 0;
}

static int parse_literal(Parser *parser, TemplateOperand *ret, Error *err) {
    autofree char *text = token_text(parser, parser->token);
    ret->kind = OPERAND_VALUE;
    ret->text = template_literal(text);
    if (!ret->text)
        return template_refuse(
            parser->source, parser->token->at, err, "bad literal: %s: invalid syntax", text);
    parser->token++;
    return 0;
}

static int parse_term(Parser *parser, TemplateOperand *ret, Error *err) {
    switch ((int)parser->token->kind) {
    case TOKEN_WORD:
        return parse_word(parser, ret, err);
    case TOKEN_VARIABLE:
        return parse_variable(parser, ret, err);
    case TOKEN_LEFT:
        return parse_parentheses(parser, ret, err);
    case TOKEN_NIL:
        ret->kind = OPERAND_NIL;
        parser->token++;
        return 0;
    case TOKEN_DOT:
        ret->kind = OPERAND_FIELD;
        parser->token++;
        return 0;
    case TOKEN_FIELD: // taken with those that follow
        ret->kind = OPERAND_FIELD;
        return 0;
    default:
        return parse_literal(parser, ret, err);
    }
}

static bool starts_operand(TemplateTokenKind kind) {
    return kind >= TOKEN_FIELD && kind <= TOKEN_RAW && kind != TOKEN_KEYWORD;
}

/* Go's errors point at the second field of a chain; so do ours. */
static int parse_operand(Parser *parser, TemplateOperand *ret, Error *err) {
    bool is_dot = parser->token->kind == TOKEN_DOT;
    ret->at = parser->token->at;
    TRY(parse_term(parser, ret, err));
    for (; parser->token->kind == TOKEN_FIELD; parser->token++) {
        if (is_dot || ret->kind == OPERAND_VALUE || ret->kind == OPERAND_NIL) {
            autofree char *term =
                text_copy_n(parser->source + ret->at, parser->token->at - ret->at);
            return template_refuse(
                parser->source, ret->at, err, "unexpected . after term \"%s\"", term);
        }
        char *name = text_copy_n(
            parser->source + parser->token->at + 1, parser->token->end - parser->token->at - 1);
        array_append(ret->names, ret->n, name);
    }
    ret->end = parser->token[-1].end;
    return 0;
}

static int parse_command(Parser *parser, TemplateCommand *command, Error *err) {
    command->at = parser->token->at;
    for (;;) {
        skip_space(parser);
        if (starts_operand(parser->token->kind) || parser->token->kind == TOKEN_LEFT) {
            array_append(command->operand, command->n, (TemplateOperand){});
            TRY(parse_operand(parser, &command->operand[command->n - 1], err));
        }
        command->end = parser->token[-1].end;
        if (parser->token->kind == TOKEN_SPACE)
            continue;
        break;
    }
    if (parser->token->kind == TOKEN_PIPE)
        parser->token++;
    else if (parser->token->kind != TOKEN_CLOSE && parser->token->kind != TOKEN_RIGHT)
        return unexpected(parser, "operand", err);
    if (!command->n)
        return template_refuse(parser->source, command->at, err, "empty command");
    return 0;
}

static const TemplateToken *after_space(const TemplateToken *token) {
    while (token->kind == TOKEN_SPACE)
        token++;
    return token;
}

/* "$x := ", "$x = ", and in range "$i, $x := ". */
static int parse_variables(
    Parser *parser, const char *context, TemplatePipeline *pipeline, Error *err) {
    bool ranges = text_equal(context, "range");
    while (parser->token->kind == TOKEN_VARIABLE) {
        const TemplateToken *mark = after_space(parser->token + 1);
        if (mark->kind != TOKEN_ASSIGN && mark->kind != TOKEN_DECLARE && mark->kind != TOKEN_COMMA)
            return 0;
        autofree char *name = token_text(parser, parser->token);
        if (pipeline->variables == array_size(pipeline->variable) ||
            (mark->kind == TOKEN_COMMA && (!ranges || pipeline->variables)))
            return template_refuse(
                parser->source, mark->at, err, "too many declarations in %s", context);
        pipeline->assigns = mark->kind == TOKEN_ASSIGN;
        if (pipeline->assigns && !sees(parser, name))
            return template_refuse(
                parser->source, parser->token->at, err, "undefined variable \"%s\"", name);
        pipeline->variable[pipeline->variables++] = take_ptr(&name);
        parser->token = after_space(mark + 1);
        if (mark->kind != TOKEN_COMMA)
            return 0;
        if (parser->token->kind != TOKEN_VARIABLE)
            return template_refuse(
                parser->source, mark->at, err, "range can only initialize variables");
    }
    return 0;
}

static int check_pipeline(
    const Parser *parser, const TemplatePipeline *pipeline, const char *context, Error *err) {
    if (!pipeline->n)
        return template_refuse(parser->source, pipeline->at, err, "missing value for %s", context);
    for (size_t i = 1; i < pipeline->n; i++) {
        const TemplateOperand *first = &pipeline->command[i].operand[0];
        if (first->kind == OPERAND_VALUE || first->kind == OPERAND_NIL ||
            (first->kind == OPERAND_FIELD && !first->n))
            return template_refuse(parser->source, first->at, err,
                "non executable command in pipeline stage %zu", i + 1);
    }
    return 0;
}

static int parse_pipeline(Parser *parser, const char *context, TemplateTokenKind end,
    TemplatePipeline **ret, Error *err) {
    TRY(enter(parser, err));
    skip_space(parser);
    TemplatePipeline *pipeline = *ret = new (TemplatePipeline);
    pipeline->at = parser->token->at;
    TRY(parse_variables(parser, context, pipeline, err));
    pipeline->value_at = parser->token->at;
    for (skip_space(parser); parser->token->kind != end; skip_space(parser)) {
        if (!starts_operand(parser->token->kind) && parser->token->kind != TOKEN_LEFT)
            return unexpected(parser, context, err);
        array_append(pipeline->command, pipeline->n, (TemplateCommand){});
        TRY(parse_command(parser, &pipeline->command[pipeline->n - 1], err));
    }
    pipeline->end = parser->token->at;
    TRY(check_pipeline(parser, pipeline, context, err));
    for (size_t i = 0; !pipeline->assigns && i < pipeline->variables; i++)
        declare(parser, pipeline->variable[i]);
    parser->token++;
    parser->depth--;
    return 0;
}

typedef enum ListEnd {
    END_OF_TEXT,
    END_ELSE, /* the token is what follows "else" */
    END_END,
} ListEnd;
static int parse_list(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err);

static int parse_close(Parser *parser, const char *context, Error *err) {
    skip_space(parser);
    if (parser->token->kind != TOKEN_CLOSE)
        return unexpected(parser, context, err);
    parser->token++;
    return 0;
}

static const struct {
    const char *word;
    TemplateNodeKind kind;
} blocks[] = {{"if", NODE_IF}, {"with", NODE_WITH}, {"range", NODE_RANGE}};

static int parse_block(Parser *parser, size_t block, TemplateList *list, Error *err);

/* "{{else if x}}" is a block of its own that the outer {{end}} ends, too. */
static int parse_else(Parser *parser, size_t block, TemplateNode *node, Error *err) {
    bool ranges = blocks[block].kind == NODE_RANGE;
    ListEnd end = END_OF_TEXT;
    skip_space(parser);
    if (!ranges && is_keyword(parser, blocks[block].word)) {
        parser->token++;
        return parse_block(parser, block, &node->otherwise, err);
    }
    TRY(parse_close(parser, "else", err));
    TRY(parse_list(parser, &node->otherwise, &end, err));
    if (end == END_ELSE)
        return template_refuse(
            parser->source, parser->token->at, err, "expected end; found {{else}}");
    return parse_close(parser, "end", err);
}

static int parse_block(Parser *parser, size_t block, TemplateList *list, Error *err) {
    TRY(enter(parser, err));
    size_t variables = parser->variables;
    bool ranges = blocks[block].kind == NODE_RANGE;
    ListEnd end = END_OF_TEXT;
    array_append(list->node, list->n, (TemplateNode){.kind = blocks[block].kind});
    TemplateNode *node = &list->node[list->n - 1];
    TRY(parse_pipeline(parser, blocks[block].word, TOKEN_CLOSE, &node->pipeline, err));
    parser->ranges += ranges;
    TRY(parse_list(parser, &node->then, &end, err));
    parser->ranges -= ranges;
    TRY(end == END_ELSE ? parse_else(parser, block, node, err) : parse_close(parser, "end", err));
    forget(parser, variables);
    parser->depth--;
    return 0;
}

static int parse_jump(Parser *parser, TemplateList *list, Error *err) {
    autofree char *word = token_text(parser, parser->token);
    TemplateNodeKind kind = text_equal(word, "break") ? NODE_BREAK : NODE_CONTINUE;
    if (!parser->ranges)
        return template_refuse(
            parser->source, parser->token->at, err, "{{%s}} outside {{range}}", word);
    array_append(list->node, list->n, (TemplateNode){.kind = kind});
    parser->token++;
    autofree char *context = text_format("{{%s}}", word);
    return parse_close(parser, context, err);
}

static int parse_name(Parser *parser, const char *context, char **ret, Error *err) {
    skip_space(parser);
    if (parser->token->kind != TOKEN_STRING && parser->token->kind != TOKEN_RAW)
        return unexpected(parser, context, err);
    TemplateOperand operand = {};
    int code = parse_literal(parser, &operand, err);
    *ret = code < 0 ? NULL : document_to_text(document_of(operand.text));
    template_operand_done(&operand);
    return code;
}

/* What counts is the one that has something in it. */
static int add_definition(Parser *parser, const char *name, TemplateList *list, Error *err) {
    Template *template = parser->template;
    for (size_t i = 0; i < template->n; i++) {
        TemplateDefinition *known = &template->definition[i];
        if (!text_equal(known->name, name))
            continue;
        if (known->list.n && list->n)
            return template_refuse(parser->source, parser->token->at, err,
                "template: multiple definition of template \"%s\"", name);
        if (list->n)
            known->list = *list;
        *list = (TemplateList){};
        return 0;
    }
    const TemplateDefinition definition = {text_copy(name), *list};
    array_append(template->definition, template->n, definition);
    *list = (TemplateList){};
    return 0;
}

/* To its {{end}}: nothing of what is around can be seen in there. */
static int parse_definition(Parser *parser, const char *context, const char *name, Error *err) {
    autodone(TemplateList) list = {};
    ListEnd end = END_OF_TEXT;
    Parser inner = {parser->template, parser->source, parser->token, .depth = parser->depth};
    int code = enter(&inner, err);
    code = code < 0 ? code : parse_list(&inner, &list, &end, err);
    forget(&inner, 0);
    free(inner.variable);
    TRY(code);
    parser->token = inner.token;
    if (end == END_ELSE)
        return template_refuse(
            parser->source, parser->token->at, err, "unexpected {{else}} in %s", context);
    TRY(parse_close(parser, "end", err));
    return add_definition(parser, name, &list, err);
}

static int parse_define(Parser *parser, Error *err) {
    autofree char *name = NULL;
    TRY(parse_name(parser, "define clause", &name, err));
    TRY(parse_close(parser, "define clause", err));
    return parse_definition(parser, "define clause", name, err);
}

/* {{block "name" pipeline}} is a definition and its use in one. */
static int parse_use(Parser *parser, bool defines, TemplateList *list, Error *err) {
    const char *context = defines ? "block clause" : "template clause";
    autofree char *name = NULL;
    skip_space(parser);
    TemplateNode node = {.kind = NODE_TEMPLATE, .at = parser->token->at};
    TRY(parse_name(parser, context, &name, err));
    node.text = text_copy(name);
    array_append(list->node, list->n, node);
    skip_space(parser);
    if (!defines && parser->token->kind == TOKEN_CLOSE)
        return parse_close(parser, context, err);
    TRY(parse_pipeline(parser, context, TOKEN_CLOSE, &list->node[list->n - 1].pipeline, err));
    return defines ? parse_definition(parser, context, name, err) : 0;
}

static int parse_action(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err) {
    parser->token++;
    skip_space(parser);
    for (size_t i = 0; i < array_size(blocks); i++)
        if (is_keyword(parser, blocks[i].word)) {
            parser->token++;
            return parse_block(parser, i, list, err);
        }
    *ret_end = is_keyword(parser, "end")    ? END_END
               : is_keyword(parser, "else") ? END_ELSE
                                            : END_OF_TEXT;
    if (*ret_end != END_OF_TEXT) {
        parser->token++;
        return 0;
    }
    if (is_keyword(parser, "break") || is_keyword(parser, "continue"))
        return parse_jump(parser, list, err);
    bool defines = is_keyword(parser, "block");
    if (defines || is_keyword(parser, "template")) {
        parser->token++;
        return parse_use(parser, defines, list, err);
    }
    if (!parser->depth && is_keyword(parser, "define")) {
        parser->token++;
        return parse_define(parser, err);
    }
    array_append(list->node, list->n, (TemplateNode){.kind = NODE_ACTION});
    return parse_pipeline(parser, "command", TOKEN_CLOSE, &list->node[list->n - 1].pipeline, err);
}

/* Within a block: until its {{end}} or {{else}}, which must come. */
static int parse_list(Parser *parser, TemplateList *list, ListEnd *ret_end, Error *err) {
    *ret_end = END_OF_TEXT;
    while (parser->token->kind != TOKEN_END && *ret_end == END_OF_TEXT) {
        if (parser->token->kind == TOKEN_TEXT) {
            TemplateNode node = {NODE_TEXT, .text = token_text(parser, parser->token)};
            array_append(list->node, list->n, node);
            parser->token++;
            continue;
        }
        TRY(parse_action(parser, list, ret_end, err));
    }
    return *ret_end == END_OF_TEXT && parser->depth ? unexpected(parser, "input", err) : 0;
}

static int parse_all(Template *template, const TemplateTokens *tokens, Error *err) {
    Parser parser = {.template = template, .source = template->source, .token = tokens->item};
    ListEnd end = END_OF_TEXT;
    int code = parse_list(&parser, &template->list, &end, err);
    if (code == 0 && end != END_OF_TEXT)
        code = template_refuse(parser.source, parser.token->at, err, "unexpected {{%s}}",
            end == END_ELSE ? "else" : "end");
    forget(&parser, 0);
    free(parser.variable);
    return code;
}

int template_parse(const char *text, Template **ret, Error *err) {
    autoptr(Template) template = new (Template);
    autodone(TemplateTokens) tokens = {};
    template->source = text_copy(text);
    TRY(template_lex(template->source, &tokens, err));
    TRY(parse_all(template, &tokens, err));
    *ret = take_ptr(&template);
    return 0;
}
