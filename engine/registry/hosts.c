// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/hosts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/toml.h"

enum {
    FILE_LIMIT = 64 << 10,
    CERTIFICATES_LIMIT = 1 << 20
};

/* One [host."URL"], and the keys at the top, which are about the registry itself. */
typedef struct Host {
    char *server; /* at the top */
    JsonTexts capabilities;
    char *ca, *client; /* JSON: one or several of them */
    JsonBool skip_verify, override_path;
    char *header; /* JSON */
    JsonObjectMap host;
} Host;

extern const JsonType host_type;
#define T Host
static const JsonField host_fields[] = {
    {"server", JSON_TEXT, JSON_AT(server)},
    {"capabilities", JSON_TEXTS, JSON_AT(capabilities)},
    {"ca", JSON_RAW, JSON_AT(ca)},
    {"client", JSON_RAW, JSON_AT(client)},
    {"skip_verify", JSON_BOOL, JSON_AT(skip_verify)},
    {"override_path", JSON_BOOL, JSON_AT(override_path)},
    {"header", JSON_RAW, JSON_AT(header)},
    {"host", JSON_OBJECT_MAP, JSON_AT(host), &host_type},
    {},
};
const JsonType host_type = {sizeof(T), host_fields};
#undef T

static void host_done(Host *host) {
    json_done(&host_type, host);
}
CLEANUP_DEFINE_DONE(Host, host_done)

/* Appends a file of certificates to identity->ca. */
int identity_add_ca(HttpIdentity *identity, int dir, const char *path, Error *err) {
    autodone(Text) pem = {}, all = {};
    TRY(file_read(dir, path, CERTIFICATES_LIMIT, &pem, err));
    if (identity->ca)
        text_append(&all, identity->ca);
    text_append_bytes(&all, pem.data ? pem.data : "", pem.length);
    text_append_char(&all, '\n');
    free(identity->ca);
    identity->ca = text_take(&all);
    return 0;
}

typedef struct Values {
    JsonTexts texts;
} Values;
#define T Values
static const JsonField values_fields[] = {{"v", JSON_TEXTS, JSON_AT(texts)}, {}};
static const JsonType values_type = {sizeof(T), values_fields};
#undef T

/* "x" or ["x", "y"], and with `pairs` also [["cert", "key"]], of which the first counts. */
static int decode_values(const char *json, bool pairs, JsonTexts *ret, Error *err) {
    Values values = {};
    autodone(Text) wrapped = {};
    size_t n = strlen(json);
    bool nested = pairs && text_starts(json, "[[");
    if (nested)
        n = strcspn(json, "]");
    text_append_format(&wrapped, *json == '[' ? "{\"v\":%.*s%s}" : "{\"v\":[%.*s%s]}",
        (int)(nested ? n - 1 : n), nested ? json + 1 : json, nested ? "]" : "");
    TRY(json_decode(&values_type, wrapped.data, wrapped.length, &values, err));
    *ret = values.texts;
    return 0;
}

static int add_cas(HttpIdentity *identity, int dir, const char *json, Error *err) {
    autodone(JsonTexts) paths = {};
    TRY(decode_values(json, false, &paths, err));
    for (size_t i = 0; i < paths.n; i++)
        TRY(identity_add_ca(identity, dir, paths.item[i], err));
    return 0;
}

static int set_client(HttpIdentity *identity, const char *directory, const char *json, Error *err) {
    autodone(JsonTexts) paths = {};
    TRY(decode_values(json, true, &paths, err));
    char **to[] = {&identity->certificate, &identity->key};
    bool pair = text_starts(json, "[[");
    for (size_t i = 0; i < paths.n && i < (pair ? array_size(to) : 1); i++)
        *to[i] = path_is_absolute(paths.item[i]) ? text_copy(paths.item[i])
                                                 : path_join(directory, paths.item[i]);
    return 0;
}

static int set_headers(HttpIdentity *identity, const char *json, Error *err) {
    autodone(JsonTexts) names = {};
    TRY(json_keys(json, strlen(json), &names, err));
    for (size_t i = 0; i < names.n; i++) {
        JsonField fields[] = {{names.item[i], JSON_RAW, 0, NULL, 0}, {}};
        const JsonType type = {sizeof(char *), fields};
        autofree char *value = NULL;
        autodone(JsonTexts) values = {};
        TRY(json_decode(&type, json, strlen(json), &value, err));
        TRY(decode_values(value, false, &values, err));
        if (values.n > 0 && !strpbrk(values.item[0], "\r\n") && !strpbrk(names.item[i], "\r\n: "))
            json_map_set(&identity->headers, names.item[i], values.item[0]);
    }
    return 0;
}

static int set_identity(
    HttpIdentity *identity, const Host *host, const char *directory, int dir, Error *err) {
    if (host->ca)
        TRY(add_cas(identity, dir, host->ca, err));
    if (host->client)
        TRY(set_client(identity, directory, host->client, err));
    return host->header ? set_headers(identity, host->header, err) : 0;
}

static bool can(const Host *host, const char *what) {
    for (size_t i = 0; i < host->capabilities.n; i++)
        if (text_equal(host->capabilities.item[i], what))
            return true;
    return host->capabilities.n == 0;
}

static int add_endpoint(
    Hosts *hosts, const Host *host, const char *url, const char *directory, int dir, Error *err) {
    Endpoint endpoint = {
        .whole_path = host->override_path.value,
        .no_pull = !can(host, "pull"),
        .no_resolve = !can(host, "resolve"),
        .no_push = !can(host, "push"),
    };
    TRY(endpoint_set_url(&endpoint, url, host->skip_verify.value, err));
    array_append(hosts->endpoints.item, hosts->endpoints.n, endpoint);
    return set_identity(
        &hosts->endpoints.item[hosts->endpoints.n - 1].identity, host, directory, dir, err);
}

/* Hosts in their order, then the server; which of them is the registry itself, address.c knows. */
static int read_hosts(Hosts *hosts, const Text *text, const char *domain, const char *directory,
    int dir, Error *err) {
    autodone(Text) json = {};
    autodone(Host) top = {};
    TRY(toml_to_json(text->data ? text->data : "", text->length, &json, err));
    TRY(json_decode(&host_type, json.data, json.length, &top, err));
    const Host *host = top.host.value;
    for (size_t i = 0; i < top.host.n; i++) {
        const char *url = top.host.key[i];
        autofree char *whole = strstr(url, "://") ? text_copy(url) : text_format("https://%s", url);
        TRY(add_endpoint(hosts, &host[i], whole, directory, dir, err));
    }
    autofree char *usual = text_format("https://%s", endpoint_host(domain));
    hosts->found = true;
    return add_endpoint(hosts, &top, top.server ? top.server : usual, directory, dir, err);
}

/* Docker's files: *.crt are CAs; a *.cert has its key in the *.key of the same name. */
static int read_certificates(Hosts *hosts, const char *directory, int dir, Error *err) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int code = 0;
    while (stream && code == 0 && (entry = readdir(stream))) {
        const char *name = entry->d_name;
        if (text_ends(name, ".crt"))
            code = identity_add_ca(&hosts->identity, dir, name, err);
        if (!text_ends(name, ".cert") || hosts->identity.certificate)
            continue;
        autofree char *key = text_format("%.*s.key", (int)(strlen(name) - strlen(".cert")), name);
        if (!file_exists(dir, key))
            code = error_set(
                err, ERROR_INVALID, "missing key %s for client certificate %s", key, name);
        hosts->identity.certificate = path_join(directory, name);
        hosts->identity.key = path_join(directory, key);
    }
    if (stream)
        closedir(stream);
    return code;
}

/* Returns 1 when the directory says something about the registry. */
static int read_directory(Hosts *hosts, const char *directory, const char *domain, Error *err) {
    autoclose int dir = -1;
    autodone(Text) text = {};
    Error absent;
    if (file_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, &dir, &absent) < 0)
        return 0;
    int code = file_read(dir, "hosts.toml", FILE_LIMIT, &text, err);
    if (code == ERROR_NOT_FOUND) {
        code = read_certificates(hosts, directory, dir, err);
        return code < 0 ? error_prefix(err, "%s", directory) : 1;
    }
    if (code == 0)
        code = read_hosts(hosts, &text, domain, directory, dir, err);
    return code < 0 ? error_prefix(err, "%s/hosts.toml", directory) : 1;
}

int hosts_load(const RegistryConfig *config, const char *domain, Hosts *ret, Error *err) {
    autodone(Hosts) hosts = {};
    const char *const names[] = {domain, "_default"};
    int code = 0;
    for (size_t n = 0; n < array_size(names) && code == 0; n++)
        for (size_t i = 0; i < config->directories.n && code == 0; i++) {
            autofree char *directory = path_join(config->directories.item[i], names[n]);
            code = read_directory(&hosts, directory, domain, err);
        }
    TRY(code);
    *ret = hosts;
    hosts = (Hosts){};
    return 0;
}

void hosts_done(Hosts *hosts) {
    endpoints_done(&hosts->endpoints);
    http_identity_done(&hosts->identity);
}
