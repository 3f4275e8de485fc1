// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/document.h"

/* What template_parse makes and template_execute walks. */
typedef struct TemplatePipeline TemplatePipeline;
typedef struct TemplateNode TemplateNode;

typedef enum TemplateOperandKind {
    OPERAND_FIELD,    /* .A.B of the dot; no names: the dot itself */
    OPERAND_ROOT,     /* $.A.B */
    OPERAND_VALUE,    /* "text", 12, true */
    OPERAND_PIPELINE, /* ( … ) */
    OPERAND_FUNCTION, /* an identifier; the first of a command */
} TemplateOperandKind;

typedef struct TemplateOperand {
    TemplateOperandKind kind;
    char *text;   /* ".A.B", the value's JSON, or the function's name */
    char **names; /* fields */
    TemplatePipeline *pipeline;
} TemplateOperand;

typedef struct TemplateCommand {
    size_t n;
    TemplateOperand *operand;
} TemplateCommand;

struct TemplatePipeline {
    size_t n;
    TemplateCommand *command;
};

typedef struct TemplateList {
    size_t n;
    TemplateNode *node;
} TemplateList;

typedef enum TemplateNodeKind {
    NODE_TEXT,
    NODE_PRINT,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE
} TemplateNodeKind;

struct TemplateNode {
    TemplateNodeKind kind;
    char *text;
    TemplatePipeline *pipeline;
    TemplateList then, otherwise;
};

typedef struct Template {
    TemplateList list;
} Template;
