// SPDX-License-Identifier: Apache-2.0
#include "engine/image/name.h"

#include <string.h>

#include "base/text.h"

static int not_found(const char *name, Error *err) {
    autodone(Reference) reference = {};
    Error invalid;
    if (reference_parse(name, &reference, &invalid) < 0) {
        /* it may still be something else's name */
        error_set(err, ERROR_NOT_FOUND, "%s", *name ? invalid.message : "No such image: ");
    } else {
        autofree char *familiar = reference_familiar(&reference);
        error_set(err, ERROR_NOT_FOUND, "No such image: %s", familiar);
    }
    return error_set_reason(err, "IMAGE_NOT_FOUND");
}

static const ReferenceRecord *find_reference(const Images *images, const char *name) {
    autodone(Reference) reference = {};
    Error ignored;
    if (reference_parse(name, &reference, &ignored) < 0)
        return NULL;
    autofree char *canonical = reference_canonical(&reference);
    return record_find_reference(images, canonical);
}

static bool is_id_prefix(const char *text) {
    size_t n = strlen(text);
    return n > 0 && n <= 64 && strspn(text, "0123456789abcdef") == n;
}

int name_find(const Images *images, const char *name, NameMatch *ret, Error *err) {
    const ReferenceRecord *reference = find_reference(images, name);
    const ImageRecord *found = reference ? record_find_image(images, reference->image) : NULL;
    if (found) {
        *ret = (NameMatch){found, reference};
        return 0;
    }
    const char *prefix = text_starts(name, "sha256:") ? name + 7 : name;
    for (size_t i = 0; is_id_prefix(prefix) && i < images->images; i++) {
        if (!text_starts(images->image[i]->id + 7, prefix))
            continue;
        if (found)
            return error_set(err, ERROR_INVALID, "image id prefix %s is ambiguous", name);
        found = images->image[i];
    }
    if (!found)
        return not_found(name, err);
    *ret = (NameMatch){found, NULL};
    return 0;
}
