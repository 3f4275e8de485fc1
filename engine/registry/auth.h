// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/address.h"
#include "engine/registry/http.h"

/* How to answer a registry's 401: RFC 7235 challenges, Docker's token protocol. Private to
 * engine/registry. */
typedef struct Authentication {
    const Endpoint *endpoint;
    const RegistryCredentials *credentials;
    const char *path;      /* repository */
    bool push;             /* pull and push there */
    const JsonTexts *also; /* repositories to pull from besides */
    HttpPool *pool;
} Authentication;

/* The value of name="value" or name=value among a challenge's parameters; NULL when absent. */
char *auth_find_parameter(const char *parameters, const char *name);

/* The Authorization value to try next. ERROR_DENIED: nothing to answer with, or refused. */
int auth_answer(
    const Authentication *authentication, const JsonTexts *challenges, char **ret, Error *err);

/* A token server's answer as an Authorization value of visible ASCII. ERROR_DENIED: the password is
 * wrong. */
int auth_read_token(const HttpResponse *response, char **ret, Error *err);
