// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdio.h>

#include "cli/template/template.h"

/* Lists of one noun as `--format` wants them: "table", "table TEMPLATE", "json", "raw" or a
 * TEMPLATE. A noun's fields are one table of rows, from which columns' names, what templates may
 * ask for and the JSON are made.
 *
 *     format_open ─► format_add, item by item ─► format_print
 */
typedef struct FormatView {
    bool whole; /* --no-trunc */
    bool json;  /* all fields, for a program */
    int64_t now;
} FormatView;

typedef struct FormatField {
    const char *name;                                        /* in templates: "ID" */
    const char *header;                                      /* above its column: "CONTAINER ID" */
    char *(*text)(const void *item, const FormatView *view); /* new string */
} FormatField;

typedef struct FormatNoun {
    const char *type;                /* Go's name, for errors */
    const char *table, *quiet, *raw; /* templates; raw and quiet may be NULL */
    const FormatField *fields;       /* sorted by name; ends with {} */
    /* {{.Label "name"}}: new string; NULL: the noun has no labels. */
    char *(*label)(const void *item, const char *name);
} FormatNoun;

typedef struct FormatOptions {
    const char *format; /* the user's; NULL or "": the noun's table */
    bool quiet, whole;
} FormatOptions;

typedef struct Format Format;

/* ERROR_INVALID: "template parsing error: …". */
int format_open(const FormatNoun *noun, const FormatOptions *options, Format **ret, Error *err);
void format_free(Format *format);
CLEANUP_DEFINE(Format, format_free)

/* Will this field be shown? To find it out may be dear. */
bool format_uses(const Format *format, const char *field);
int format_add(Format *format, const void *item, Error *err);
int format_print(Format *format, FILE *out, Error *err);

/* For fields that are lists in messages: "a,b"; the value of "name=value", or "". New strings. */
char *format_list(char *const *texts, size_t n);
char *format_value(char *const *pairs, size_t n, const char *name);

/* `--format` of a command that shows one document: "json", or a template. Prints it with its line
 * end. */
int format_document(const char *json, const char *format, FILE *out, Error *err);

#define FORMAT_HELP                                                                                \
    "Format output using a custom template: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE'"
#define FORMAT_ONE_HELP "Format output using a Go template, or as JSON with 'json'"
