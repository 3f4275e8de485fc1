// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_login.h"

#include "cli/reference.h"

int registry_login_find(const char *reference, RegistryLogin *ret, Error *err) {
    autofree char *host = reference_host(reference);
    Credentials *found = &ret->credentials;
    TRY(credentials_find(host, found, err));
    tare__v1__registry_credentials__init(&ret->sent);
    if (found->username)
        ret->sent.username = found->username;
    if (found->password)
        ret->sent.password = found->password;
    if (found->identity_token)
        ret->sent.identity_token = found->identity_token;
    ret->message = found->username || found->identity_token ? &ret->sent : NULL;
    return 0;
}
