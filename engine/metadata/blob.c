// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/blob.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/content/ingest.h"
#include "engine/metadata/check.h"
#include "engine/metadata/lease.h"

/* A writer has bytes of its own, or borrows a blob that the store has already. */
struct BlobWriter {
    Metadata *metadata;
    Content *content;
    Ingest *ingest; /* NULL: borrowed */
    char *space, *reference, *lease;
    char digest[DIGEST_TEXT_SIZE]; /* of the borrowed blob */
    uint64_t size;                 /* of the borrowed blob */
    int64_t started;
};

/* File name of a reference, which is any text. */
static char *file_of(const char *space, const char *reference) {
    char digest[DIGEST_TEXT_SIZE];
    autofree char *both = text_format("%s/%s", space, reference);
    digest_of(both, strlen(both), digest);
    return text_format("ref-%s", digest_hex(digest));
}

static int exists(const char *digest, Error *err) {
    return error_set(err, ERROR_EXISTS, "content %s: already exists", digest);
}

static int check_expected(BlobWriter *writer, const char *digest, Error *err) {
    if (text_is_empty(digest))
        return 0;
    TRY(digest_check(digest, err));
    return metadata_has(writer->metadata, METADATA_CONTENT, writer->space, digest)
               ? exists(digest, err)
               : 0;
}

/* True: the store has the bytes. Nothing keeps them until the record is made, which looks again. */
static bool borrow(BlobWriter *writer, const char *digest) {
    int fd = -1;
    Error missing;
    if (text_is_empty(digest) ||
        content_open_blob(writer->content, digest, &fd, &writer->size, &missing) < 0)
        return false;
    close(fd);
    snprintf(writer->digest, sizeof(writer->digest), "%s", digest);
    return true;
}

static int make_record(BlobWriter *writer, const BlobWrite *write, Error *err) {
    MetadataRecord *record = metadata_record_new(METADATA_INGEST, write->space, write->reference);
    record->digest = text_is_empty(write->expected) ? NULL : text_copy(write->expected);
    record->size = (JsonInt){true, write->total};
    int code = metadata_create(writer->metadata, record, err);
    return code == ERROR_EXISTS ? 0 : code;
}

/* Of what has another length nothing is of use. */
static int restart_if_other(
    BlobWriter *writer, const BlobWrite *write, MetadataRecord **record, Error *err) {
    int64_t known = (*record)->size.value;
    if (write->total <= 0 || known <= 0 || write->total == known)
        return 0;
    TRY(ingest_restart(writer->ingest, err));
    TRY(metadata_remove(writer->metadata, METADATA_INGEST, write->space, write->reference, err));
    TRY(make_record(writer, write, err));
    metadata_record_unref(take_ptr(record));
    return metadata_find(
        writer->metadata, METADATA_INGEST, write->space, write->reference, record, err);
}

static int open_ingest(BlobWriter *writer, const BlobWrite *write, Error *err) {
    autofree char *file = file_of(write->space, write->reference);
    if (ingest_open(writer->content, file, &writer->ingest, err) < 0)
        return error_prefix(err, "ref %s", write->reference);
    autoptr(MetadataRecord) record = NULL;
    TRY(make_record(writer, write, err));
    TRY(lease_add(writer->metadata, write->space, write->lease, "ingests", write->reference, err));
    TRY(metadata_find(
        writer->metadata, METADATA_INGEST, write->space, write->reference, &record, err));
    TRY(restart_if_other(writer, write, &record, err));
    writer->started = record->created.value;
    return 0;
}

int blob_writer_open(
    Metadata *metadata, Content *content, const BlobWrite *write, BlobWriter **ret, Error *err) {
    TRY(check_name("reference", write->reference, err));
    autoptr(BlobWriter) writer = new (BlobWriter);
    *writer = (BlobWriter){
        .metadata = metadata,
        .content = content,
        .space = text_copy(write->space),
        .reference = text_copy(write->reference),
        .lease = text_copy(write->lease),
        .started = time_now(),
    };
    TRY(check_expected(writer, write->expected, err));
    if (!borrow(writer, write->expected))
        TRY(open_ingest(writer, write, err));
    *ret = take_ptr(&writer);
    return 0;
}

void blob_writer_close(BlobWriter *writer) {
    if (!writer)
        return;
    ingest_close(writer->ingest);
    free(writer->space);
    free(writer->reference);
    free(writer->lease);
    free(writer);
}

uint64_t blob_writer_offset(const BlobWriter *writer) {
    return writer->ingest ? ingest_offset(writer->ingest) : writer->size;
}

int64_t blob_writer_started(const BlobWriter *writer) {
    return writer->started;
}

void blob_writer_digest(const BlobWriter *writer, char ret[DIGEST_TEXT_SIZE]) {
    if (writer->ingest)
        ingest_digest(writer->ingest, ret);
    else
        memcpy(ret, writer->digest, sizeof(writer->digest));
}

/* Who writes although the bytes are there gets a file of his own. */
static int stop_borrowing(BlobWriter *writer, Error *err) {
    const BlobWrite write = {
        .space = writer->space, .reference = writer->reference, .lease = writer->lease};
    return writer->ingest ? 0 : open_ingest(writer, &write, err);
}

int blob_writer_write(BlobWriter *writer, const void *data, size_t n, Error *err) {
    TRY(stop_borrowing(writer, err));
    return ingest_write(writer->ingest, data, n, err);
}

int blob_writer_restart(BlobWriter *writer, Error *err) {
    TRY(stop_borrowing(writer, err));
    return ingest_restart(writer->ingest, err);
}

static int verify(const BlobWriter *writer, const char *digest, uint64_t total,
    const char *expected, Error *err) {
    uint64_t size = blob_writer_offset(writer);
    if (total > 0 && size != total)
        return error_set(err, ERROR_STATE,
            "\"%.200s\" failed size validation: %" PRIu64 " != %" PRIu64 ": failed precondition",
            writer->reference, size, total);
    if (!text_is_empty(expected) && !text_equal(expected, digest))
        return error_set(err, ERROR_STATE,
            "unexpected commit digest %s, expected %.100s: failed precondition", digest, expected);
    return 0;
}

/* First the lease, then the record, last the blob: so no sweep comes between. */
static int record(BlobWriter *writer, const char *digest, const JsonMap *labels, Error *err) {
    TRY(lease_add(writer->metadata, writer->space, writer->lease, "content", digest, err));
    MetadataRecord *blob = metadata_record_new(METADATA_CONTENT, writer->space, digest);
    blob->size = (JsonInt){true, (int64_t)blob_writer_offset(writer)};
    labels_copy(&blob->labels, labels);
    TRY(metadata_create(writer->metadata, blob, err));
    if (writer->ingest)
        return ingest_commit(writer->ingest, err);
    return content_has(writer->content, digest)
               ? 0
               : error_set(err, ERROR_UNAVAILABLE, "content %s has gone: unavailable", digest);
}

void blob_writer_forget(BlobWriter *writer) {
    Error ignored;
    if (!text_is_empty(writer->lease))
        lease_remove(
            writer->metadata, writer->space, writer->lease, "ingests", writer->reference, &ignored);
    metadata_remove(writer->metadata, METADATA_INGEST, writer->space, writer->reference, &ignored);
    if (writer->ingest)
        ingest_discard(writer->ingest);
}

int blob_writer_commit(
    BlobWriter *writer, uint64_t total, const char *expected, const JsonMap *labels, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    Error ignored;
    TRY(check_labels(labels, err));
    blob_writer_digest(writer, digest);
    TRY(verify(writer, digest, total, expected, err));
    int code = record(writer, digest, labels, err);
    if (code < 0 && code != ERROR_EXISTS)
        metadata_remove(writer->metadata, METADATA_CONTENT, writer->space, digest, &ignored);
    if (code == ERROR_EXISTS)
        exists(digest, err);
    if (code == 0 || code == ERROR_EXISTS)
        blob_writer_forget(writer);
    return code;
}

void blob_status(Content *content, const MetadataRecord *ingest, BlobStatus *ret) {
    autofree char *file = file_of(ingest->space, ingest->name);
    IngestStatus status = {.updated = ingest->updated.value};
    Error missing; /* its first byte is still to come */
    ingest_status(content, file, &status, &missing);
    *ret = (BlobStatus){
        .started = ingest->created.value,
        .updated = status.updated,
        .total = ingest->size.value,
        .offset = status.offset,
        .reference = text_copy(ingest->name),
        .expected = text_copy(ingest->digest),
    };
}

void blob_status_done(BlobStatus *status) {
    free(status->reference);
    free(status->expected);
}

int blob_abort(
    Metadata *metadata, Content *content, const char *space, const char *reference, Error *err) {
    autofree char *file = file_of(space, reference);
    autoptr(MetadataRecord) record = NULL;
    TRY(metadata_find(metadata, METADATA_INGEST, space, reference, &record, err));
    if (ingest_remove(content, file, err) < 0)
        return error_prefix(err, "ref %s", reference);
    return metadata_remove(metadata, METADATA_INGEST, space, reference, err);
}

/* A lease may name what is still to come. */
static bool is_leased(Metadata *metadata, const char *digest) {
    autodone(MetadataRecords) leases = {};
    autofree char *resource = text_format("content %s", digest);
    bool found = false;
    metadata_list(metadata, METADATA_LEASE, NULL, &leases);
    for (size_t i = 0; i < leases.n; i++)
        for (size_t j = 0; !found && j < leases.item[i]->resources.n; j++)
            found = text_equal(leases.item[i]->resources.item[j], resource);
    return found;
}

bool blob_is_known(Metadata *metadata, const char *digest) {
    autodone(MetadataRecords) spaces = {};
    metadata_list(metadata, METADATA_NAMESPACE, "", &spaces);
    for (size_t i = 0; i < spaces.n; i++)
        if (metadata_has(metadata, METADATA_CONTENT, spaces.item[i]->name, digest))
            return true;
    return is_leased(metadata, digest);
}

static bool keep_file(void *user, const char *name) {
    const JsonTexts *names = user;
    for (size_t i = 0; i < names->n; i++)
        if (text_equal(names->item[i], name))
            return true;
    return false;
}

int blob_sweep(Metadata *metadata, Content *content, Error *err) {
    autodone(MetadataRecords) ingests = {};
    autodone(JsonTexts) names = {};
    metadata_list(metadata, METADATA_INGEST, NULL, &ingests);
    for (size_t i = 0; i < ingests.n; i++) {
        autofree char *file = file_of(ingests.item[i]->space, ingests.item[i]->name);
        json_texts_add(&names, file);
    }
    return ingest_sweep(content, keep_file, &names, err);
}
