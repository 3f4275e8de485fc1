// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* SHA-256 as OCI writes it; the only door to OpenSSL's digests. */
#define DIGEST_TEXT_SIZE 72 /* "sha256:", 64 hexadecimal digits, NUL */

typedef struct Digest Digest;

Digest *digest_new(void);
void digest_free(Digest *digest);
CLEANUP_DEFINE(Digest, digest_free)
Digest *digest_copy(const Digest *digest); /* of what it has seen so far */
void digest_update(Digest *digest, const void *data, size_t n);
void digest_finish(Digest *digest, char ret[DIGEST_TEXT_SIZE]); /* once */

void digest_of(const void *data, size_t n, char ret[DIGEST_TEXT_SIZE]);

/* ERROR_INVALID: not "sha256:" and 64 lower-case digits (other algorithms are not supported). Every
 * digest from outside passes here before it becomes part of a file name. */
int digest_check(const char *text, Error *err);

/* The 64 hexadecimal digits of a checked digest; borrowed. */
const char *digest_hex(const char *digest);
