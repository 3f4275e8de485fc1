// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/stream.h"
#include "engine/metadata/fetch.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/transfer.methods.h"
#include "proto/containerd/services/transfer.pb-c.h"
#include "proto/containerd/types/transfer-imagestore.pb-c.h"
#include "proto/containerd/types/transfer-progress.pb-c.h"
#include "proto/containerd/types/transfer-registry.pb-c.h"

/* containerd.services.transfer.v1.Transfer: from a registry to a name, and from a name to another.
 */
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

static char *platform_of(const ImageStore *store) {
    if (store->n_platforms == 0)
        return NULL;
    const Containerd__Types__Platform *platform = store->platforms[0];
    return text_format("%s/%s%s%s", platform->os, platform->architecture,
        text_is_empty(platform->variant) ? "" : "/", platform->variant);
}

static int pull(RpcCall *call, const Caller *caller, const OciRegistry *source,
    const ImageStore *store, LentStream *progress, Error *err) {
    autoptr(LentStream) auth = NULL;
    autofree char *platform = platform_of(store);
    RegistryCredentials credentials = {};
    ProtobufCMessage *answer = NULL;
    if (source->resolver)
        TRY(stream_borrow(caller, source->resolver->auth_stream, &auth, err));
    if (auth)
        TRY(ask(source, auth, &answer, err));
    take_credentials((const void *)answer, &credentials);
    RegistryConfig registry = registry_of(caller->services, source);
    const Fetch fetch = {
        .trees = &caller->services->trees,
        .images = caller->services->images,
        .registry = &registry,
        .credentials = &credentials,
        .space = caller->space,
        .reference = source->reference,
        .name = store->name,
        .platform = platform,
        .unpack = store->n_unpacks > 0,
        .labels = message_take_map(call, store->labels, store->n_labels),
        .listener = tell,
        .user = progress,
    };
    int code = fetch_image(&fetch, err);
    json_texts_done(&registry.insecure);
    if (answer)
        protobuf_c_message_free_unpacked(answer, NULL);
    return code;
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
    int code;
    if (registry && store)
        code = pull(call, caller, (const void *)registry, (const void *)store, progress, err);
    else if (source && store)
        code = tag(call, caller, (const void *)source, (const void *)store, err);
    else
        code = error_set(err, ERROR_UNSUPPORTED,
            "transfer from %.100s to %.100s: not implemented (ctr does it with --local)",
            request->source ? request->source->type_url : "nothing",
            request->destination ? request->destination->type_url : "nothing");
    protobuf_c_message_free_unpacked(registry, NULL);
    protobuf_c_message_free_unpacked(source, NULL);
    protobuf_c_message_free_unpacked(store, NULL);
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
