// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/content/digest.h"

/* distribution/reference's grammar, read from left to right. Character classes are ASCII's. */
enum {
    NAME_MAX_LENGTH = 255,
    TAG_MAX_LENGTH = 128
};

static const char default_domain[] = "docker.io";
static const char lower_alnum[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool has(const char *set, char c) {
    return c && strchr(set, c);
}

static bool is_lower(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            return false;
    return true;
}

static int invalid(Error *err) {
    return error_set(err, ERROR_INVALID, "invalid reference format");
}

/* "a-b.c", not starting or ending a component with '-' */
static bool is_host(const char *text) {
    for (const char *at = text;;) {
        size_t n = strcspn(at, ".");
        if (n == 0 || strspn(at, alnum) == 0 || at[0] == '-' || at[n - 1] == '-')
            return false;
        for (size_t i = 0; i < n; i++)
            if (!has(alnum, at[i]) && at[i] != '-')
                return false;
        if (!at[n])
            return true;
        at += n + 1;
    }
}

static bool is_domain(const char *text) {
    autofree char *host = text_copy(text);
    char *end = host;
    if (*host == '[') {
        end = strchr(host, ']');
        if (!end || end == host + 1 ||
            strspn(host + 1, "0123456789abcdefABCDEF:") != (size_t)(end - host - 1))
            return false;
        end++;
    } else {
        end += strcspn(host, ":");
    }
    if (*end && (*end != ':' || !end[1] || strspn(end + 1, "0123456789") != strlen(end + 1)))
        return false;
    *end = '\0';
    return *host == '[' || is_host(host);
}

/* alphanumerics joined by ".", "_", "__" or any number of "-" */
static const char *skip_component(const char *at) {
    for (;;) {
        size_t n = strspn(at, lower_alnum);
        if (n == 0)
            return NULL;
        at += n;
        const char *separator = at;
        if (*at == '.')
            at++;
        else if (*at == '_')
            at += at[1] == '_' ? 2 : 1;
        else
            at += strspn(at, "-");
        if (at == separator)
            return at;
    }
}

/* End of the longest path, or NULL. */
static const char *skip_path(const char *at) {
    while ((at = skip_component(at)) && *at == '/')
        at++;
    return at;
}

static const char *skip_tag(const char *at) {
    if (!has(word, *at))
        return NULL;
    size_t n = 0;
    while (has(word, at[n]) || at[n] == '.' || at[n] == '-')
        n++;
    return n <= TAG_MAX_LENGTH ? at + n : NULL;
}

static bool names_domain(const char *text, size_t n) {
    autofree char *first = text_copy_n(text, n);
    return strpbrk(first, ".:") || strcmp(first, "localhost") == 0 || !is_lower(first, n);
}

/* Fills the domain; *ret_rest is what follows, "library/" put before lone words of Docker Hub. */
static void split_domain(const char *text, Reference *reference, char **ret_rest) {
    const char *slash = strchr(text, '/');
    if (slash && names_domain(text, (size_t)(slash - text))) {
        reference->domain = text_copy_n(text, (size_t)(slash - text));
        text = slash + 1;
    } else {
        reference->domain = text_copy(default_domain);
    }
    if (text_equal(reference->domain, "index.docker.io")) {
        free(reference->domain);
        reference->domain = text_copy(default_domain);
    }
    bool hub = text_equal(reference->domain, default_domain);
    *ret_rest = text_format("%s%s", hub && !strchr(text, '/') ? "library/" : "", text);
}

static int parse_rest(const char *rest, Reference *reference, Error *err) {
    size_t name_length = strcspn(rest, ":@");
    if (!is_lower(rest, name_length))
        return error_set(err, ERROR_INVALID,
            "invalid reference format: repository name (%.*s) must be lowercase",
            (int)(name_length < 400 ? name_length : 400), rest);
    const char *at = skip_path(rest);
    if (!at)
        return invalid(err);
    reference->path = text_copy_n(rest, (size_t)(at - rest));
    if (strlen(reference->domain) + 1 + strlen(reference->path) > NAME_MAX_LENGTH)
        return error_set(err, ERROR_INVALID,
            "invalid reference format: repository name must not be"
            " more than %d characters",
            NAME_MAX_LENGTH);
    if (*at == ':') {
        const char *end = skip_tag(at + 1);
        if (!end)
            return invalid(err);
        reference->tag = text_copy_n(at + 1, (size_t)(end - at - 1));
        at = end;
    }
    if (*at == '@') {
        if (strchr(at, ':') && !text_starts(at, "@sha256:"))
            return error_set(err, ERROR_INVALID, "unsupported digest algorithm");
        if (digest_check(at + 1, err) < 0)
            return invalid(err);
        reference->digest = text_copy(at + 1);
        at = "";
    }
    return *at ? invalid(err) : 0;
}

int reference_parse(const char *text, Reference *ret, Error *err) {
    autodone(Reference) reference = {};
    autofree char *rest = NULL;
    if (strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64)
        return error_set(err, ERROR_INVALID,
            "invalid repository name (%s), cannot specify 64-byte"
            " hexadecimal strings",
            text);
    if (strlen(text) > 1024)
        return invalid(err);
    split_domain(text, &reference, &rest);
    if (!is_domain(reference.domain))
        return invalid(err);
    TRY(parse_rest(rest, &reference, err));
    if (!reference.tag && !reference.digest)
        reference.tag = text_copy("latest");
    *ret = reference;
    reference = (Reference){};
    return 0;
}

int reference_parse_tag(const char *text, Reference *ret, Error *err) {
    autodone(Reference) reference = {};
    TRY(reference_parse(text, &reference, err));
    autofree char *name = reference_familiar_name(&reference);
    if (reference.digest)
        return error_set(err, ERROR_INVALID, "refusing to create a tag with a digest reference");
    if (text_equal(name, "sha256"))
        return error_set(err, ERROR_INVALID,
            "refusing to create an ambiguous tag using digest algorithm as name");
    *ret = reference;
    reference = (Reference){};
    return 0;
}

void reference_done(Reference *reference) {
    free(reference->domain);
    free(reference->path);
    free(reference->tag);
    free(reference->digest);
    *reference = (Reference){};
}

char *reference_name(const Reference *reference) {
    return text_format("%s/%s", reference->domain, reference->path);
}

char *reference_familiar_name(const Reference *reference) {
    static const char library[] = "library/";
    if (!text_equal(reference->domain, default_domain))
        return reference_name(reference);
    const char *path = reference->path;
    if (text_starts(path, library) && !strchr(path + sizeof(library) - 1, '/'))
        path += sizeof(library) - 1;
    return text_copy(path);
}

static char *add_version(char *name, const Reference *reference) {
    autofree char *owned = name;
    return reference->digest ? text_format("%s@%s", owned, reference->digest)
                             : text_format("%s:%s", owned, reference->tag);
}

char *reference_canonical(const Reference *reference) {
    return add_version(reference_name(reference), reference);
}

char *reference_familiar(const Reference *reference) {
    return add_version(reference_familiar_name(reference), reference);
}
