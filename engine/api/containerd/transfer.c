// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/progress.h"
#include "engine/api/containerd/stream.h"
#include "engine/api/containerd/stream_bytes.h"
#include "engine/metadata/deliver.h"
#include "engine/metadata/import.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/transfer.methods.h"
#include "proto/containerd/services/transfer.pb-c.h"
#include "proto/containerd/types/transfer-imagestore.pb-c.h"
#include "proto/containerd/types/transfer-importexport.pb-c.h"
#include "proto/containerd/types/transfer-registry.pb-c.h"

/* containerd.services.transfer.v1.Transfer: from a registry to a name, from a name to another, to a
 * registry, and from and into an archive. */
CONTAINERD_TRANSFER_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_transfer_service, CONTAINERD_TRANSFER_METHODS,
    containerd__transfer__transfer__descriptor);

typedef Containerd__Transfer__ImageStore ImageStore;
typedef Containerd__Transfer__OCIRegistry OciRegistry;

enum {
    PLATFORMS_MAX = 64
};

static int ask(const OciRegistry *source, LentStream *stream, ProtobufCMessage **ret, Error *err) {
    Containerd__Transfer__AuthRequest request;
    autofree char *host = text_copy_n(source->reference, strcspn(source->reference, "/"));
    containerd__transfer__auth_request__init(&request);
    request.host = host;
    request.reference = source->reference;
    TRY(stream_send(stream, &request.base, err));
    return stream_receive(stream, &containerd__transfer__auth_response__descriptor, ret, err);
}

/* The client answers from what its user said; no answer is none. */
static void take_credentials(
    const Containerd__Transfer__AuthResponse *answer, RegistryCredentials *ret) {
    if (!answer)
        return;
    if (answer->authtype == CONTAINERD__TRANSFER__AUTH_TYPE__CREDENTIALS)
        *ret = (RegistryCredentials){.username = answer->username, .password = answer->secret};
    if (answer->authtype == CONTAINERD__TRANSFER__AUTH_TYPE__REFRESH)
        *ret = (RegistryCredentials){.identity_token = answer->secret};
}

/* "http" as the scheme of this pull only: the registry joins the insecure ones, whose list is the
 * caller's to release. A directory of hosts.toml files takes the place of ours. The rest is
 * borrowed. */
static RegistryConfig registry_of(const ContainerdServices *services, const OciRegistry *source) {
    RegistryConfig config = services->config->registry;
    const JsonTexts *known = &services->config->registry.insecure;
    config.insecure = (JsonTexts){};
    for (size_t i = 0; i < known->n; i++)
        json_texts_add(&config.insecure, known->item[i]);
    if (source->resolver && text_equal(source->resolver->default_scheme, "http")) {
        autofree char *host = text_copy_n(source->reference, strcspn(source->reference, "/"));
        json_texts_add(&config.insecure, host);
    }
    if (source->resolver && !text_is_empty(source->resolver->host_dir))
        config.directories = (JsonTexts){.n = 1, .item = &source->resolver->host_dir};
    return config;
}

/* "os/architecture/variant" of each; to be released by json_texts_done. */
static JsonTexts platforms_of(Containerd__Types__Platform *const *platforms, size_t n) {
    JsonTexts texts = {};
    for (size_t i = 0; i < n && i < PLATFORMS_MAX; i++) {
        const Containerd__Types__Platform *platform = platforms[i];
        autofree char *text = text_format("%s/%s%s%s", platform->os, platform->architecture,
            text_is_empty(platform->variant) ? "" : "/", platform->variant);
        json_texts_add(&texts, text);
    }
    return texts;
}

/* Those that are unpacked are among those that are brought. */
static JsonTexts platforms_to_bring(const ImageStore *store) {
    return store->n_platforms == 0 && store->n_unpacks > 0 && store->unpacks[0]->platform
               ? platforms_of(&store->unpacks[0]->platform, 1)
               : platforms_of(store->platforms, store->n_platforms);
}

/* Who is asked for, when the client has named a stream for that. */
typedef struct Login {
    RegistryCredentials credentials;
    ProtobufCMessage *answer;
} Login;

static void login_done(Login *login) {
    if (login->answer)
        protobuf_c_message_free_unpacked(login->answer, NULL);
}
CLEANUP_DEFINE_DONE(Login, login_done)

static int log_in(const Caller *caller, const OciRegistry *registry, Login *ret, Error *err) {
    autoptr(LentStream) auth = NULL;
    if (registry->resolver)
        TRY(stream_borrow(caller, registry->resolver->auth_stream, &auth, err));
    if (auth)
        TRY(ask(registry, auth, &ret->answer, err));
    take_credentials((const void *)ret->answer, &ret->credentials);
    return 0;
}

/* Each platform by itself: what the first one brought is held by the image's record. */
static int pull_platforms(
    const Fetch *like, const ImageStore *store, const JsonTexts *platforms, Error *err) {
    Fetch fetch = *like;
    size_t i = 0;
    do {
        fetch.platform = platforms->n > 0 ? platforms->item[i] : NULL;
        fetch.all_platforms = store->n_platforms == 0;
        TRY(fetch_image(&fetch, err));
    } while (++i < platforms->n);
    return 0;
}

static int pull(RpcCall *call, const Caller *caller, const OciRegistry *source,
    const ImageStore *store, LentStream *progress, Error *err) {
    autodone(JsonTexts) platforms = platforms_to_bring(store);
    autodone(Login) login = {};
    TRY(log_in(caller, source, &login, err));
    RegistryConfig registry = registry_of(caller->services, source);
    const Fetch fetch = {
        .trees = caller->trees,
        .images = caller->services->images,
        .registry = &registry,
        .credentials = &login.credentials,
        .space = caller->space,
        .reference = source->reference,
        .name = store->name,
        .unpack = store->n_unpacks > 0,
        .all_metadata = store->all_metadata,
        .labels = message_take_map(call, store->labels, store->n_labels),
        .listener = progress_fetched,
        .user = progress,
    };
    progress_tell(progress, "Pulling from OCI Registry (%s)", source->reference);
    int code = pull_platforms(&fetch, store, &platforms, err);
    if (code == 0)
        progress_tell(progress, "Completed pull from OCI Registry (%s)", source->reference);
    json_texts_done(&registry.insecure);
    return code;
}

static int push(const Caller *caller, const ImageStore *source, const OciRegistry *target,
    LentStream *progress, Error *err) {
    autodone(JsonTexts) platforms = platforms_of(source->platforms, source->n_platforms);
    autodone(Login) login = {};
    autoptr(MetadataRecord) image = NULL;
    TRY(records_find(caller, METADATA_IMAGE, source->name, &image, err));
    TRY(log_in(caller, target, &login, err));
    RegistryConfig registry = registry_of(caller->services, target);
    PushReport report = {progress, image};
    const Delivery delivery = {caller->services->metadata, caller->services->images, caller->space,
        &platforms, platforms.n == 0};
    const DeliveryPush what = {
        .registry = &registry,
        .credentials = &login.credentials,
        .image = source->name,
        .reference = target->reference,
        .listener = progress_pushed,
        .user = &report,
    };
    progress_tell(progress, "Pushing to OCI Registry (%s)", target->reference);
    progress_push(&report, "pushing content");
    int code = deliver_push(&delivery, &what, err);
    if (code == 0) {
        progress_push(&report, "pushed content");
        progress_tell(progress, "Completed push to OCI Registry (%s)", target->reference);
    }
    json_texts_done(&registry.insecure);
    return code;
}

/* The store's name, and further ones. */
static char **names_of(RpcCall *call, const ImageStore *source, size_t *ret_n) {
    char **names = rpc_call_alloc(call, (source->n_extra_references + 2) * sizeof(char *));
    size_t n = 0;
    if (!text_is_empty(source->name))
        names[n++] = source->name;
    for (size_t i = 0; i < source->n_extra_references; i++)
        names[n++] = source->extra_references[i]->name;
    *ret_n = n;
    return names;
}

static int export(RpcCall *call, const Caller *caller, const ImageStore *source,
    const Containerd__Transfer__ImageExportStream *target, LentStream *progress, Error *err) {
    autoptr(LentStream) stream = NULL;
    autodone(ByteStream) bytes = {};
    autodone(JsonTexts) platforms = platforms_of(target->platforms, target->n_platforms);
    size_t n;
    char **names = names_of(call, source, &n);
    const Delivery delivery = {caller->services->metadata, caller->services->images, caller->space,
        &platforms, target->all_platforms};
    TRY(stream_borrow(caller, target->stream, &stream, err));
    if (!stream || n == 0)
        return error_set(
            err, ERROR_INVALID, "an export needs a stream and images: invalid argument");
    bytes.stream = stream;
    progress_tell(progress, "Exporting");
    TRY(deliver_archive(
        &delivery, names, n, target->skip_compatibility_manifest, byte_stream_write, &bytes, err));
    TRY(byte_stream_finish_tar(&bytes, err));
    progress_tell(progress, "Completed export");
    return 0;
}

static int import(RpcCall *call, const Caller *caller,
    const Containerd__Transfer__ImageImportStream *source, const ImageStore *store,
    LentStream *progress, Error *err) {
    autoptr(LentStream) stream = NULL;
    autodone(ByteStream) bytes = {};
    autodone(JsonTexts) platforms = platforms_to_bring(store);
    TRY(stream_borrow(caller, source->stream, &stream, err));
    if (!stream || store->n_extra_references != 1 || !store->extra_references[0]->is_prefix)
        return error_set(err, ERROR_UNSUPPORTED,
            "an import needs a stream and one prefix for names: not implemented");
    const Containerd__Transfer__ImageReference *names = store->extra_references[0];
    bytes.stream = stream;
    const Import import = {
        .like =
            {
                .trees = caller->trees,
                .images = caller->services->images,
                .space = caller->space,
                .platform = platforms.n > 0 ? platforms.item[0] : NULL,
                .unpack = store->n_unpacks > 0,
                .all_platforms = store->n_platforms == 0,
                .labels = message_take_map(call, store->labels, store->n_labels),
                .listener = progress_fetched,
                .user = progress,
            },
        .prefix = names->name,
        .any_name = names->allow_overwrite,
        .digests = names->add_digest,
        .unless_named = names->skip_named_digest,
        .index_name = store->name,
        .reader = byte_stream_read,
        .user = &bytes,
    };
    progress_tell(progress, "Importing");
    TRY(import_images(&import, err));
    progress_tell(progress, "Completed import");
    return 0;
}

static int tag(RpcCall *call, const Caller *caller, const ImageStore *source,
    const ImageStore *store, Error *err) {
    autoptr(MetadataRecord) target = NULL;
    TRY(records_find(caller, METADATA_IMAGE, source->name, &target, err));
    const JsonMap labels = message_take_map(call, store->labels, store->n_labels);
    return image_point(
        caller->services->metadata, caller->space, store->name, target, &labels, err);
}

/* What is unpacked goes into the trees that the client names, if it does. */
static int choose_trees(RpcCall *call, Caller *caller,
    const Containerd__Transfer__TransferRequest *request, Error *err) {
    ProtobufCMessage *message =
        any_unpack(request->destination, &containerd__transfer__image_store__descriptor);
    const ImageStore *store = (const void *)message;
    int code = 0;
    caller->trees = &caller->services->trees;
    if (store && store->n_unpacks > 0 && !text_is_empty(store->unpacks[0]->snapshotter))
        code = caller_use(call, caller, store->unpacks[0]->snapshotter, err);
    protobuf_c_message_free_unpacked(message, NULL);
    return code;
}

static int transfer(RpcCall *call, const Caller *caller,
    const Containerd__Transfer__TransferRequest *request, LentStream *progress, Error *err) {
    ProtobufCMessage *registry =
        any_unpack(request->source, &containerd__transfer__ociregistry__descriptor);
    ProtobufCMessage *source =
        any_unpack(request->source, &containerd__transfer__image_store__descriptor);
    ProtobufCMessage *store =
        any_unpack(request->destination, &containerd__transfer__image_store__descriptor);
    ProtobufCMessage *up =
        any_unpack(request->destination, &containerd__transfer__ociregistry__descriptor);
    ProtobufCMessage *out =
        any_unpack(request->destination, &containerd__transfer__image_export_stream__descriptor);
    ProtobufCMessage *in =
        any_unpack(request->source, &containerd__transfer__image_import_stream__descriptor);
    int code;
    if (registry && store)
        code = pull(call, caller, (const void *)registry, (const void *)store, progress, err);
    else if (source && store)
        code = tag(call, caller, (const void *)source, (const void *)store, err);
    else if (in && store)
        code = import(call, caller, (const void *)in, (const void *)store, progress, err);
    else if (source && up)
        code = push(caller, (const void *)source, (const void *)up, progress, err);
    else if (source && out)
        code = export(call, caller, (const void *)source, (const void *)out, progress, err);
    else
        code = error_set(err, ERROR_UNSUPPORTED,
            "transfer from %.100s to %.100s: not implemented (ctr does it with --local)",
            request->source ? request->source->type_url : "nothing",
            request->destination ? request->destination->type_url : "nothing");
    protobuf_c_message_free_unpacked(registry, NULL);
    protobuf_c_message_free_unpacked(source, NULL);
    protobuf_c_message_free_unpacked(store, NULL);
    protobuf_c_message_free_unpacked(up, NULL);
    protobuf_c_message_free_unpacked(out, NULL);
    protobuf_c_message_free_unpacked(in, NULL);
    return code;
}

int api_containerd_transfer_transfer(RpcCall *call,
    const Containerd__Transfer__TransferRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    autoptr(LentStream) progress = NULL;
    TRY(caller_of(call, &caller, err));
    TRY(choose_trees(call, &caller, request, err));
    if (request->options)
        TRY(stream_borrow(&caller, request->options->progress_stream, &progress, err));
    return transfer(call, &caller, request, progress, err);
}
