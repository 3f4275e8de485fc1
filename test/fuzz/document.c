// SPDX-License-Identifier: Apache-2.0
#include "engine/image/document.h"

#include "target.h"

/* Documents of an image, as a registry may send them. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autodone(Text) body = {};
    autodone(OciIndex) index = {};
    autodone(OciManifest) manifest = {};
    autodone(OciImage) image = {};
    DocumentKind kind;
    Error error;
    text_append_bytes(&body, data, size);
    document_classify(NULL, &body, &kind, &error);
    document_decode_index(&body, &index, &error);
    if (document_decode_manifest(&body, &manifest, &error) == 0)
        document_check_descriptor(manifest.config, 1 << 20, &error);
    document_decode_config(&body, 1, &image, &error);
    return 0;
}
