// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The words of a template, cut as Go's text/template/parse cuts them: plain text with the blanks
 * next to trim marks gone, and what is between {{ and }}. Blanks there are words, too. */
typedef enum TemplateTokenKind {
    TOKEN_TEXT,
    TOKEN_OPEN,  /* {{ */
    TOKEN_CLOSE, /* }} */
    TOKEN_SPACE,
    TOKEN_FIELD,    /* .Name */
    TOKEN_DOT,      /* . */
    TOKEN_VARIABLE, /* $ or $name */
    TOKEN_WORD,     /* a function's name */
    TOKEN_KEYWORD,
    TOKEN_CONSTANT, /* true false */
    TOKEN_NIL,
    TOKEN_NUMBER,
    TOKEN_CHARACTER, /* 'x' */
    TOKEN_STRING,    /* "…" */
    TOKEN_RAW,       /* `…` */
    TOKEN_PIPE,
    TOKEN_COMMA,
    TOKEN_ASSIGN,  /* = */
    TOKEN_DECLARE, /* := */
    TOKEN_LEFT,    /* ( */
    TOKEN_RIGHT,   /* ) */
    TOKEN_OTHER,   /* a character that means nothing here */
    TOKEN_END,     /* of the template */
} TemplateTokenKind;

typedef struct TemplateToken {
    TemplateTokenKind kind;
    size_t at, end;
} TemplateToken;

typedef struct TemplateTokens {
    size_t n;
    TemplateToken *item; /* the last one is TOKEN_END */
} TemplateTokens;

int template_lex(const char *source, TemplateTokens *ret, Error *err);
void template_tokens_done(TemplateTokens *tokens);
CLEANUP_DEFINE_DONE(TemplateTokens, template_tokens_done)

/* "template: :LINE: …", of the place `at`. */
int template_refuse(const char *source, size_t at, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
