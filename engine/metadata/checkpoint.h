// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/metadata/blob_make.h"

/* A task's memory between a directory that criu has written, or will read, and content: a tar of
 * plain files, as containerd has it. `directory` is ours alone. */

/* make->fill and user are not used. */
int checkpoint_save(BlobMake make, const Images *images, int directory, BlobMade *ret, Error *err);

/* Foreign bytes: unpacked by the confined program. ERROR_CORRUPT: not files side by side. */
int checkpoint_load(Images *images, const char *digest, int directory, Error *err);
