// SPDX-License-Identifier: Apache-2.0
#include "base/toml.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/memory.h"

enum {
    DEPTH_MAX = 8,
    NODES_MAX = 4096
};

/* A table has children, anything else its value in JSON. */
typedef struct Node {
    char *key;
    char *json; /* NULL: a table */
    struct Node **child;
    size_t n;
} Node;

typedef struct Parser {
    const char *at, *end;
    int line;
    size_t nodes;
    Node root;
} Parser;

static void node_done(Node *node) {
    for (size_t i = 0; i < node->n; i++) {
        node_done(node->child[i]);
        free(node->child[i]);
    }
    free(node->child);
    free(node->key);
    free(node->json);
}

static int refuse(const Parser *parser, const char *what, Error *err) {
    return error_set(err, ERROR_INVALID, "line %d: %s", parser->line, what);
}

static char peek(const Parser *parser) {
    return parser->at < parser->end ? *parser->at : '\0';
}

static void skip_blanks(Parser *parser) {
    while (peek(parser) == ' ' || peek(parser) == '\t')
        parser->at++;
}

static void skip_comment(Parser *parser) {
    if (peek(parser) == '#')
        while (parser->at < parser->end && *parser->at != '\n')
            parser->at++;
}

/* Blanks, comments and newlines. */
static void skip_lines(Parser *parser) {
    for (;;) {
        skip_blanks(parser);
        skip_comment(parser);
        if (peek(parser) == '\r')
            parser->at++;
        if (peek(parser) != '\n')
            return;
        parser->at++;
        parser->line++;
    }
}

static int end_of_line(Parser *parser, Error *err) {
    skip_blanks(parser);
    skip_comment(parser);
    if (peek(parser) == '\r')
        parser->at++;
    if (parser->at < parser->end && *parser->at != '\n')
        return refuse(parser, "expected the end of the line", err);
    return 0;
}

static int parse_escape(Parser *parser, Text *text, Error *err) {
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    char c = peek(parser);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return refuse(parser, "unknown escape in a string", err);
    text_append_char(text, to[found - from]);
    parser->at++;
    return 0;
}

/* Basic and literal strings; the text is the caller's. */
static int parse_string(Parser *parser, char **ret, Error *err) {
    char quote = *parser->at++;
    autodone(Text) text = {};
    if (parser->end - parser->at >= 2 && parser->at[0] == quote && parser->at[1] == quote)
        return refuse(parser, "multi-line strings are not supported", err);
    for (;; parser->at++) {
        char c = peek(parser);
        if (c == '\0' || c == '\n')
            return refuse(parser, "a string does not end", err);
        if (c == quote)
            break;
        if (c == '\\' && quote == '"') {
            parser->at++;
            TRY(parse_escape(parser, &text, err));
            parser->at--;
        } else {
            text_append_char(&text, c);
        }
    }
    parser->at++;
    *ret = text_take(&text);
    return 0;
}

static int parse_value(Parser *parser, int depth, Text *json, Error *err);

static int parse_array(Parser *parser, int depth, Text *json, Error *err) {
    if (depth == DEPTH_MAX)
        return refuse(parser, "arrays are nested too deeply", err);
    parser->at++;
    text_append_char(json, '[');
    for (bool first = true;; first = false) {
        skip_lines(parser);
        if (peek(parser) == ']')
            break;
        if (!first)
            text_append_char(json, ',');
        TRY(parse_value(parser, depth + 1, json, err));
        skip_lines(parser);
        if (peek(parser) == ',')
            parser->at++;
        else if (peek(parser) != ']')
            return refuse(parser, "expected ',' or ']' in an array", err);
    }
    parser->at++;
    text_append_char(json, ']');
    return 0;
}

/* Decimal, of at most 18 digits. In TOML a plus may lead, and '_' stand between two digits; in JSON
 * not. */
static bool append_integer(Text *json, const char *word, size_t n) {
    size_t sign = n > 0 && (*word == '-' || *word == '+') ? 1 : 0;
    size_t digits = 0;
    if (sign && *word == '-')
        text_append_char(json, '-');
    for (size_t i = sign; i < n; i++) {
        bool digit = word[i] >= '0' && word[i] <= '9';
        if (!digit && (word[i] != '_' || i == sign || i + 1 == n || word[i - 1] == '_'))
            return false;
        if (digit && digits++ < 18)
            text_append_char(json, word[i]);
    }
    return digits > 0 && digits <= 18 && (digits == 1 || word[sign] != '0');
}

/* true, false and integers. */
static int parse_word(Parser *parser, Text *json, Error *err) {
    const char *begin = parser->at;
    while (parser->at < parser->end && !strchr(" \t\r\n,]#", *parser->at))
        parser->at++;
    size_t n = (size_t)(parser->at - begin);
    bool word =
        (n == 4 && memcmp(begin, "true", 4) == 0) || (n == 5 && memcmp(begin, "false", 5) == 0);
    if (word)
        text_append_bytes(json, begin, n);
    else if (!append_integer(json, begin, n))
        return refuse(parser, "expected a string, an array, true, false or an integer", err);
    return 0;
}

static int parse_value(Parser *parser, int depth, Text *json, Error *err) {
    char c = peek(parser);
    if (c == '[')
        return parse_array(parser, depth, json, err);
    if (c != '"' && c != '\'')
        return parse_word(parser, json, err);
    autofree char *string = NULL;
    TRY(parse_string(parser, &string, err));
    json_append_string(json, string, strlen(string));
    return 0;
}

static int parse_key(Parser *parser, char **ret, Error *err) {
    static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    skip_blanks(parser);
    if (peek(parser) == '"' || peek(parser) == '\'')
        return parse_string(parser, ret, err);
    const char *begin = parser->at;
    while (peek(parser) && strchr(bare, *parser->at))
        parser->at++;
    if (parser->at == begin)
        return refuse(parser, "expected a key", err);
    *ret = text_copy_n(begin, (size_t)(parser->at - begin));
    return 0;
}

static Node *find_child(const Node *node, const char *key) {
    for (size_t i = 0; i < node->n; i++)
        if (text_equal(node->child[i]->key, key))
            return node->child[i];
    return NULL;
}

/* Takes the key. */
static int add_child(Parser *parser, Node *node, char *key, Node **ret, Error *err) {
    Node *child = new (Node);
    child->key = key;
    array_append(node->child, node->n, child);
    if (++parser->nodes > NODES_MAX)
        return refuse(parser, "there are too many keys", err);
    *ret = child;
    return 0;
}

/* "a.b.c": *ret is the node of the last part, new or a table. */
static int parse_path(Parser *parser, Node *from, Node **ret, bool *ret_new, Error *err) {
    for (int depth = 0;; depth++) {
        char *key;
        TRY(parse_key(parser, &key, err));
        Node *child = find_child(from, key);
        *ret_new = !child;
        if (child)
            free(key);
        else
            TRY(add_child(parser, from, key, &child, err));
        if (child->json || depth == DEPTH_MAX)
            return refuse(parser, "a key is set twice, is no table, or is nested too deeply", err);
        *ret = from = child;
        skip_blanks(parser);
        if (peek(parser) != '.')
            return 0;
        parser->at++;
    }
}

static int parse_table(Parser *parser, Node **ret, Error *err) {
    bool fresh;
    parser->at++;
    if (peek(parser) == '[')
        return refuse(parser, "arrays of tables are not supported", err);
    TRY(parse_path(parser, &parser->root, ret, &fresh, err));
    if (peek(parser) != ']')
        return refuse(parser, "expected ']'", err);
    parser->at++;
    return end_of_line(parser, err);
}

static int parse_pair(Parser *parser, Node *table, Error *err) {
    Node *node;
    bool fresh;
    autodone(Text) json = {};
    TRY(parse_path(parser, table, &node, &fresh, err));
    if (!fresh)
        return refuse(parser, "a key is set twice", err);
    if (peek(parser) != '=')
        return refuse(parser, "expected '='", err);
    parser->at++;
    skip_blanks(parser);
    TRY(parse_value(parser, 0, &json, err));
    node->json = text_take(&json);
    return end_of_line(parser, err);
}

static int parse(Parser *parser, Error *err) {
    Node *table = &parser->root;
    for (;;) {
        skip_lines(parser);
        if (parser->at == parser->end)
            return 0;
        TRY(peek(parser) == '[' ? parse_table(parser, &table, err)
                                : parse_pair(parser, table, err));
    }
}

static void write_node(const Node *node, Text *json) {
    text_append_char(json, '{');
    for (size_t i = 0; i < node->n; i++) {
        if (i > 0)
            text_append_char(json, ',');
        json_append_string(json, node->child[i]->key, strlen(node->child[i]->key));
        text_append_char(json, ':');
        if (node->child[i]->json)
            text_append(json, node->child[i]->json);
        else
            write_node(node->child[i], json);
    }
    text_append_char(json, '}');
}

int toml_to_json(const char *text, size_t length, Text *ret, Error *err) {
    Parser parser = {.at = text, .end = text + length, .line = 1};
    int code = length > 0 && memchr(text, '\0', length) ? refuse(&parser, "a NUL byte", err)
                                                        : parse(&parser, err);
    if (code == 0)
        write_node(&parser.root, ret);
    node_done(&parser.root);
    return code;
}
