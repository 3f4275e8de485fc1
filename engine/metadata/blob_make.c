// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/blob_make.h"

#include "base/text.h"
#include "engine/metadata/check.h"

static int add_labels(MetadataRecord *record, void *user, Error *err) {
    const JsonMap *labels = user;
    for (size_t i = 0; i < labels->n; i++)
        json_map_set(&record->labels, labels->key[i], labels->value[i]);
    return check_labels(&record->labels, err);
}

static int commit(
    const BlobMake *make, BlobWriter *writer, JsonMap *labels, BlobMade *ret, Error *err) {
    blob_writer_digest(writer, ret->digest);
    ret->size = blob_writer_offset(writer);
    int code = blob_writer_commit(writer, 0, NULL, labels, err);
    return code == ERROR_EXISTS ? metadata_update(make->metadata, METADATA_CONTENT, make->space,
                                      ret->digest, add_labels, labels, NULL, err)
                                : code;
}

int blob_make(const BlobMake *make, BlobMade *ret, Error *err) {
    char random[17];
    JsonMap labels = {};
    autoptr(BlobWriter) writer = NULL;
    text_random_hex(random, 8);
    autofree char *reference = text_is_empty(make->reference) ? text_format("made-%s", random)
                                                              : text_copy(make->reference);
    const BlobWrite write = {.space = make->space, .reference = reference, .lease = make->lease};
    TRY(blob_writer_open(make->metadata, make->content, &write, &writer, err));
    if (make->labels)
        labels_copy(&labels, make->labels);
    int code = blob_writer_restart(writer, err);
    if (code == 0)
        code = make->fill(writer, &labels, make->user, err);
    if (code == 0)
        code = commit(make, writer, &labels, ret, err);
    json_map_done(&labels);
    if (code < 0) {
        Error ignored;
        blob_writer_close(take_ptr(&writer));
        blob_abort(make->metadata, make->content, make->space, reference, &ignored);
    }
    return code;
}

int blob_make_write(void *writer, const void *data, size_t n, Error *err) {
    return blob_writer_write(writer, data, n, err);
}

typedef struct Bytes {
    const void *data;
    size_t n;
} Bytes;

static int write_bytes(BlobWriter *writer, JsonMap *labels, void *user, Error *err) {
    const Bytes *bytes = user;
    return blob_writer_write(writer, bytes->data, bytes->n, err);
}

int blob_make_of(BlobMake make, const void *data, size_t n, BlobMade *ret, Error *err) {
    Bytes bytes = {data, n};
    make.fill = write_bytes;
    make.user = &bytes;
    return blob_make(&make, ret, err);
}
