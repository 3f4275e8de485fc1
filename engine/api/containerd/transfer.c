// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/stream.h"
#include "engine/api/containerd/stream_bytes.h"
#include "engine/metadata/deliver.h"
#include "engine/metadata/import.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/transfer.methods.h"
#include "proto/containerd/services/transfer.pb-c.h"
#include "proto/containerd/types/transfer-imagestore.pb-c.h"
#include "proto/containerd/types/transfer-importexport.pb-c.h"
#include "proto/containerd/types/transfer-progress.pb-c.h"
#include "proto/containerd/types/transfer-registry.pb-c.h"

/* containerd.services.transfer.v1.Transfer: from a registry to a name, from a name to another, to a
 * registry, and from and into an archive. */
CONTAINERD_TRANSFER_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_transfer_service, CONTAINERD_TRANSFER_METHODS,
    containerd__transfer__transfer__descriptor);

typedef Containerd__Transfer__ImageStore ImageStore;
typedef Containerd__Transfer__OCIRegistry OciRegistry;

static void tell(void *user, const char *event, const char *name, int64_t done, int64_t total) {
    Error gone;
    Containerd__Transfer__Progress progress;
    containerd__transfer__progress__init(&progress);
    progress.event = (char *)(uintptr_t)event;
    progress.name = (char *)(uintptr_t)name;
    progress.progress = done;
    progress.total = total;
    if (user)
        stream_send(user, &progress.base, &gone);
}

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
 * caller's to release. The rest is borrowed. */
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
    return config;
}

static char *platform_of(Containerd__Types__Platform *const *platforms, size_t n) {
    if (n == 0)
        return NULL;
    const Containerd__Types__Platform *platform = platforms[0];
    return text_format("%s/%s%s%s", platform->os, platform->architecture,
        text_is_empty(platform->variant) ? "" : "/", platform->variant);
}

static char *platform_to_unpack(const ImageStore *store) {
    return store->n_unpacks > 0 && store->unpacks[0]->platform
               ? platform_of(&store->unpacks[0]->platform, 1)
               : platform_of(store->platforms, store->n_platforms);
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

static int pull(RpcCall *call, const Caller *caller, const OciRegistry *source,
    const ImageStore *store, LentStream *progress, Error *err) {
    autofree char *platform = platform_to_unpack(store);
    autodone(Login) login = {};
    TRY(log_in(caller, source, &login, err));
    RegistryConfig registry = registry_of(caller->services, source);
    const Fetch fetch = {
        .trees = &caller->services->trees,
        .images = caller->services->images,
        .registry = &registry,
        .credentials = &login.credentials,
        .space = caller->space,
        .reference = source->reference,
        .name = store->name,
        .platform = platform,
        .unpack = store->n_unpacks > 0,
        .all_platforms = store->n_platforms == 0,
        .all_metadata = store->all_metadata,
        .labels = message_take_map(call, store->labels, store->n_labels),
        .listener = tell,
        .user = progress,
    };
    int code = fetch_image(&fetch, err);
    json_texts_done(&registry.insecure);
    return code;
}

static int tell_push(void *user, const PushProgress *progress) {
    static const char *const events[] = {
        [PUSH_PREPARING] = "preparing",
        [PUSH_WAITING] = "waiting",
        [PUSH_PUSHING] = "uploading",
        [PUSH_PUSHED] = "complete",
        [PUSH_EXISTS] = "exists",
        [PUSH_MOUNTED] = "mounted",
    };
    const char *event =
        (size_t)progress->phase < array_size(events) ? events[progress->phase] : NULL;
    if (!event || !progress->blob)
        return 0;
    autofree char *name = text_format("%s (%s)", progress->kind, progress->blob);
    tell(user, event, name, progress->current, progress->total);
    return 0;
}

static int push(const Caller *caller, const ImageStore *source, const OciRegistry *target,
    LentStream *progress, Error *err) {
    autofree char *platform = platform_of(source->platforms, source->n_platforms);
    autodone(Login) login = {};
    TRY(log_in(caller, target, &login, err));
    RegistryConfig registry = registry_of(caller->services, target);
    const Delivery delivery = {
        caller->services->metadata, caller->services->images, caller->space, platform, !platform};
    const DeliveryPush what = {
        .registry = &registry,
        .credentials = &login.credentials,
        .image = source->name,
        .reference = target->reference,
        .listener = tell_push,
        .user = progress,
    };
    int code = deliver_push(&delivery, &what, err);
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
    autofree char *platform = platform_of(target->platforms, target->n_platforms);
    size_t n;
    char **names = names_of(call, source, &n);
    const Delivery delivery = {caller->services->metadata, caller->services->images, caller->space,
        platform, target->all_platforms};
    TRY(stream_borrow(caller, target->stream, &stream, err));
    if (!stream || n == 0)
        return error_set(
            err, ERROR_INVALID, "an export needs a stream and images: invalid argument");
    bytes.stream = stream;
    tell(progress, "Exporting", "", 0, 0);
    TRY(deliver_archive(
        &delivery, names, n, target->skip_compatibility_manifest, byte_stream_write, &bytes, err));
    TRY(byte_stream_finish_tar(&bytes, err));
    tell(progress, "Completed export", "", 0, 0);
    return 0;
}

static int import(RpcCall *call, const Caller *caller,
    const Containerd__Transfer__ImageImportStream *source, const ImageStore *store,
    LentStream *progress, Error *err) {
    autoptr(LentStream) stream = NULL;
    autodone(ByteStream) bytes = {};
    autofree char *platform = platform_to_unpack(store);
    TRY(stream_borrow(caller, source->stream, &stream, err));
    if (!stream || store->n_extra_references != 1 || !store->extra_references[0]->is_prefix)
        return error_set(err, ERROR_UNSUPPORTED,
            "an import needs a stream and one prefix for names: not implemented");
    const Containerd__Transfer__ImageReference *names = store->extra_references[0];
    bytes.stream = stream;
    const Import import = {
        .like =
            {
                .trees = &caller->services->trees,
                .images = caller->services->images,
                .space = caller->space,
                .platform = platform,
                .unpack = store->n_unpacks > 0,
                .all_platforms = store->n_platforms == 0,
                .labels = message_take_map(call, store->labels, store->n_labels),
                .listener = tell,
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
    tell(progress, "Importing", "", 0, 0);
    TRY(import_images(&import, err));
    tell(progress, "Completed import", "", 0, 0);
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
    if (request->options)
        TRY(stream_borrow(&caller, request->options->progress_stream, &progress, err));
    return transfer(call, &caller, request, progress, err);
}
