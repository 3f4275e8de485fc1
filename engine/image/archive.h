// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/pull.h"
#include "oci/image.h"

/* An archive that a client streams, unpacked into a directory of its own by tare-unpack, as
 * confined as for a layer. What is in there is read like a registry's answers: believed by digest
 * only. */
typedef int ArchiveVisit(void *user, int tree, Error *err);

/* The directory is gone when this returns. */
int archive_unpack(Images *images, ImageReader *reader, void *reader_user, ArchiveVisit *visit,
    void *user, Error *err);

/* index.json of an OCI layout, and its bytes. ERROR_NOT_FOUND: it is none. */
int archive_read_index(int tree, OciIndex *ret, Text *ret_body, Error *err);

/* For an archive with docker's manifest.json alone: makes an OCI layout of it, in a directory
 * below, of links to its files. Names are canonical, each with a row of its own. ERROR_NOT_FOUND:
 * it has none. */
int archive_make_layout(int tree, int *ret_layout, OciIndex *ret, Error *err);

/* A blob of the layout, size and digest verified, becomes one of the store's. */
int archive_take_blob(Content *content, int tree, const OciDescriptor *blob, Error *err);
