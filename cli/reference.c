// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

bool reference_has_tag(const char *reference) {
    const char *slash = strrchr(reference, '/');
    return strchr(reference, '@') || strchr(slash ? slash : reference, ':');
}

char *reference_familiar(const char *reference) {
    static const char *const prefixes[] = {
        "docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"};
    for (size_t i = 0; i < array_size(prefixes); i++) {
        if (text_starts(reference, prefixes[i])) {
            reference += strlen(prefixes[i]);
            break;
        }
    }
    return text_format("%s%s", reference, reference_has_tag(reference) ? "" : ":latest");
}

char *reference_host(const char *reference) {
    size_t n = strcspn(reference, "/");
    autofree char *first = text_copy_n(reference, n);
    bool is_host = reference[n] && (strpbrk(first, ".:") || text_equal(first, "localhost"));
    if (!is_host || text_equal(first, "index.docker.io"))
        return text_copy("docker.io");
    return take_ptr(&first);
}

char *reference_canonical(const char *reference, bool with_tag) {
    autofree char *host = reference_host(reference);
    autofree char *familiar = reference_familiar(reference);
    bool hub = text_equal(host, "docker.io");
    if (!with_tag)
        *strrchr(familiar, ':') = '\0';
    return text_format("%s%s%s", hub ? "docker.io/" : "",
        hub && !strchr(familiar, '/') ? "library/" : "", familiar);
}
