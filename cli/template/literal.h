// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A literal of a template, as Go writes them ("a\tb", `raw`, 'x', 0x1F, 1_000, 2.5, true), as JSON.
 * NULL when it is none. New string. */
char *template_literal(const char *text);
