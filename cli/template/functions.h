// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"
#include "cli/document.h"

/* What a template may call: Go's own functions and Docker's. Values are Documents: views into the
 * JSON that is shown, or into texts that the functions made, which the run keeps until its end. */
typedef struct TemplateRun {
    size_t n;
    char **made;
    bool header; /* as in TemplateInput */
} TemplateRun;
Document template_keep(TemplateRun *run, char *json); /* takes it */
Document template_keep_text(TemplateRun *run, const char *text, size_t n);
void template_run_done(TemplateRun *run);
CLEANUP_DEFINE_DONE(TemplateRun, template_run_done)

typedef struct TemplateArguments {
    size_t n;
    Document *value; /* null documents for nil */
} TemplateArguments;

bool template_function_exists(const char *name);

/* The error's text is what stands after the place in a template. */
int template_function_call(TemplateRun *run, const char *name, const TemplateArguments *arguments,
    Document *ret, Error *err);

bool template_is_true(Document value);

/* As Go prints its own values: [a b], map[k:v]; nothing and null are <no value>, or, within others
 * and as arguments, <nil>. */
void template_print(Document value, Text *out);
void template_print_inner(Document value, Text *out);
char *template_to_text(Document value);
bool template_is_float(Document number);
const char *template_type_name(Document value); /* Go's */

/* printf, as Go's fmt: values that do not fit their verb are shown as %!d(string=x). */
void template_printf(const TemplateArguments *arguments, Text *out);
