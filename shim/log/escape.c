// SPDX-License-Identifier: Apache-2.0
#include "shim/log/escape.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
    WIDTH = 16
};
_Static_assert(LOG_ESCAPE_SLACK >= 2 * WIDTH, "stored at once");

/* GCC's and clang's vectors: SSE2, NEON, or plain words elsewhere. */
typedef uint8_t Bytes __attribute__((vector_size(WIDTH)));
typedef int8_t Signed __attribute__((vector_size(WIDTH)));
typedef uint64_t Words __attribute__((vector_size(WIDTH)));

/* Copies 16 bytes; those of the result that cannot stand as they are have 0xff. */
static Bytes copy_bytes(char *to, const char *from) {
    Bytes bytes;
    memcpy(&bytes, from, WIDTH);
    memcpy(to, &bytes, WIDTH);
    /* flipping 2 makes 0x20 of the quote, next to the controls; the highest bit is the sign */
    return (Bytes)((Signed)(bytes ^ 2) < 0x21) | (Bytes)(bytes == '\\');
}

/* Bytes before the first 0xff, or 16 */
static size_t count_plain(Bytes special) {
#ifdef __SSE2__
    typedef char Chars __attribute__((vector_size(WIDTH)));
    return (size_t)__builtin_ctz((unsigned)__builtin_ia32_pmovmskb128((Chars)special) | 1 << WIDTH);
#else
    Words words = (Words)special;
    if (words[0])
        return (size_t)__builtin_ctzll(le64toh(words[0])) / 8;
    return words[1] ? 8 + (size_t)__builtin_ctzll(le64toh(words[1])) / 8 : WIDTH;
#endif
}

/* Copies bytes up to the first that cannot stand as it is; returns how many. */
static size_t copy_plain(char *to, const char *from, size_t n) {
    size_t at = 0;
    for (; n - at >= 2 * WIDTH; at += 2 * WIDTH) {
        Bytes first = copy_bytes(to + at, from + at);
        Bytes second = copy_bytes(to + at + WIDTH, from + at + WIDTH);
        if (count_plain(first | second) == WIDTH)
            continue;
        size_t plain = count_plain(first);
        return at + (plain < WIDTH ? plain : WIDTH + count_plain(second));
    }
    for (; n - at >= WIDTH; at += WIDTH) {
        size_t plain = count_plain(copy_bytes(to + at, from + at));
        if (plain < WIDTH)
            return at + plain;
    }
    if (at < n && n >= WIDTH) { /* the last 16 bytes: those that are done are plain */
        size_t last = n - WIDTH, plain = count_plain(copy_bytes(to + last, from + last));
        if (plain == WIDTH) /* is foreseen, where a sum would be waited for */
            return n;
        return last + plain;
    }
    for (; at < n; at++) {
        unsigned char c = (unsigned char)from[at];
        if (c - 0x20U >= 0x60 || c == '"' || c == '\\')
            break;
        to[at] = from[at];
    }
    return at;
}

/* Length of the character at the beginning, without overlong forms and surrogates (RFC 3629);
 * 0: it is none. */
static size_t character(const unsigned char *at, size_t n) {
    unsigned char c = at[0];
    size_t length = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0U;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) || (c == 0xf0 && at[1] < 0x90) ||
        (c == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

static char *escape_control(char *to, unsigned char c) {
    static const char digits[] = "0123456789abcdef", names[] = "btn\0fr"; /* from \b on */
    char name = c == '"' || c == '\\' ? (char)c : c >= '\b' && c <= '\r' ? names[c - '\b'] : '\0';
    *to++ = '\\';
    if (name) {
        *to++ = name;
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = digits[c >> 4];
    to[4] = digits[c & 15];
    return to + 5;
}

char *log_escape(char *to, const char *bytes, size_t n, bool *ret_good) {
    static const char replacement[] = "\xef\xbf\xbd";
    *ret_good = true;
    for (size_t at = 0; at < n;) {
        size_t plain = copy_plain(to, bytes + at, n - at);
        to += plain;
        at += plain;
        if (at == n)
            break;
        unsigned char c = (unsigned char)bytes[at];
        size_t length = character((const unsigned char *)bytes + at, n - at);
        if (c < 0x20 || c == '"' || c == '\\') {
            to = escape_control(to, c);
        } else if (length > 0) {
            for (size_t i = 0; i < length; i++)
                *to++ = bytes[at + i];
        } else {
            memcpy(to, replacement, 3);
            to += 3;
            *ret_good = false;
        }
        at += length ? length : 1;
    }
    return to;
}
