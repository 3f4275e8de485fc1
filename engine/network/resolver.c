// SPDX-License-Identifier: Apache-2.0
#include "engine/network/resolver.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

static bool is_word(const char *text) {
    bool good = *text != '\0';
    for (; *text; text++)
        good = good && *text > ' ' && *text < 0x7f;
    return good;
}

int resolver_check(const Resolver *resolver, Error *err) {
    const struct {
        const char *name;
        char *const *values;
    } rows[] = {{"dns", resolver->servers}, {"dns-search", resolver->search},
        {"dns-opts", resolver->options}};
    for (size_t i = 0; i < array_size(rows); i++) {
        for (char *const *value = rows[i].values; value && *value; value++) {
            if (!is_word(*value))
                return error_set(err, ERROR_INVALID, "invalid %s: '%s'", rows[i].name, *value);
        }
    }
    return 0;
}

/* Loopback inside a namespace of its own is another machine, so to speak. */
static bool is_loopback(const char *address) {
    return text_starts(address, "127.") || text_equal(address, "::1") ||
           text_starts(address, "::1%");
}

/* The value after the keyword, up to the end of the line or a comment. NULL: another line. */
static char *directive(const char *line, const char *keyword) {
    line += strspn(line, " \t");
    if (!text_starts(line, keyword))
        return NULL;
    line += strlen(keyword);
    if (*line != ' ' && *line != '\t')
        return NULL;
    line += strspn(line, " \t");
    size_t n = strcspn(line, "#;");
    while (n > 0 && isspace((unsigned char)line[n - 1]))
        n--;
    return text_copy_n(line, n);
}

static bool is_printable(const char *text) {
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text) && *text != '\t')
            return false;
    }
    return true;
}

static bool is_usable(const Resolver *resolver, const char *keyword, const char *value) {
    return *value && is_printable(value) &&
           (resolver->shares_host || !text_equal(keyword, "nameserver") || !is_loopback(value));
}

static bool append_configured(const char *keyword, char *const *values, bool one_line, Text *out) {
    if (!values || !values[0])
        return false;
    for (size_t i = 0; values[i]; i++) {
        bool begin = i == 0 || !one_line, end = !values[i + 1] || !one_line;
        text_append_format(out, "%s %s%s", begin ? keyword : "", values[i], end ? "\n" : "");
    }
    return true;
}

static bool append_from_host(
    const Resolver *resolver, const char *keyword, const char *host_file, Text *out) {
    autotexts char **lines = texts_split(host_file, '\n');
    bool any = false;
    for (char **line = lines; *line; line++) {
        autofree char *value = directive(*line, keyword);
        if (!value || !is_usable(resolver, keyword, value))
            continue;
        text_append_format(out, "%s %s\n", keyword, value);
        any = true;
    }
    return any;
}

bool resolver_suits(const Resolver *resolver, const char *host_file) {
    autodone(Text) ignored = {};
    return (resolver->servers && resolver->servers[0]) ||
           append_from_host(resolver, "nameserver", host_file, &ignored);
}

void resolver_format(const Resolver *resolver, const char *host_file, Text *ret) {
    if (!append_configured("nameserver", resolver->servers, false, ret) &&
        !append_from_host(resolver, "nameserver", host_file, ret) && !resolver->shares_host)
        text_append(ret, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    if (!append_configured("search", resolver->search, true, ret) &&
        !append_from_host(resolver, "search", host_file, ret))
        append_from_host(resolver, "domain", host_file, ret);
    if (!append_configured("options", resolver->options, true, ret))
        append_from_host(resolver, "options", host_file, ret);
}
