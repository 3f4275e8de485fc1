// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "cli/document.h"

/* Go's text/template over JSON, with Docker's functions, as `--format` takes it: actions, trim
 * marks, comments, variables, pipelines, if, else, with, range, break, continue, define, block and
 * template; not call, printf's %* and %[1]d, and complex numbers. Errors read as Go's, which
 * scripts know. */
typedef struct Template Template;

/* What a template is executed with. */
typedef struct TemplateInput {
    Document dot;
    /* Go's name of the dot's type, for errors: then a field that it lacks is always an error. NULL:
     * a field that does not exist may be asked for by if and with, and is an error to print, if it
     * is none that docker's types have (omitted.h). */
    const char *type;
    /* {{.Label "name"}}: the JSON that this method of the dot gives, a new string; NULL: there is
     * no such method. May be NULL. */
    char *(*method)(void *user, const char *name, const char *argument);
    void *user;
    bool header; /* the dot holds columns' names: functions that change a value leave it alone */
} TemplateInput;

/* ERROR_INVALID: "template: :1: …". */
int template_parse(const char *text, Template **ret, Error *err);

/* ERROR_INVALID: "template: :1:2: executing "" at <.Nope>: …". What was printed before is in out.
 */
int template_execute(const Template *template, const TemplateInput *input, Text *out, Error *err);

/* Is this field of the dot asked for anywhere? */
bool template_uses(const Template *template, const char *field);
void template_free(Template *template);
CLEANUP_DEFINE(Template, template_free)
