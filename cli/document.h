// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A value inside JSON text that the engine made: a view, nothing is decoded before it is asked for.
 * The text must be valid JSON; on anything else the functions end early but stay inside it. */
typedef struct Document {
    const char *text; /* NULL: no such value */
    size_t n;
} Document;

Document document_of(const char *text);

typedef enum DocumentKind {
    DOCUMENT_NONE,
    DOCUMENT_NULL,
    DOCUMENT_BOOL,
    DOCUMENT_NUMBER,
    DOCUMENT_TEXT,
    DOCUMENT_ARRAY,
    DOCUMENT_OBJECT,
} DocumentKind;
DocumentKind document_kind(Document document);

/* Walks an array or object: *position starts at 0. False at the end. ret_name is the member's name
 * still in quotes, or none in an array. */
bool document_next(Document document, size_t *position, Document *ret_name, Document *ret_value);

Document document_member(Document object, const char *name);
Document document_element(Document array, size_t index);
size_t document_count(Document document); /* elements, members, bytes of a text */

/* A text without quotes and escapes; anything else as it stands. New string. */
char *document_to_text(Document document);

/* The members of an object in the order of their names, as Go walks maps. Free both arrays. */
size_t document_sort(Document object, Document **ret_names, Document **ret_values);

/* A character as UTF-8, and the one at `text` with its length (U+FFFD and 1: it is none). */
void document_append_character(Text *out, uint32_t c);
uint32_t document_read_character(const char *text, size_t *ret_n);

/* Line breaks and four spaces a level, after `level` levels already there. */
void document_indent(Document document, unsigned level, Text *out);
