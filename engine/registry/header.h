// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/http.h"

/* What an answer's headers say. Private to engine/registry. */

/* One line, with or without its end; a status line begins a new answer. */
void header_take(HttpResponse *response, const char *line, size_t n);

/* The next page of a list: Link: <URL>; rel="next" (RFC 8288). New string; NULL at the end, and for
 * what leads to another origin. */
char *header_next_page(const char *url, const char *link);
