// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

static Document trim(const char *text, size_t n) {
    static const char blanks[] = " \t\r\n";
    while (n && memchr(blanks, *text, sizeof blanks - 1)) {
        text++;
        n--;
    }
    while (n && memchr(blanks, text[n - 1], sizeof blanks - 1))
        n--;
    return (Document){text, n};
}

Document document_of(const char *text) {
    return trim(text, strlen(text));
}

DocumentKind document_kind(Document document) {
    if (!document.text || !document.n)
        return DOCUMENT_NONE;
    switch (*document.text) {
    case '{':
        return DOCUMENT_OBJECT;
    case '[':
        return DOCUMENT_ARRAY;
    case '"':
        return DOCUMENT_TEXT;
    case 't':
    case 'f':
        return DOCUMENT_BOOL;
    case 'n':
        return DOCUMENT_NULL;
    default:
        return DOCUMENT_NUMBER;
    }
}

/* Index after the string that starts at `at`. */
static size_t skip_text(Document document, size_t at) {
    for (at++; at < document.n && document.text[at] != '"'; at++)
        if (document.text[at] == '\\')
            at++;
    return at < document.n ? at + 1 : document.n;
}

/* Index of the comma, colon or closing bracket that ends the value at `at`. */
static size_t skip_value(Document document, size_t at) {
    size_t depth = 0;
    while (at < document.n) {
        char c = document.text[at];
        if (c == '"') {
            at = skip_text(document, at);
            continue;
        }
        if (!depth && (c == ',' || c == ':' || c == ']' || c == '}'))
            return at;
        if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth--;
        at++;
    }
    return at;
}

bool document_next(Document document, size_t *position, Document *ret_name, Document *ret_value) {
    DocumentKind kind = document_kind(document);
    if (kind != DOCUMENT_ARRAY && kind != DOCUMENT_OBJECT)
        return false;
    size_t at = *position ? *position : 1;
    size_t end = skip_value(document, at);
    Document name = {};
    if (kind == DOCUMENT_OBJECT) {
        name = trim(document.text + at, end - at);
        if (end >= document.n || document.text[end] != ':')
            return false;
        at = end + 1;
        end = skip_value(document, at);
    }
    Document value = trim(document.text + at, end - at);
    if (!value.n)
        return false;
    *ret_name = name;
    *ret_value = value;
    *position = end < document.n && document.text[end] == ',' ? end + 1 : document.n;
    return true;
}

Document document_member(Document object, const char *name) {
    size_t position = 0;
    Document member = {}, value = {};
    if (document_kind(object) != DOCUMENT_OBJECT)
        return (Document){};
    while (position < object.n && document_next(object, &position, &member, &value)) {
        autofree char *text = document_to_text(member);
        if (text_equal(text, name))
            return value;
    }
    return (Document){};
}

Document document_element(Document array, size_t index) {
    size_t position = 0;
    Document name = {}, value = {};
    for (size_t i = 0; position < array.n && document_next(array, &position, &name, &value); i++)
        if (i == index)
            return value;
    return (Document){};
}

size_t document_count(Document document) {
    size_t position = 0, n = 0;
    Document name = {}, value = {};
    if (document_kind(document) == DOCUMENT_TEXT) {
        autofree char *text = document_to_text(document);
        return strlen(text);
    }
    while (position < document.n && document_next(document, &position, &name, &value))
        n++;
    return n;
}

void document_append_character(Text *out, uint32_t c) {
    if (c < 0x80) {
        text_append_char(out, (char)c);
    } else if (c < 0x800) {
        text_append_char(out, (char)(0xc0 | c >> 6));
        text_append_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        text_append_char(out, (char)(0xe0 | c >> 12));
        text_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_append_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        text_append_char(out, (char)(0xf0 | c >> 18));
        text_append_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        text_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        text_append_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

uint32_t document_read_character(const char *text, size_t *ret_n) {
    const unsigned char *at = (const unsigned char *)text;
    size_t n = *at < 0x80 ? 1 : *at >> 5 == 6 ? 2 : *at >> 4 == 14 ? 3 : *at >> 3 == 30 ? 4 : 0;
    uint32_t c = n == 1 ? *at : *at & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if (at[i] >> 6 != 2)
            n = 0;
        else
            c = c << 6 | (at[i] & 0x3f);
    }
    *ret_n = n ? n : 1;
    return n ? c : 0xfffd;
}

typedef struct Member {
    char *text;
    Document name, value;
} Member;

static int compare_members(const void *a, const void *b) {
    return strcmp(((const Member *)a)->text, ((const Member *)b)->text);
}

size_t document_sort(Document object, Document **ret_names, Document **ret_values) {
    size_t position = 0, n = 0;
    autofree Member *members = NULL;
    Document name = {}, value = {};
    while (position < object.n && document_next(object, &position, &name, &value)) {
        Member member = {document_to_text(name), name, value};
        array_append(members, n, member);
    }
    if (n)
        qsort(members, n, sizeof *members, compare_members);
    *ret_names = new_array(Document, n + 1);
    *ret_values = new_array(Document, n + 1);
    for (size_t i = 0; i < n; i++) {
        (*ret_names)[i] = members[i].name;
        (*ret_values)[i] = members[i].value;
        free(members[i].text);
    }
    return n;
}

static bool read_unit(Document document, size_t at, uint32_t *ret) {
    if (at + 6 > document.n || document.text[at] != '\\' || document.text[at + 1] != 'u')
        return false;
    char hex[5] = {};
    memcpy(hex, document.text + at + 2, 4);
    char *end = NULL;
    *ret = (uint32_t)strtoul(hex, &end, 16);
    return end == hex + 4;
}

/* The escape at `at`; returns the index after it. */
static size_t append_escape(Document document, size_t at, Text *out) {
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    uint32_t unit = 0, low = 0;
    if (read_unit(document, at, &unit)) {
        if (unit >> 10 == 0x36 && read_unit(document, at + 6, &low) && low >> 10 == 0x37) {
            document_append_character(out, 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff)));
            return at + 12;
        }
        document_append_character(out, unit);
        return at + 6;
    }
    if (at + 1 >= document.n)
        return document.n;
    const char *letter = memchr(letters, document.text[at + 1], sizeof letters - 1);
    text_append_char(out, letter ? values[letter - letters] : document.text[at + 1]);
    return at + 2;
}

char *document_to_text(Document document) {
    if (document_kind(document) != DOCUMENT_TEXT)
        return text_copy_n(document.text ? document.text : "", document.n);
    Text out = {};
    size_t end = document.n && document.text[document.n - 1] == '"' ? document.n - 1 : document.n;
    for (size_t at = 1; at < end;) {
        if (document.text[at] == '\\') {
            at = append_escape((Document){document.text, end}, at, &out);
        } else {
            text_append_char(&out, document.text[at++]);
        }
    }
    return text_take(&out);
}

static void new_line(unsigned level, Text *out) {
    text_append_char(out, '\n');
    for (unsigned i = 0; i < level; i++)
        text_append(out, "    ");
}

void document_indent(Document document, unsigned level, Text *out) {
    bool previous_opens = false;
    for (size_t at = 0; at < document.n; at++) {
        char c = document.text[at];
        bool closes = c == ']' || c == '}';
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (closes && level) {
            level--;
            if (!previous_opens)
                new_line(level, out);
        } else if (previous_opens) {
            new_line(level, out);
        }
        previous_opens = c == '[' || c == '{';
        if (c == '"') {
            size_t end = skip_text(document, at);
            text_append_bytes(out, document.text + at, end - at);
            at = end - 1;
            continue;
        }
        text_append_char(out, c);
        if (previous_opens)
            level++;
        else if (c == ',')
            new_line(level, out);
        else if (c == ':')
            text_append_char(out, ' ');
    }
}
