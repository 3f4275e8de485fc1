// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

#define ALLOW(type_, major_, minor_, access_)                                                      \
    {                                                                                              \
        .allow = {true, true}, .type = type_, .major = {(major_) >= 0, major_},                    \
        .minor = {(minor_) >= 0, minor_}, .access = access_                                        \
    }

const OciDeviceRule limits_default_devices[] = {
    ALLOW("c", -1, -1, "m"), ALLOW("b", -1, -1, "m"), ALLOW("c", 1, 3, "rwm"), /* null */
    ALLOW("c", 1, 8, "rwm"),                                                   /* random */
    ALLOW("c", 1, 7, "rwm"),                                                   /* full */
    ALLOW("c", 5, 0, "rwm"),                                                   /* tty */
    ALLOW("c", 1, 5, "rwm"),                                                   /* zero */
    ALLOW("c", 1, 9, "rwm"),                                                   /* urandom */
    ALLOW("c", 136, -1, "rwm"),                                                /* pts/N */
    ALLOW("c", 5, 2, "rwm"),                                                   /* ptmx */
    ALLOW("c", 10, 200, "rwm"), /* net/tun: the reference runtime has allowed it from early on */
};
const size_t limits_default_devices_n = array_size(limits_default_devices);

/* Absent and -1 are all of them; nothing else may be taken for that. */
static int format_number(
    const JsonInt *number, const char *name, char *ret, size_t size, Error *err) {
    if (!number->set || number->value == -1)
        snprintf(ret, size, "*");
    else if (number->value < 0)
        return error_set(err, ERROR_INVALID, "%s: expected a number, or -1 for all", name);
    else
        snprintf(ret, size, "%lld", (long long)number->value);
    return 0;
}

int limits_format_device(const OciDeviceRule *rule, char *ret, Error *err) {
    const char *type = text_is_empty(rule->type) ? "a" : rule->type;
    const char *access = rule->access ? rule->access : "";
    char major[24], minor[24];
    if (!*access)
        return error_set(err, ERROR_INVALID, "access: expected some of \"rwm\"");
    if (strlen(type) != 1 || !strchr("abcup", *type))
        return error_set(err, ERROR_INVALID, "type: unknown device type \"%s\"", type);
    /* other letters are ignored, as the reference runtime does */
    const char known[] = {strchr(access, 'r') ? 'r' : ' ', strchr(access, 'w') ? 'w' : ' ',
        strchr(access, 'm') ? 'm' : ' ', '\0'};
    if (strspn(known, " ") == 3)
        return error_set(
            err, ERROR_INVALID, "access: expected some of \"rwm\", not \"%s\"", access);
    TRY(format_number(&rule->major, "major", major, sizeof major, err));
    TRY(format_number(&rule->minor, "minor", minor, sizeof minor, err));
    int n = snprintf(ret, DEVICE_RULE_SIZE, "%c %s:%s ", *type == 'u' ? 'c' : *type, major, minor);
    for (const char *c = known; *c; c++)
        if (*c != ' ')
            ret[n++] = *c;
    ret[n] = '\0';
    return 0;
}
