// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/login.h"

#include "base/text.h"
#include "engine/registry/refusal.h"
#include "engine/registry/session.h"

enum {
    ANSWER_MAX = 65536
};

/* GET /v2/ is what tells a registry of the second version, and whom it lets in. */
static int ask(Registry *registry, size_t index, Error *err) {
    const Endpoint *endpoint = &registry->endpoints.item[index];
    autodone(HttpResponse) response = {};
    autofree char *url = text_format("%s%s/", endpoint->base, endpoint->whole_path ? "" : "/v2");
    HttpRequest request = {.url = url, .limit = ANSWER_MAX};
    TRY(session_ask(registry, index, &request, &response, err));
    if (response.status == 200)
        return 0;
    autofree char *text = text_format("login attempt to %s failed with status: %ld%s", url,
        response.status, response.status == 401 ? " Unauthorized" : "");
    bool denied = response.status == 401 || response.status == 403;
    return denied ? error_set(err, ERROR_DENIED, "%s", text)
                  : refusal_set(&response, ERROR_UNAVAILABLE, text, err);
}

int registry_login(const RegistryConfig *config, const char *domain,
    const RegistryCredentials *credentials, Error *err) {
    autoptr(Registry) registry = NULL;
    const Reference reference = {
        .domain = (char *)(uintptr_t)domain, .path = (char *)(uintptr_t) ""};
    int code = error_set(err, ERROR_NOT_FOUND, "no host of %s takes logins", domain);
    TRY(registry_open(config, &reference, credentials, &registry, err));
    registry->push = true; // what it says is not about a pull
    for (size_t i = 0; i < registry->endpoints.n; i++) {
        if (registry->endpoints.item[i].mirror)
            continue;
        code = ask(registry, i, err);
        if (code == 0 || !text_equal(err->reason, "NOT_SENT"))
            break;
    }
    err->reason[0] = '\0';
    return code;
}
