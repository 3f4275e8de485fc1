// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"

/* One byte of a text as html, js and urlquery give it. */
void escape_html(Text *out, unsigned char c);
void escape_js(Text *out, unsigned char c);
void escape_query(Text *out, unsigned char c);
