// SPDX-License-Identifier: Apache-2.0
#include "engine/image/import.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/feed.h"
#include "engine/image/instruction.h"
#include "engine/image/make.h"
#include "engine/image/register.h"

/* The packing half of a feed. */
typedef struct Importing {
    Images *images;
    ImageMake make;
    char **ret_id;
} Importing;

/* A client that went away has left a tar that ends somewhere. */
static int check_complete(void *user, Error *err) {
    return atomic_load((const atomic_bool *)user)
               ? 0
               : error_set(err, ERROR_CANCELLED, "the import was broken off");
}

static int pack(void *user, int input, const atomic_bool *complete, Error *err) {
    Importing *importing = user;
    importing->make.layer.input = input;
    importing->make.confirm = check_complete;
    importing->make.confirm_user = (void *)(uintptr_t)complete;
    return image_make(importing->images, &importing->make, importing->ret_id, err);
}

int image_from_tar(Images *images, const ImageFromTar *from, char **ret_id, Error *err) {
    autofree char *comment = text_is_empty(from->comment)
                                 ? text_format("Imported from %s", from->source)
                                 : text_copy(from->comment);
    Importing importing = {
        .images = images,
        .make =
            {
                .name = from->name,
                .layer = {.mode = PACK_COPY},
                .config = new (OciImageConfig),
                .comment = comment,
                .platform = from->platform,
            },
        .ret_id = ret_id,
    };
    int code = instructions_apply(importing.make.config, from->changes, from->changes_n, err);
    if (code < 0) {
        json_done(&oci_image_config_type, importing.make.config);
        free(importing.make.config);
        return code;
    }
    TRY(feed(&from->tar, pack, &importing, err));
    image_event(images, "import", *ret_id, NULL);
    return 0;
}
