// SPDX-License-Identifier: Apache-2.0
#include "engine/image/pull.h"

int image_import(Images *images, ImageReader *reader, void *user, ImageLoaded *ret, Error *err) {
    return error_set(err, ERROR_UNSUPPORTED, "not yet");
}

void image_loaded_done(ImageLoaded *loaded) {
    json_texts_done(&loaded->references);
    json_texts_done(&loaded->ids);
}
