// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/reference.h"

#include <stdlib.h>

#include "base/text.h"
#include "target.h"

/* A name of an image: what it was taken for is written so that it is taken for the same again. */

static void check_again(const Reference *reference) {
    autofree char *canonical = reference_canonical(reference);
    autofree char *familiar = reference_familiar(reference);
    const char *const names[] = {canonical, familiar};
    for (size_t i = 0; i < 2; i++) {
        autodone(Reference) again = {};
        Error error;
        if (reference_parse(names[i], &again, &error) < 0)
            abort();
        if (!text_equal(again.domain, reference->domain) ||
            !text_equal(again.path, reference->path) ||
            !text_equal(again.digest, reference->digest))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autofree char *text = text_copy_n((const char *)data, size);
    autodone(Reference) reference = {};
    Error error;
    if (reference_parse(text, &reference, &error) == 0)
        check_again(&reference);
    return 0;
}
