// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int code_of_errno(int sys) {
    switch (sys) {
    case ENOENT:
    case ESRCH:
    case ENXIO:
    case ENODEV:
        return ERROR_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE:
        return ERROR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_DENIED;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
    case EDOM:
    case ENOTDIR:
    case EISDIR:
    case EXDEV:
        return ERROR_INVALID;
    case EBUSY:
    case ENOTEMPTY:
        return ERROR_STATE;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
    case E2BIG:
    case EFBIG:
        return ERROR_EXHAUSTED;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERROR_UNSUPPORTED;
    case ETIMEDOUT:
        return ERROR_TIMEOUT;
    case ECANCELED:
        return ERROR_CANCELLED;
    case ECONNREFUSED:
    case EPIPE:
    case ECONNRESET:
    case EAGAIN:
        return ERROR_UNAVAILABLE;
    default:
        return ERROR_INTERNAL;
    }
}

/* "Operation not permitted" → "operation not permitted", but "RPC …" stays. */
static void append_sys(char *message, size_t size, int sys) {
    size_t n = strlen(message);
    const char *words = strerrordesc_np(sys);
    if (!words || n + 3 >= size)
        return;
    snprintf(message + n, size - n, ": %s", words);
    if (n + 3 < size && !isupper((unsigned char)message[n + 3]))
        message[n + 2] = (char)tolower((unsigned char)message[n + 2]);
}

/* Others' words may be in it. */
__attribute__((format(printf, 3, 0))) static void put(
    char *to, size_t size, const char *format, va_list args) {
    vsnprintf(to, size, format, args);
    text_make_printable(to);
}

__attribute__((format(printf, 4, 0))) static void fill(
    Error *err, int code, int sys, const char *format, va_list args) {
    err->code = code;
    err->sys = sys;
    err->reason[0] = '\0';
    put(err->message, sizeof err->message, format, args);
    if (sys)
        append_sys(err->message, sizeof err->message, sys);
}

int error_set(Error *err, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, code, 0, format, args);
    va_end(args);
    return code;
}

int error_set_errno(Error *err, int sys, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, code_of_errno(sys), sys, format, args);
    va_end(args);
    return err->code;
}

int error_prefix(Error *err, const char *format, ...) {
    Error old = *err;
    va_list args;
    va_start(args, format);
    put(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t n = strlen(err->message);
    snprintf(err->message + n, sizeof err->message - n, ": %s", old.message);
    return err->code;
}

int error_explain(Error *err, const char *format, ...) {
    size_t n = strlen(err->message), room = sizeof err->message - n;
    va_list args;
    if (room < sizeof " ()")
        return err->code;
    n += (size_t)snprintf(err->message + n, room, " (");
    va_start(args, format);
    put(err->message + n, sizeof err->message - n - 1, format, args);
    va_end(args);
    memcpy(err->message + strlen(err->message), ")", 2);
    return err->code;
}

int error_set_reason(Error *err, const char *reason) {
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    return err->code;
}
