// SPDX-License-Identifier: Apache-2.0
#include "cli/template/lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

typedef struct Lexer {
    const char *source;
    size_t at;
    unsigned parentheses;
    TemplateTokens *tokens;
} Lexer;

void template_tokens_done(TemplateTokens *tokens) {
    free(tokens->item);
    *tokens = (TemplateTokens){};
}

static size_t line_of(const char *source, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += source[i] == '\n';
    return line;
}

int template_refuse(const char *source, size_t at, Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    autofree char *what = text_format_v(format, args);
    va_end(args);
    return error_set(err, ERROR_INVALID, "template: :%zu: %s", line_of(source, at), what);
}

static void add(Lexer *lexer, TemplateTokenKind kind, size_t from) {
    TemplateToken token = {kind, from, lexer->at};
    array_append(lexer->tokens->item, lexer->tokens->n, token);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Names may hold any letter: all bytes of UTF-8 beyond ASCII count as such. */
static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t skip_name(const char *source, size_t at) {
    while (is_name(source[at]))
        at++;
    return at;
}

static const char *here(const Lexer *lexer) {
    return lexer->source + lexer->at;
}

static int lex_quoted(Lexer *lexer, Error *err) {
    size_t from = lexer->at;
    char mark = *here(lexer);
    bool raw = mark == '`';
    for (lexer->at++; *here(lexer) && *here(lexer) != mark; lexer->at++) {
        if (*here(lexer) == '\n' && !raw)
            break;
        if (*here(lexer) == '\\' && !raw && here(lexer)[1] && here(lexer)[1] != '\n')
            lexer->at++;
    }
    if (*here(lexer) != mark)
        return template_refuse(lexer->source, from, err, "%s",
            raw           ? "unterminated raw quoted string"
            : mark == '"' ? "unterminated quoted string"
                          : "unterminated character constant");
    lexer->at++;
    add(lexer, raw ? TOKEN_RAW : mark == '"' ? TOKEN_STRING : TOKEN_CHARACTER, from);
    return 0;
}

static int lex_number(Lexer *lexer, Error *err) {
    size_t from = lexer->at;
    if (*here(lexer) == '+' || *here(lexer) == '-')
        lexer->at++;
    bool hex = here(lexer)[0] == '0' && tolower(here(lexer)[1]) == 'x';
    while (is_name(*here(lexer)) || *here(lexer) == '.' ||
           ((*here(lexer) == '+' || *here(lexer) == '-') && !hex && lexer->at > from &&
               tolower(lexer->source[lexer->at - 1]) == 'e'))
        lexer->at++;
    autofree char *text = text_copy_n(lexer->source + from, lexer->at - from);
    char *end = NULL;
    strtod(text, &end);
    bool octal = text_starts(text, "0o") || text_starts(text, "0b");
    if ((*end || end == text) && !octal && !strchr(text, '_'))
        return template_refuse(lexer->source, from, err, "bad number syntax: \"%s\"", text);
    add(lexer, TOKEN_NUMBER, from);
    return 0;
}

static bool is_word(const char *text, size_t n, const char *const *words) {
    for (; *words; words++)
        if (strlen(*words) == n && strncmp(*words, text, n) == 0)
            return true;
    return false;
}

static void lex_word(Lexer *lexer) {
    static const char *const keywords[] = {"block", "break", "continue", "define", "else", "end",
        "if", "range", "template", "with", NULL};
    static const char *const constants[] = {"true", "false", NULL};
    static const char *const nil[] = {"nil", NULL};
    size_t from = lexer->at;
    lexer->at = skip_name(lexer->source, from);
    const char *text = lexer->source + from;
    size_t n = lexer->at - from;
    add(lexer,
        is_word(text, n, keywords)    ? TOKEN_KEYWORD
        : is_word(text, n, constants) ? TOKEN_CONSTANT
        : is_word(text, n, nil)       ? TOKEN_NIL
                                      : TOKEN_WORD,
        from);
}

/* After a name there must be something that ends it: "a!" is one bad word, not two. */
static int check_end_of_name(const Lexer *lexer, Error *err) {
    char c = *here(lexer);
    if (!c || is_blank(c) || strchr(".,|:=)(", c) || text_starts(here(lexer), "}}") || c == '"' ||
        c == '`')
        return 0;
    return template_refuse(
        lexer->source, lexer->at, err, "bad character U+%04X '%c'", (unsigned char)c, c);
}

static int lex_named(Lexer *lexer, Error *err) {
    size_t from = lexer->at;
    char c = *here(lexer);
    if (c == '.' || c == '$') {
        lexer->at = skip_name(lexer->source, from + 1);
        bool alone = lexer->at == from + 1;
        add(lexer, c == '$' ? TOKEN_VARIABLE : alone ? TOKEN_DOT : TOKEN_FIELD, from);
        return alone ? 0 : check_end_of_name(lexer, err);
    }
    lex_word(lexer);
    return check_end_of_name(lexer, err);
}

static int lex_mark(Lexer *lexer, Error *err) {
    static const struct {
        const char *text;
        TemplateTokenKind kind;
    } rows[] = {{"|", TOKEN_PIPE}, {",", TOKEN_COMMA}, {":=", TOKEN_DECLARE}, {"=", TOKEN_ASSIGN},
        {"(", TOKEN_LEFT}, {")", TOKEN_RIGHT}};
    size_t from = lexer->at;
    for (size_t i = 0; i < array_size(rows); i++) {
        if (!text_starts(here(lexer), rows[i].text))
            continue;
        lexer->at += strlen(rows[i].text);
        add(lexer, rows[i].kind, from);
        lexer->parentheses += rows[i].kind == TOKEN_LEFT;
        if (rows[i].kind == TOKEN_RIGHT && lexer->parentheses-- == 0)
            return template_refuse(lexer->source, from, err, "unexpected right paren");
        return 0;
    }
    char c = *here(lexer);
    if (c == ':')
        return template_refuse(lexer->source, from, err, "expected :=");
    if (!isprint((unsigned char)c))
        return template_refuse(
            lexer->source, from, err, "unrecognized character in action: U+%04X", (unsigned char)c);
    lexer->at++;
    add(lexer, TOKEN_OTHER, from);
    return 0;
}

static int lex_inside(Lexer *lexer, Error *err) {
    char c = *here(lexer), next = c ? here(lexer)[1] : 0;
    size_t from = lexer->at;
    if (is_blank(c)) {
        while (is_blank(*here(lexer)) && !text_starts(here(lexer) + 1, "-}}"))
            lexer->at++;
        lexer->at = lexer->at == from ? from + 1 : lexer->at;
        add(lexer, TOKEN_SPACE, from);
        return 0;
    }
    if (c == '"' || c == '`' || c == '\'')
        return lex_quoted(lexer, err);
    if (isdigit((unsigned char)c) || ((c == '+' || c == '-') && next == '.') ||
        ((c == '+' || c == '-' || c == '.') && isdigit((unsigned char)next)))
        return lex_number(lexer, err);
    if (c == '.' || c == '$' || is_name(c))
        return lex_named(lexer, err);
    return lex_mark(lexer, err);
}

/* At }} or -}}: returns its length. */
static size_t closing(const Lexer *lexer) {
    if (text_starts(here(lexer), "}}"))
        return 2;
    bool trims = is_blank(*here(lexer)) && text_starts(here(lexer) + 1, "-}}");
    return trims ? 4 : 0;
}

static void skip_trimmed(Lexer *lexer) {
    while (is_blank(*here(lexer)))
        lexer->at++;
}

/* {{- has had its blanks removed from the text before; -}} takes those that follow. */
static int lex_action(Lexer *lexer, size_t open, Error *err) {
    size_t n;
    add(lexer, TOKEN_OPEN, open);
    lexer->parentheses = 0;
    while ((n = closing(lexer)) == 0) {
        if (!*here(lexer))
            return template_refuse(lexer->source, open, err, "unclosed action");
        TRY(lex_inside(lexer, err));
    }
    if (lexer->parentheses)
        return template_refuse(lexer->source, lexer->at, err, "unclosed left paren");
    size_t from = lexer->at;
    lexer->at += n;
    add(lexer, TOKEN_CLOSE, from);
    if (n == 4)
        skip_trimmed(lexer);
    return 0;
}

static int lex_comment(Lexer *lexer, size_t open, Error *err) {
    const char *end = strstr(here(lexer) + 2, "*/");
    if (!end)
        return template_refuse(lexer->source, open, err, "unclosed comment");
    lexer->at = (size_t)(end + 2 - lexer->source);
    size_t n = closing(lexer);
    if (!n)
        return template_refuse(lexer->source, open, err, "comment ends before closing delimiter");
    lexer->at += n;
    if (n == 4)
        skip_trimmed(lexer);
    return 0;
}

int template_lex(const char *source, TemplateTokens *ret, Error *err) {
    autodone(TemplateTokens) tokens = {};
    Lexer lexer = {.source = source, .tokens = &tokens};
    while (*here(&lexer)) {
        size_t from = lexer.at;
        const char *open = strstr(here(&lexer), "{{");
        size_t end = open ? (size_t)(open - source) : strlen(source);
        bool trims = open && open[2] == '-' && is_blank(open[3]);
        lexer.at = end;
        while (trims && lexer.at > from && is_blank(source[lexer.at - 1]))
            lexer.at--;
        if (lexer.at > from)
            add(&lexer, TOKEN_TEXT, from);
        lexer.at = end;
        if (!open)
            break;
        lexer.at += trims ? 4 : 2;
        if (text_starts(here(&lexer), "/*"))
            TRY(lex_comment(&lexer, end, err));
        else
            TRY(lex_action(&lexer, end, err));
    }
    add(&lexer, TOKEN_END, lexer.at);
    *ret = tokens;
    tokens = (TemplateTokens){};
    return 0;
}
