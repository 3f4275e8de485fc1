// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/content/content.h"
#include "engine/registry/reference.h"

/* Client of an OCI distribution 1.1 registry; the only door to libcurl. A Registry is a session for
 * one repository: its endpoints (mirrors first), credentials, tokens and idle connections. Its
 * calls may run in several threads at once.
 *
 * Credentials go to the registry's own origin, and to a token realm of https (or, for a loopback
 * registry, loopback); never over plain HTTP except loopback, never along a redirect. */
typedef struct RegistryRule {
    JsonTexts mirrors; /* URLs, tried before the registry */
    JsonBool insecure; /* plain HTTP or unverified TLS */
    JsonBool blocked;  /* nothing is fetched from there, nor from its mirrors */
    char *ca;          /* file of certificates, trusted besides the system's */
    char *client_cert, *client_key;
    char *username, *password; /* where the user has sent none, and for mirrors */
    JsonMap headers;
} RegistryRule;
extern const JsonType registry_rule_type;

typedef struct RegistryConfig {
    JsonTexts mirrors; /* URLs, for docker.io only ("registry-mirrors") */
    JsonTexts
        insecure; /* "host[:port]" or CIDR: plain HTTP or unverified TLS ("insecure-registries") */
    JsonObjectMap rules;   /* "HOST[/PATH]" → RegistryRule: the longest prefix counts */
    JsonTexts directories; /* with HOST/hosts.toml or HOST/{*.crt,*.cert,*.key} */
    char *http_proxy, *https_proxy, *no_proxy; /* NULL or "": the environment's */
} RegistryConfig;

typedef struct RegistryCredentials {
    const char *username, *password, *identity_token; /* NULL or "" = none */
} RegistryCredentials;

typedef struct Registry Registry;

void registry_config_done(RegistryConfig *config);
CLEANUP_DEFINE_DONE(RegistryConfig, registry_config_done)

/* Once per process, before threads. */
int registry_set_up(Error *err);

/* No network yet. config and credentials are copied. */
int registry_open(const RegistryConfig *config, const Reference *reference,
    const RegistryCredentials *credentials, Registry **ret, Error *err);
void registry_close(Registry *registry);
CLEANUP_DEFINE(Registry, registry_close)

/* What the registry has wanted its users to know so far (distribution-spec, "Warnings"), printable;
 * *ret is added to. */
void registry_warnings(Registry *registry, JsonTexts *ret);

/* A manifest or index, at most 4 MiB, its digest verified when `name` is one. */
typedef struct RegistryManifest {
    char *media_type;              /* Content-Type without parameters */
    char digest[DIGEST_TEXT_SIZE]; /* computed */
    Text body;
} RegistryManifest;
int registry_get_manifest(Registry *registry, const char *name, RegistryManifest *ret, Error *err);
void registry_manifest_done(RegistryManifest *manifest);
CLEANUP_DEFINE_DONE(RegistryManifest, registry_manifest_done)

/* All tags of the repository, in the registry's order. */
int registry_list_tags(Registry *registry, JsonTexts *ret, Error *err);

/* Called now and then with the bytes so far; negative = stop (ERROR_CANCELLED). */
typedef int RegistryProgress(void *user, uint64_t current);

/* Appends the blob to the writer from where it stands, resuming after failures; the caller commits.
 */
int registry_get_blob(
    Registry *registry, ContentWriter *writer, RegistryProgress *progress, void *user, Error *err);
