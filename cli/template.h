// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "cli/document.h"

/* Go's text/template, as much as `inspect --format` is used with: fields, $, pipelines,
 * parentheses, if, else, range, with, and the functions json len index print println join lower
 * upper eq ne not and or. */
typedef struct Template Template;

/* ERROR_INVALID: "template: …". */
int template_parse(const char *text, Template **ret, Error *err);

/* A field that does not exist may be asked for by if and with; to print it is ERROR_INVALID. */
int template_execute(const Template *template, Document dot, Text *out, Error *err);
void template_free(Template *template);
CLEANUP_DEFINE(Template, template_free)
