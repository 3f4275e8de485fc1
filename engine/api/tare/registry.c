// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/api/tare/images.h"
#include "engine/api/tare/services.h"
#include "engine/api/tare/system.h"
#include "engine/filter/pair.h"
#include "engine/registry/login.h"
#include "engine/registry/reference.h"
#include "engine/registry/referrers.h"
#include "engine/registry/search.h"

/* tare.v1: what is asked of registries and changes nothing here. */
static RegistryCredentials credentials_of(const Tare__V1__RegistryCredentials *from) {
    return from ? (RegistryCredentials){from->username, from->password, from->identity_token}
                : (RegistryCredentials){};
}

int api_system_login(RpcCall *call, const Tare__V1__LoginRequest *request,
    Tare__V1__LoginResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const RegistryCredentials credentials = credentials_of(request->credentials);
    return registry_login(&services->config->registry, request->registry, &credentials, err);
}

static bool match_stars(const void *context, const void *object, const char *value) {
    return ((const SearchResult *)object)->star_count.value >= strtoll(value, NULL, 10);
}

static bool match_official(const void *context, const void *object, const char *value) {
    return ((const SearchResult *)object)->is_official.value == pair_is_true(value);
}

static bool match_automated(const void *context, const void *object, const char *value) {
    return ((const SearchResult *)object)->is_automated.value == pair_is_true(value);
}

static bool is_number(const char *value) {
    return *value && strspn(value, "0123456789") == strlen(value);
}

static const PairRow rows[] = {
    {"is-automated=", match_automated, .all_must_hold = true, .is_valid = pair_is_boolean},
    {"is-official=", match_official, .all_must_hold = true, .is_valid = pair_is_boolean},
    {"stars=", match_stars, .all_must_hold = true, .is_valid = is_number},
};

static Tare__V1__SearchResult *result_of(RpcCall *call, const SearchResult *from) {
    Tare__V1__SearchResult *result = rpc_call_alloc(call, sizeof *result);
    tare__v1__search_result__init(result);
    result->name = rpc_call_copy(call, from->name ? from->name : "");
    result->description = rpc_call_copy(call, from->description ? from->description : "");
    result->stars = from->star_count.value;
    result->official = from->is_official.value;
    result->automated = from->is_automated.value;
    return result;
}

int api_system_search(RpcCall *call, const Tare__V1__SearchRequest *request,
    Tare__V1__SearchResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const RegistryCredentials credentials = credentials_of(request->credentials);
    int64_t limit = request->limit ? request->limit : 25;
    JsonObjects results = {};
    if (limit < 1 || limit > 100)
        return error_set(
            err, ERROR_INVALID, "limit %lld is outside the range of [1, 100]", (long long)limit);
    const PairFilter filter = {rows, array_size(rows), NULL, request->filters, request->n_filters};
    TRY(pair_filter_check(&filter, err));
    TRY(registry_search(
        &services->config->registry, request->term, (unsigned)limit, &credentials, &results, err));
    response->results = rpc_call_alloc(call, (results.n + 1) * sizeof *response->results);
    for (size_t i = 0; i < results.n; i++) {
        const SearchResult *result = (const SearchResult *)results.item + i;
        if (pair_filter_matches(&filter, result))
            response->results[response->n_results++] = result_of(call, result);
    }
    search_results_done(&results);
    return 0;
}

static Tare__V1__Referrer *referrer_of(RpcCall *call, const OciDescriptor *from) {
    Tare__V1__Referrer *referrer = rpc_call_alloc(call, sizeof *referrer);
    const JsonMap *annotations = &from->annotations;
    tare__v1__referrer__init(referrer);
    referrer->digest = rpc_call_copy(call, from->digest);
    referrer->media_type = rpc_call_copy(call, from->media_type ? from->media_type : "");
    referrer->artifact_type = rpc_call_copy(call, from->artifact_type ? from->artifact_type : "");
    referrer->size = (int64_t)from->size.value;
    referrer->annotations = rpc_call_alloc(call, (annotations->n + 1) * sizeof(void *));
    for (size_t i = 0; i < annotations->n; i++) {
        Tare__V1__Referrer__AnnotationsEntry *entry = rpc_call_alloc(call, sizeof *entry);
        tare__v1__referrer__annotations_entry__init(entry);
        entry->key = rpc_call_copy(call, annotations->key[i]);
        entry->value = rpc_call_copy(call, annotations->value[i]);
        referrer->annotations[referrer->n_annotations++] = entry;
    }
    return referrer;
}

int api_images_referrers(RpcCall *call, const Tare__V1__ReferrersRequest *request,
    Tare__V1__ReferrersResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const RegistryCredentials credentials = credentials_of(request->credentials);
    const char *type = *request->artifact_type ? request->artifact_type : NULL;
    autodone(Reference) reference = {};
    autodone(RegistryManifest) manifest = {};
    autodone(OciIndex) index = {};
    autoptr(Registry) registry = NULL;
    TRY(reference_parse(request->reference, &reference, err));
    TRY(registry_open(&services->config->registry, &reference, &credentials, &registry, err));
    const char *version = reference.digest ? reference.digest : reference.tag;
    TRY(registry_get_manifest(registry, version, &manifest, err));
    TRY(referrers_list(registry, manifest.digest, type, &index, err));
    response->referrers = rpc_call_alloc(call, (index.manifests.n + 1) * sizeof(void *));
    for (size_t i = 0; i < index.manifests.n; i++)
        response->referrers[response->n_referrers++] =
            referrer_of(call, (OciDescriptor *)index.manifests.item + i);
    return 0;
}
