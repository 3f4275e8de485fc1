// SPDX-License-Identifier: Apache-2.0
#include "engine/content/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char prefix[] = "sha256:";
enum {
    PREFIX_SIZE = sizeof(prefix) - 1,
    HEX_SIZE = 64
};

/* EVP calls fail only without memory or without an implementation: both end the process, as
 * lib/base/memory.c does. */
static void must(int result) {
    if (result != 1)
        abort();
}

Digest *digest_new(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    return (Digest *)context;
}

void digest_free(Digest *digest) {
    EVP_MD_CTX_free((EVP_MD_CTX *)digest);
}

Digest *digest_copy(const Digest *digest) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context && EVP_MD_CTX_copy_ex(context, (const EVP_MD_CTX *)digest));
    return (Digest *)context;
}

void digest_update(Digest *digest, const void *data, size_t n) {
    must(EVP_DigestUpdate((EVP_MD_CTX *)digest, data, n));
}

void digest_finish(Digest *digest, char ret[DIGEST_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)digest, bytes, NULL));
    memcpy(ret, prefix, PREFIX_SIZE);
    for (size_t i = 0; i < HEX_SIZE / 2; i++) {
        ret[PREFIX_SIZE + 2 * i] = digits[bytes[i] >> 4];
        ret[PREFIX_SIZE + 2 * i + 1] = digits[bytes[i] & 15];
    }
    ret[PREFIX_SIZE + HEX_SIZE] = '\0';
}

void digest_of(const void *data, size_t n, char ret[DIGEST_TEXT_SIZE]) {
    autoptr(Digest) digest = digest_new();
    digest_update(digest, data, n);
    digest_finish(digest, ret);
}

int digest_check(const char *text, Error *err) {
    if (text_starts(text, prefix)) {
        const char *hex = text + PREFIX_SIZE;
        if (strspn(hex, "0123456789abcdef") == HEX_SIZE && hex[HEX_SIZE] == '\0')
            return 0;
    } else if (strchr(text, ':')) {
        return error_set(err, ERROR_INVALID,
            "digest '%.200s': only sha256 with 64 hexadecimal digits is supported", text);
    }
    return error_set(err, ERROR_INVALID, "invalid digest '%.200s'", text);
}

const char *digest_hex(const char *digest) {
    return digest + PREFIX_SIZE;
}
