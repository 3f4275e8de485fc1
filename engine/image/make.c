// SPDX-License-Identifier: Apache-2.0
#include "engine/image/make.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/content/ingest.h"
#include "engine/image/bring.h"
#include "engine/image/document.h"
#include "engine/image/lease.h"

typedef struct Making {
    Images *images;
    const ImageMake *make;
    char *lease;
    OciImage image;
    OciManifest manifest;
    Reference name;
    bool named;
    Platform platform;
    char blob[DIGEST_TEXT_SIZE];
    uint64_t blob_size;
    LayerPacked packed;
} Making;

static void making_done(Making *making) {
    oci_image_done(&making->image);
    oci_manifest_done(&making->manifest);
    reference_done(&making->name);
    free(making->lease);
}
CLEANUP_DEFINE_DONE(Making, making_done)

static int check_name(Making *making, Error *err) {
    if (text_is_empty(making->make->name))
        return 0;
    TRY(reference_parse_tag(making->make->name, &making->name, err));
    making->named = true;
    return 0;
}

/* The parent's documents; they are small and still kept by its record. */
static int load_parent(Making *making, Error *err) {
    autoptr(Image) parent = NULL;
    autodone(Text) body = {};
    TRY(image_load(making->images, making->make->parent, &parent, err));
    lease_add_blob(making->images, making->lease, parent->id);
    if (parent->chain_id)
        lease_add_chain(making->images, making->lease, parent->chain_id);
    TRY(content_read(making->images->content, parent->manifest, DOCUMENT_MAX, &body, err));
    TRY(document_decode_manifest(&body, &making->manifest, err));
    making->image = parent->config;
    parent->config = (OciImage){};
    return 0;
}

static int begin_empty(Making *making, Error *err) {
    Platform platform;
    TRY(platform_parse(making->make->platform, &platform, err));
    making->image.os = text_copy(platform.os);
    making->image.architecture = text_copy(platform.architecture);
    making->image.variant = *platform.variant ? text_copy(platform.variant) : NULL;
    making->image.rootfs = new (OciRootfs);
    making->image.rootfs->type = text_copy("layers");
    return 0;
}

static int write_blob(void *user, const void *data, size_t n, Error *err) {
    return ingest_write(user, data, n, err);
}

/* First the lease, then the blob: so no sweep comes between. */
static int write_layer(Making *making, Error *err) {
    autoptr(Ingest) ingest = NULL;
    Content *content = making->images->content;
    LayerPack pack = making->make->layer;
    autofree char *file = text_format("ref-%s", making->lease);
    TRY(ingest_open(content, file, &ingest, err));
    pack.program = making->images->pack_program;
    pack.compression = COMPRESSION_GZIP;
    pack.write = write_blob;
    pack.user = ingest;
    int code = layer_pack(&pack, &making->packed, err);
    if (code == 0 && making->make->confirm)
        code = making->make->confirm(making->make->confirm_user, err);
    if (code == 0) {
        ingest_digest(ingest, making->blob);
        making->blob_size = ingest_offset(ingest);
        lease_add_blob(making->images, making->lease, making->blob);
        code = ingest_commit(ingest, err);
    }
    if (code < 0) {
        Error ignored;
        ingest_close(take_ptr(&ingest));
        ingest_remove(content, file, &ignored);
    }
    return code;
}

static char *media_type_of(const char *of_parent) {
    static const struct {
        const char *docker, *oci;
    } types[] = {
        {DOCKER_MEDIA_LAYER, OCI_MEDIA_LAYER "+gzip"},
        {"application/vnd.docker.image.rootfs.diff.tar", OCI_MEDIA_LAYER},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_MEDIA_LAYER "+zstd"},
    };
    for (size_t i = 0; i < array_size(types); i++)
        if (text_equal(types[i].docker, of_parent))
            return text_copy(types[i].oci);
    return text_copy(of_parent);
}

/* A layer in which nothing is adds nothing. */
static bool is_empty(const Making *making) {
    return making->make->layer.mode != PACK_COPY && making->packed.entries == 0;
}

static void describe_layer(Making *making) {
    OciDescriptor *layers = making->manifest.layers.item;
    for (size_t i = 0; i < making->manifest.layers.n; i++) {
        char *type = media_type_of(layers[i].media_type);
        free(layers[i].media_type);
        layers[i].media_type = type;
    }
    if (is_empty(making))
        return;
    OciDescriptor *layer = json_objects_add(&making->manifest.layers, &oci_descriptor_type);
    layer->media_type = text_copy(OCI_MEDIA_LAYER "+gzip");
    layer->digest = text_copy(making->blob);
    layer->size = (JsonUint){true, making->blob_size};
    json_texts_add(&making->image.rootfs->diff_ids, making->packed.diff_id);
}

static void set_text(char **text, const char *value) {
    free(*text);
    *text = text_is_empty(value) ? NULL : text_copy(value);
}

static void describe_image(Making *making) {
    const ImageMake *make = making->make;
    OciImage *image = &making->image;
    char now[TIME_TEXT_SIZE];
    time_format(time_now(), now);
    set_text(&image->created, now);
    set_text(&image->author, make->author);
    set_text(&image->comment, make->comment);
    set_text(&image->docker_version, NULL);
    set_text(&image->container, NULL);
    set_text(&image->parent, NULL);
    OciHistory *row = json_objects_add(&image->history, &oci_history_type);
    row->created = text_copy(now);
    row->created_by = text_copy(make->created_by);
    set_text(&row->author, make->author);
    set_text(&row->comment, make->comment);
    row->empty_layer = (JsonBool){is_empty(making), is_empty(making)};
}

static void take_config(OciImage *image, OciImageConfig **config) {
    if (image->config)
        json_done(&oci_image_config_type, image->config);
    free(image->config);
    image->config = take_ptr(config);
}

static int put_document(Making *making, Bring *bring, const JsonType *type, const void *document,
    Text *ret_body, char ret_digest[DIGEST_TEXT_SIZE], Error *err) {
    autofree char *json = json_encode(type, document, 0);
    text_append(ret_body, json);
    digest_of(ret_body->data, ret_body->length, ret_digest);
    return bring_document(bring, ret_digest, ret_body, err);
}

static int register_made(Making *making, Bring *bring, char **ret_id, Error *err) {
    autodone(Text) config = {}, manifest = {};
    char digest[DIGEST_TEXT_SIZE];
    OciManifest *document = &making->manifest;
    Brought brought = {};
    TRY(put_document(making, bring, &oci_image_type, &making->image, &config, digest, err));
    if (document->config)
        json_done(&oci_descriptor_type, document->config);
    else
        document->config = new (OciDescriptor);
    document->config->media_type = text_copy(OCI_MEDIA_CONFIG);
    document->config->digest = text_copy(digest);
    document->config->size = (JsonUint){true, config.length};
    document->schema_version = (JsonUint){true, 2};
    set_text(&document->media_type, OCI_MEDIA_MANIFEST);
    TRY(put_document(making, bring, &oci_manifest_type, document, &manifest, digest, err));
    TRY(bring_manifest(bring, digest, &manifest, &brought, err));
    *ret_id = brought.id;
    return 0;
}

static int make_leased(Making *making, ImageMake *make, char **ret_id, Error *err) {
    const Reference *name = &making->name;
    Progress progress;
    TRY(make->parent ? load_parent(making, err) : begin_empty(making, err));
    TRY(write_layer(making, err));
    describe_layer(making);
    describe_image(making);
    take_config(&making->image, &make->config);
    progress_init(&progress, NULL, NULL);
    Bring bring = {
        .images = making->images,
        .progress = &progress,
        .lease = making->lease,
        .platform = &making->platform,
        .parent = make->parent,
        .names = &name,
        .names_n = making->named,
    };
    int code = register_made(making, &bring, ret_id, err);
    json_texts_done(&bring.blobs);
    progress_done(&progress);
    return code;
}

static void config_free(OciImageConfig *config) {
    if (config)
        json_done(&oci_image_config_type, config);
    free(config);
}

int image_make(Images *images, ImageMake *make, char **ret_id, Error *err) {
    char random[17];
    text_random_hex(random, 8);
    autodone(Making) making = {.images = images, .make = make};
    making.lease = text_format("make-%s", random);
    int code = check_name(&making, err);
    if (code == 0)
        code = platform_parse(NULL, &making.platform, err);
    if (code == 0) {
        lease_begin(images, making.lease);
        code = make_leased(&making, make, ret_id, err);
        if (code < 0)
            lease_abandon(images, making.lease);
    }
    config_free(take_ptr(&make->config));
    return code;
}
