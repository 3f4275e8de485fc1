// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/http.h"

/* Why a registry says no: its own words, in the form in which users know them from docker. Private
 * to engine/registry. */

/* The first error of the body as "code: message", else `otherwise`. Returns code. */
int refusal_set(const HttpResponse *response, int code, const char *otherwise, Error *err);

/* ERROR_DENIED, ERROR_NOT_FOUND or, for what may pass, ERROR_UNAVAILABLE. name: familiar, without a
 * tag; version: familiar, with it. */
int refusal_explain(
    const HttpResponse *response, const char *name, const char *version, Error *err);
int refusal_denied(const char *name, Error *err); /* keeps err's text as the reason */
int refusal_explain_upload(const HttpResponse *response, Error *err);
