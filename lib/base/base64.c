// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <stdint.h>

char *base64_encode(char *to, const char *bytes, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < n; at += 3) {
        size_t left = n - at;
        uint32_t bits = (uint32_t)(unsigned char)bytes[at] << 16;
        bits |= left > 1 ? (uint32_t)(unsigned char)bytes[at + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(unsigned char)bytes[at + 2] : 0;
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[bits & 63] : '=';
    }
    return to;
}

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t n, Text *ret) {
    if (n % 4)
        return false;
    text_reserve(ret, n / 4 * 3 + 1);
    for (size_t at = 0; at < n; at += 4) {
        size_t padding = at + 4 < n ? 0 : text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            int digit = i >= 4 - padding ? 0 : digit_of(text[at + i]);
            if (digit < 0)
                return false;
            bits = bits << 6 | (uint32_t)digit;
        }
        for (size_t i = 0; i < 3 - padding; i++)
            text_append_char(ret, (char)(bits >> (16 - 8 * i)));
    }
    return true;
}
