// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <limits.h>

/* An Error is a value: it lives on the caller's stack, owns nothing and may be written to a pipe
 * whole. Its code is a negated canonical gRPC code, so that one vocabulary serves all programs.
 * See docs/errors.md. A function that takes an Error returns 0 or more when all went well, else
 * err->code with err filled. */
enum {
    ERROR_CANCELLED = -1,
    ERROR_UNKNOWN = -2,
    ERROR_INVALID = -3, /* the user's words are wrong */
    ERROR_TIMEOUT = -4,
    ERROR_NOT_FOUND = -5,
    ERROR_EXISTS = -6,
    ERROR_DENIED = -7,
    ERROR_EXHAUSTED = -8, /* space, memory, descriptors, or a bound of ours */
    ERROR_STATE = -9,     /* right request, wrong moment */
    ERROR_ABORTED = -10,
    ERROR_RANGE = -11,
    ERROR_UNSUPPORTED = -12,
    ERROR_INTERNAL = -13,
    ERROR_UNAVAILABLE = -14,
    ERROR_CORRUPT = -15,
    ERROR_UNAUTHENTICATED = -16,
};

typedef struct Error {
    int code;          /* ERROR_*, or 0 */
    int sys;           /* errno where the kernel said no, else 0 */
    char reason[32];   /* e.g. COMMAND_NOT_FOUND, for the few cases that codes cannot tell apart */
    char message[984]; /* lower case, no full stop, the user's words before the kernel's */
} Error;

_Static_assert(sizeof(Error) <= PIPE_BUF, "an Error must fit one atomic pipe write");

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int try_result_ = (call);                                                                  \
        if (try_result_ < 0)                                                                       \
            return try_result_;                                                                    \
    } while (0)

int error_set(Error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Appends ": " and the kernel's words for errno value `sys`; the only errno → code table. */
int error_set_errno(Error *err, int sys, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "format: " before the message. Returns err->code. */
int error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts " (format)" behind the message: what may be the reason. Returns err->code. */
int error_explain(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Marks an error that is already filled. Returns err->code. */
int error_set_reason(Error *err, const char *reason);
