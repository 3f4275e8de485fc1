// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/time.h"
#include "engine/registry/address.h"
#include "engine/registry/http.h"

/* A Registry from inside: who is spoken to, and what each has accepted. Private to
 * engine/registry. */
struct Registry {
    Endpoints endpoints;
    char **authorization;  /* by endpoint: the value that was last accepted */
    JsonTexts warnings;    /* each once */
    pthread_mutex_t mutex; /* guards authorization and warnings */
    atomic_size_t current; /* the first that answered a manifest request */
    atomic_size_t taking;  /* that takes uploads, + 1; 0: not known yet */
    HttpPool pool;
    char *username, *password, *identity_token;
    char *path, *name, *version; /* familiar, for messages */
    bool push;
    JsonTexts also; /* repositories to mount from */
};

enum {
    SESSION_ATTEMPTS = 5
};
#define SESSION_PAUSE (500 * TIME_MILLISECOND)
#define SESSION_SHORT_PAUSE (50 * TIME_MILLISECOND) /* it does answer, a piece at a time */

/* One request to one endpoint, the challenge answered when there is one. */
int session_ask(
    Registry *registry, size_t index, HttpRequest *request, HttpResponse *ret, Error *err);

/* A manifest as this endpoint has it. */
int session_get_manifest(
    Registry *registry, size_t index, const char *name, RegistryManifest *ret, Error *err);

/* Is trying again of use? Of a transport's failure; of an answer. */
bool session_may_pass(int code, const Error *err);
bool session_is_transient(long status);

/* Ours, or what the registry asks for, within reason. */
int64_t session_pause(int64_t ours, int64_t seconds);
