// SPDX-License-Identifier: Apache-2.0
#include "cli/detach.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

#define DEFAULT_KEYS "ctrl-p,ctrl-q"

static bool parse_key(const char *text, uint8_t *ret) {
    if (strlen(text) == 1) {
        *ret = (uint8_t)*text;
        return true;
    }
    if (!text_starts(text, "ctrl-") || strlen(text) != strlen("ctrl-") + 1)
        return false;
    int c = toupper((unsigned char)text[strlen("ctrl-")]);
    if (c < '@' || c > '_') // ASCII: control is the character with two bits cleared
        return false;
    *ret = (uint8_t)(c - '@');
    return true;
}

int detach_parse(const char *text, Detach *ret, Error *err) {
    Detach detach = {};
    autotexts char **keys = texts_split(text_is_empty(text) ? DEFAULT_KEYS : text, ',');
    for (size_t i = 0; keys[i]; i++) {
        if (detach.n == DETACH_KEYS_MAX || !parse_key(keys[i], &detach.key[detach.n]))
            return error_set(err, ERROR_INVALID, "invalid detach keys (%s): unknown character '%s'",
                text, keys[i]);
        detach.n++;
    }
    *ret = detach;
    return 0;
}

/* How many of the held keys can still be the start of the sequence once `matched` of them and the
 * byte `next` have been typed; what falls out in front is the program's. */
static size_t fall_back(const Detach *detach, uint8_t next, size_t *ret_released) {
    uint8_t typed[DETACH_KEYS_MAX + 1];
    size_t n = detach->matched;
    memcpy(typed, detach->key, n);
    typed[n++] = next;
    size_t start = 1;
    while (start < n && memcmp(typed + start, detach->key, n - start))
        start++;
    *ret_released = start;
    return n - start;
}

bool detach_filter(Detach *detach, const uint8_t *in, size_t n, uint8_t *out, size_t *ret_n) {
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (detach->n && in[i] == detach->key[detach->matched]) {
            if (++detach->matched < detach->n)
                continue;
            *ret_n = length;
            return true;
        }
        size_t released = 1, kept = detach->n ? fall_back(detach, in[i], &released) : 0;
        for (size_t k = 0; k < released; k++)
            out[length++] = k < detach->matched ? detach->key[k] : in[i];
        detach->matched = kept;
    }
    *ret_n = length;
    return false;
}
