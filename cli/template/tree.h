// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/template/template.h"

/* What template_parse makes and template_execute walks. `at` and `end` are places in the source,
 * for messages. */
typedef struct TemplatePipeline TemplatePipeline;
typedef struct TemplateNode TemplateNode;

typedef enum TemplateOperandKind {
    OPERAND_FIELD,    /* .A.B of the dot; no names: the dot itself */
    OPERAND_VARIABLE, /* $x.A.B; text is "$x" */
    OPERAND_VALUE,    /* "text", 12, true; text is its JSON */
    OPERAND_NIL,
    OPERAND_PIPELINE, /* ( … ).A.B */
    OPERAND_FUNCTION, /* text is its name */
} TemplateOperandKind;

typedef struct TemplateOperand {
    TemplateOperandKind kind;
    size_t at, end;
    char *text;
    size_t n;
    char **names; /* fields */
    TemplatePipeline *pipeline;
} TemplateOperand;

typedef struct TemplateCommand {
    size_t at, end;
    size_t n;
    TemplateOperand *operand;
} TemplateCommand;

struct TemplatePipeline {
    size_t at, end, value_at; /* behind the variables */
    size_t n;
    TemplateCommand *command;
    size_t variables;
    char *variable[2]; /* declared or assigned; two only in range */
    bool assigns;
};

typedef struct TemplateList {
    size_t n;
    TemplateNode *node;
} TemplateList;

typedef enum TemplateNodeKind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_TEMPLATE, /* text is its name; the pipeline, if there is one, its dot */
} TemplateNodeKind;

struct TemplateNode {
    TemplateNodeKind kind;
    size_t at; /* of a template's name */
    char *text;
    TemplatePipeline *pipeline;
    TemplateList then, otherwise;
};

/* {{define "name"}} … {{end}}, or a block. */
typedef struct TemplateDefinition {
    char *name;
    TemplateList list;
} TemplateDefinition;

struct Template {
    char *source;
    TemplateList list;
    size_t n;
    TemplateDefinition *definition;
};

void template_operand_done(TemplateOperand *operand);
void template_pipeline_free(TemplatePipeline *pipeline);
CLEANUP_DEFINE(TemplatePipeline, template_pipeline_free)
void template_list_done(TemplateList *list);
CLEANUP_DEFINE_DONE(TemplateList, template_list_done)
