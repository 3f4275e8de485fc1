// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/archive.h"
#include "engine/image/document.h"
#include "engine/metadata/check.h"
#include "engine/metadata/diff.h"
#include "engine/metadata/lease.h"

#define LABEL_CONTENT "containerd.io/gc.ref.content."

/* One fetch under way. */
typedef struct Session {
    const Fetch *fetch;
    Metadata *metadata;
    Content *content;
    Registry *registry;
    Reference reference;
    Platform platform;
    char lease[FETCH_LEASE_SIZE];
    char *chosen; /* name of the manifest */
    OciManifest manifest;
    OciImage config;
} Session;

static void tell(const Session *session, const FetchProgress *progress) {
    if (session->fetch->listener)
        session->fetch->listener(session->fetch->user, progress);
}

/* Where a document or a blob is in the tree. */
typedef struct Place {
    const char *parent;
    int depth;
} Place;

static char *name_of(const char *kind, const char *digest) {
    return text_format("%s-%s", kind, digest);
}

/* Something of the tree, with all that is known of it. */
typedef struct Thing {
    const OciDescriptor *descriptor;
    const char *kind, *parent;
} Thing;

static void tell_thing(
    const Session *session, const char *event, const Thing *thing, uint64_t done) {
    autofree char *name = name_of(thing->kind, thing->descriptor->digest);
    tell(session, &(FetchProgress){
                      .event = event,
                      .name = name,
                      .parent = thing->parent,
                      .media_type = thing->descriptor->media_type,
                      .digest = thing->descriptor->digest,
                      .done = (int64_t)done,
                      .total = (int64_t)thing->descriptor->size.value,
                  });
}

static OciDescriptor describe(RegistryManifest *document) {
    return (OciDescriptor){
        .media_type = document->media_type,
        .digest = document->digest,
        .size = {true, document->body.length},
    };
}

static void tell_document(
    const Session *session, const char *kind, RegistryManifest *document, const char *parent) {
    const OciDescriptor descriptor = describe(document);
    tell_thing(session, "complete", &(Thing){&descriptor, kind, parent}, document->body.length);
}

int fetch_make_lease(
    const Trees *trees, const char *space, char ret[FETCH_LEASE_SIZE], Error *err) {
    char id[17];
    text_random_hex(id, 8);
    snprintf(ret, FETCH_LEASE_SIZE, "transfer-%s", id);
    return metadata_create(trees->metadata, metadata_record_new(METADATA_LEASE, space, ret), err);
}

/* What the namespace has already only gets its labels. */
typedef struct Blob {
    const char *digest;
    int64_t size;
    JsonMap labels;
} Blob;

static int add_labels(MetadataRecord *record, void *user, Error *err) {
    const Blob *blob = user;
    for (size_t i = 0; i < blob->labels.n; i++)
        json_map_set(&record->labels, blob->labels.key[i], blob->labels.value[i]);
    return check_labels(&record->labels, err);
}

static int record(Session *session, Blob *blob, Error *err) {
    const char *space = session->fetch->space;
    if (session->registry) {
        autofree char *source = text_format(LABEL_SOURCE "%s", session->reference.domain);
        json_map_set(&blob->labels, source, session->reference.path);
    }
    MetadataRecord *made = metadata_record_new(METADATA_CONTENT, space, blob->digest);
    made->size = (JsonInt){true, blob->size};
    labels_copy(&made->labels, &blob->labels);
    int code = metadata_create(session->metadata, made, err);
    if (code == ERROR_EXISTS)
        code = metadata_update(
            session->metadata, METADATA_CONTENT, space, blob->digest, add_labels, blob, NULL, err);
    json_map_done(&blob->labels);
    return code;
}

/* The lease first: from then on no sweep takes the blob. */
static int hold(const Session *session, const char *digest, Error *err) {
    return lease_add(
        session->metadata, session->fetch->space, session->lease, "content", digest, err);
}

typedef struct Report {
    const Session *session;
    const Thing *thing; /* NULL: a document, which is told of when it has been read */
} Report;

static int report(void *user, uint64_t current) {
    const Report *self = user;
    if (self->thing)
        tell_thing(self->session, "downloading", self->thing, current);
    return 0;
}

static int download(
    Session *session, const OciDescriptor *descriptor, const Thing *thing, Error *err) {
    autoptr(ContentWriter) writer = NULL;
    Report reporting = {session, thing};
    if (!session->registry)
        return content_has(session->content, descriptor->digest)
                   ? 0
                   : archive_take_blob(session->content, session->fetch->archive, descriptor, err);
    int there = content_writer_open(
        session->content, descriptor->digest, descriptor->size.value, &writer, err);
    if (there != 0)
        return there < 0 ? there : 0;
    TRY(registry_get_blob(session->registry, writer, report, &reporting, err));
    return content_writer_commit(writer, err);
}

static int bring_blob(Session *session, const Thing *thing, Error *err) {
    const OciDescriptor *descriptor = thing->descriptor;
    TRY(hold(session, descriptor->digest, err));
    bool there = content_has(session->content, descriptor->digest);
    if (!there)
        tell_thing(session, "waiting", thing, 0);
    TRY(download(session, descriptor, thing, err));
    tell_thing(session, there ? "already exists" : "complete", thing, descriptor->size.value);
    return 0;
}

static int keep_document(Session *session, const RegistryManifest *document, Error *err) {
    TRY(hold(session, document->digest, err));
    return content_put(
        session->content, document->body.data, document->body.length, document->digest, err);
}

static void refer(JsonMap *labels, const char *name, const char *digest) {
    autofree char *key = text_format(LABEL_CONTENT "%s", name);
    json_map_set(labels, key, digest);
}

static void refer_numbered(JsonMap *labels, const char *kind, size_t i, const char *digest) {
    autofree char *name = text_format("%s.%zu", kind, i);
    refer(labels, name, digest);
}

static int record_index(
    Session *session, const RegistryManifest *document, const OciIndex *index, Error *err) {
    const OciDescriptor *child = index->manifests.item;
    Blob blob = {document->digest, (int64_t)document->body.length, {}};
    for (size_t i = 0; i < index->manifests.n; i++)
        refer_numbered(&blob.labels, "m", i, child[i].digest);
    return record(session, &blob, err);
}

static int bring_manifest(Session *session, RegistryManifest *document, const char *parent,
    bool layers, OciManifest *manifest, Error *err) {
    autofree char *self = name_of("manifest", document->digest);
    TRY(document_decode_any(&document->body, manifest, err));
    const OciDescriptor *layer = manifest->layers.item;
    Blob blob = {document->digest, (int64_t)document->body.length, {}};
    refer(&blob.labels, "config", manifest->config->digest);
    for (size_t i = 0; i < manifest->layers.n; i++)
        refer_numbered(&blob.labels, "l", i, layer[i].digest);
    TRY(record(session, &blob, err));
    tell_document(session, "manifest", document, parent);
    TRY(bring_blob(session, &(Thing){manifest->config, "config", self}, err));
    for (size_t i = 0; layers && i < manifest->layers.n; i++) {
        Blob layer_blob = {layer[i].digest, (int64_t)layer[i].size.value, {}};
        TRY(bring_blob(session, &(Thing){&layer[i], "layer", self}, err));
        TRY(record(session, &layer_blob, err));
    }
    return 0;
}

/* The one that is unpacked, if it is an image; its config is recorded then. */
static int bring_chosen(
    Session *session, RegistryManifest *document, const char *parent, Error *err) {
    const OciManifest *manifest = &session->manifest;
    autodone(Text) text = {};
    session->chosen = name_of("manifest", document->digest);
    TRY(bring_manifest(session, document, parent, true, &session->manifest, err));
    if (!document_is_image(manifest))
        return 0;
    if (session->fetch->unpack)
        TRY(document_check_image(manifest, err));
    TRY(content_read(session->content, manifest->config->digest, DOCUMENT_CONFIG_MAX, &text, err));
    return document_decode_config(&text, manifest->layers.n, &session->config, err);
}

/* A document by its descriptor, from the archive or the registry. */
static int get_document(
    Session *session, const OciDescriptor *descriptor, RegistryManifest *ret, Error *err) {
    if (session->registry)
        return registry_get_manifest(session->registry, descriptor->digest, ret, err);
    TRY(document_check_descriptor(descriptor, DOCUMENT_MAX, err));
    TRY(hold(session, descriptor->digest, err));
    TRY(download(session, descriptor, NULL, err));
    TRY(content_read(session->content, descriptor->digest, DOCUMENT_MAX, &ret->body, err));
    DocumentKind kind;
    TRY(document_classify(descriptor->media_type, &ret->body, &kind, err));
    ret->media_type = document_media_type(&ret->body, kind);
    snprintf(ret->digest, sizeof(ret->digest), "%s", descriptor->digest);
    return 0;
}

enum {
    DEPTH_MAX = 4
};

/* What an index has besides: for other platforms, or about its images. */
static int bring_other(Session *session, const OciDescriptor *other, Place place, Error *err) {
    autodone(RegistryManifest) document = {};
    DocumentKind kind;
    TRY(get_document(session, other, &document, err));
    TRY(document_classify(document.media_type, &document.body, &kind, err));
    TRY(keep_document(session, &document, err));
    if (kind == DOCUMENT_MANIFEST) {
        autodone(OciManifest) manifest = {};
        TRY(bring_manifest(
            session, &document, place.parent, session->fetch->all_platforms, &manifest, err));
        Blob config = {manifest.config->digest, (int64_t)manifest.config->size.value, {}};
        return record(session, &config, err);
    }
    autodone(OciIndex) index = {};
    TRY(document_decode_index(&document.body, &index, err));
    TRY(record_index(session, &document, &index, err));
    tell_document(session, "index", &document, place.parent);
    autofree char *self = name_of("index", document.digest);
    const OciDescriptor *child = index.manifests.item;
    for (size_t i = 0; place.depth < DEPTH_MAX && i < index.manifests.n; i++)
        TRY(bring_other(session, &child[i], (Place){self, place.depth + 1}, err));
    return 0;
}

static int bring_others(
    Session *session, const OciIndex *index, const OciDescriptor *chosen, Place place, Error *err) {
    const Fetch *fetch = session->fetch;
    const OciDescriptor *child = index->manifests.item;
    for (size_t i = 0; (fetch->all_platforms || fetch->all_metadata) && i < index->manifests.n; i++)
        if (&child[i] != chosen)
            TRY(bring_other(session, &child[i], place, err));
    return 0;
}

/* Follows indexes to the manifest for the platform. */
static int bring_documents(Session *session, RegistryManifest *document, Error *err) {
    autofree char *parent = text_copy(session->fetch->reference);
    for (int depth = 0;; depth++) {
        DocumentKind kind;
        TRY(document_classify(document->media_type, &document->body, &kind, err));
        TRY(keep_document(session, document, err));
        if (kind == DOCUMENT_MANIFEST)
            return bring_chosen(session, document, parent, err);
        autodone(OciIndex) index = {};
        TRY(document_decode_index(&document->body, &index, err));
        TRY(record_index(session, document, &index, err));
        tell_document(session, "index", document, parent);
        free(parent);
        parent = name_of("index", document->digest);
        const OciDescriptor *child = platform_choose(&session->platform, &index);
        if (!child || depth == DEPTH_MAX)
            return error_set(err, ERROR_NOT_FOUND, "no match for platform in manifest: not found");
        TRY(bring_others(session, &index, child, (Place){parent, depth + 1}, err));
        RegistryManifest next = {};
        int code = get_document(session, child, &next, err);
        registry_manifest_done(document);
        *document = next;
        TRY(code);
    }
}

static int apply(Session *session, const char *key, size_t i, Error *err) {
    const Fetch *fetch = session->fetch;
    const OciDescriptor *layer = session->manifest.layers.item;
    autoptr(MetadataRecord) blob = NULL;
    autodone(SnapshotMount) mount = {};
    DiffResult result;
    TRY(metadata_find(
        session->metadata, METADATA_CONTENT, fetch->space, layer[i].digest, &blob, err));
    TRY(tree_mounts(fetch->trees, fetch->space, key, &mount, err));
    TRY(diff_apply(fetch->trees, fetch->images, blob, &mount, &result, err));
    if (!text_equal(result.digest, session->config.rootfs->diff_ids.item[i]))
        return error_set(err, ERROR_CORRUPT, "wrong diff id %s calculated on extraction %s",
            result.digest, session->config.rootfs->diff_ids.item[i]);
    return 0;
}

static int unpack_layer(Session *session, const char *parent, char *chain, size_t i, Error *err) {
    const Fetch *fetch = session->fetch;
    autofree char *key = text_format("extract-%s %s", session->lease, chain);
    const SnapshotInfo active = {
        .key = key, .parent = (char *)(uintptr_t)parent, .kind = SNAPSHOT_ACTIVE};
    const SnapshotInfo committed = {.key = chain};
    autodone(SnapshotInfo) known = {};
    Error ignored;
    autofree char *type = text_format("snapshots/%s", fetch->trees->snapshotter);
    TRY(lease_add(session->metadata, fetch->space, session->lease, type, chain, err));
    if (tree_stat(fetch->trees, fetch->space, chain, &known, &ignored) == 0)
        return 0;
    TRY(tree_make(fetch->trees, fetch->space, session->lease, &active, err));
    int code = apply(session, key, i, err);
    if (code == 0)
        code = tree_commit(fetch->trees, fetch->space, session->lease, key, &committed, err);
    if (code < 0)
        tree_remove(fetch->trees, fetch->space, key, &ignored);
    return code == ERROR_EXISTS ? 0 : code;
}

/* The config comes last: its label keeps the topmost snapshot. */
static int unpack(Session *session, Error *err) {
    static const JsonTexts none;
    const OciRootfs *rootfs = session->config.rootfs; /* NULL: of no image */
    const JsonTexts *diff_ids = session->fetch->unpack && rootfs ? &rootfs->diff_ids : &none;
    const OciDescriptor *layer = session->manifest.layers.item;
    autofree char *parent = NULL;
    for (size_t i = 0; i < diff_ids->n; i++) {
        char *chain = document_chain_id(diff_ids, i + 1);
        int code = unpack_layer(session, parent, chain, i, err);
        free(parent);
        parent = chain;
        TRY(code);
        tell_thing(session, "extracted", &(Thing){&layer[i], "layer", session->chosen},
            layer[i].size.value);
    }
    const OciDescriptor *config = session->manifest.config;
    Blob blob = {config->digest, (int64_t)config->size.value, {}};
    autofree char *label =
        text_format("containerd.io/gc.ref.snapshot.%s", session->fetch->trees->snapshotter);
    if (parent)
        json_map_set(&blob.labels, label, parent);
    return record(session, &blob, err);
}

typedef struct Pointing {
    const MetadataRecord *target;
    const JsonMap *labels;
} Pointing;

static void point(MetadataRecord *image, const Pointing *pointing) {
    free(image->digest);
    free(image->media_type);
    image->digest = text_copy(pointing->target->digest);
    image->media_type = text_copy(pointing->target->media_type);
    image->size = pointing->target->size;
    json_map_done(&image->labels);
    labels_copy(&image->labels, pointing->labels);
}

static int change_target(MetadataRecord *image, void *user, Error *err) {
    point(image, user);
    return check_labels(&image->labels, err);
}

int image_point(Metadata *metadata, const char *space, const char *name,
    const MetadataRecord *target, const JsonMap *labels, Error *err) {
    Pointing pointing = {target, labels};
    TRY(check_name("image name", name, err));
    TRY(check_labels(labels, err));
    MetadataRecord *image = metadata_record_new(METADATA_IMAGE, space, name);
    point(image, &pointing);
    int code = metadata_create(metadata, image, err);
    return code == ERROR_EXISTS ? metadata_update(metadata, METADATA_IMAGE, space, name,
                                      change_target, &pointing, NULL, err)
                                : code;
}

static MetadataRecord *target_of(const Fetch *fetch, const RegistryManifest *document) {
    const char *name = fetch->name ? fetch->name : ""; /* it is only pointed at, never stored */
    MetadataRecord *target = metadata_record_new(METADATA_IMAGE, fetch->space, name);
    target->digest = text_copy(document->digest);
    target->media_type = text_copy(document->media_type);
    target->size = (JsonInt){true, (int64_t)document->body.length};
    return target;
}

static int name(const Session *session, const MetadataRecord *target, Error *err) {
    const Fetch *fetch = session->fetch;
    if (!fetch->name)
        return 0;
    TRY(image_point(session->metadata, fetch->space, fetch->name, target, &fetch->labels, err));
    tell(session, &(FetchProgress){
                      .event = "saved",
                      .name = fetch->name,
                      .media_type = target->media_type,
                      .digest = target->digest,
                      .total = target->size.value,
                  });
    return 0;
}

static int bring(Session *session, Error *err) {
    const Fetch *fetch = session->fetch;
    autodone(RegistryManifest) document = {};
    const Reference *reference = &session->reference;
    const char *version = reference->digest ? reference->digest : reference->tag;
    TRY(fetch->from ? get_document(session, fetch->from, &document, err)
                    : registry_get_manifest(session->registry, version, &document, err));
    autoptr(MetadataRecord) target = target_of(fetch, &document);
    if (!fetch->from)
        tell(session, &(FetchProgress){
                          .event = "fetching image content",
                          .name = fetch->reference,
                          .media_type = target->media_type,
                          .digest = target->digest,
                          .total = target->size.value,
                      });
    TRY(bring_documents(session, &document, err));
    TRY(unpack(session, err));
    return name(session, target, err);
}

static int run(Session *session, Error *err) {
    const Fetch *fetch = session->fetch;
    TRY(platform_parse(fetch->platform, &session->platform, err));
    if (!fetch->from) {
        TRY(reference_parse(fetch->reference, &session->reference, err));
        TRY(registry_open(
            fetch->registry, &session->reference, fetch->credentials, &session->registry, err));
    }
    if (fetch->lease)
        return bring(session, err);
    TRY(fetch_make_lease(fetch->trees, fetch->space, session->lease, err));
    Error ignored;
    int code = bring(session, err);
    metadata_remove(session->metadata, METADATA_LEASE, fetch->space, session->lease, &ignored);
    return code;
}

static Session session_of(const Fetch *fetch) {
    Session session = {
        .fetch = fetch,
        .metadata = fetch->trees->metadata,
        .content = images_content(fetch->images),
    };
    snprintf(session.lease, sizeof(session.lease), "%s", fetch->lease ? fetch->lease : "");
    return session;
}

int fetch_index(const Fetch *fetch, const Text *body, Error *err) {
    Session session = session_of(fetch);
    RegistryManifest document = {.media_type = (char[]){OCI_MEDIA_INDEX}, .body = *body};
    autodone(OciIndex) index = {};
    digest_of(body->data, body->length, document.digest);
    TRY(document_decode_index(body, &index, err));
    TRY(keep_document(&session, &document, err));
    TRY(record_index(&session, &document, &index, err));
    autoptr(MetadataRecord) target = target_of(fetch, &document);
    return name(&session, target, err);
}

int fetch_image(const Fetch *fetch, Error *err) {
    Session session = session_of(fetch);
    int code = run(&session, err);
    free(session.chosen);
    registry_close(session.registry);
    reference_done(&session.reference);
    oci_manifest_done(&session.manifest);
    oci_image_done(&session.config);
    return code;
}
