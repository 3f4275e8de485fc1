// SPDX-License-Identifier: Apache-2.0
#include "engine/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "output/settings.h"

enum {
    FILE_LIMIT = 1 << 20
};

#define DEFAULT_ROOT "/var/lib/tare"
#define DEFAULT_STATE "/run/tare"
#define DEFAULT_FILE "/etc/tare/engine.json"

typedef struct ConfigProxies {
    char *http, *https, *no;
} ConfigProxies;

/* engine.json as it stands in the file. */
typedef struct ConfigFile {
    char *data_root, *exec_root, *group, *log_level, *log_format, *log_driver, *default_runtime;
    char *storage_driver;
    JsonUint gc_high, gc_low, gc_minimum_age, gc_interval;
    JsonTexts pinned_images;
    char *bridge, *bip, *ip;
    JsonTexts hosts, insecure_registries, registry_mirrors, dns, dns_search, dns_options;
    JsonBool debug, icc, ip_masq, ip_forward, no_new_privileges;
    JsonUint max_concurrent_downloads, max_concurrent_uploads, mtu;
    JsonMap log_opts;
    JsonObjectMap runtimes, registries;
    JsonTexts registry_directories;
    ConfigProxies *proxies;
} ConfigFile;

#define T ConfigRuntime
static const JsonField runtime_fields[] = {
    {"path", JSON_TEXT, JSON_AT(path)},
    {"runtimeArgs", JSON_TEXTS, JSON_AT(arguments)},
    {"runtimeType", JSON_TEXT, JSON_AT(type)},
    {"options", JSON_RAW, JSON_AT(options)},
    {},
};
static const JsonType runtime_type = {sizeof(T), runtime_fields};
#undef T

#define T ConfigProxies
static const JsonField proxies_fields[] = {
    {"http-proxy", JSON_TEXT, JSON_AT(http)},
    {"https-proxy", JSON_TEXT, JSON_AT(https)},
    {"no-proxy", JSON_TEXT, JSON_AT(no)},
    {},
};
static const JsonType proxies_type = {sizeof(T), proxies_fields};
#undef T

#define T ConfigFile
static const JsonField file_fields[] = {
    {"bip", JSON_TEXT, JSON_AT(bip)},
    {"bridge", JSON_TEXT, JSON_AT(bridge)},
    {"data-root", JSON_TEXT, JSON_AT(data_root)},
    {"debug", JSON_BOOL, JSON_AT(debug)},
    {"default-runtime", JSON_TEXT, JSON_AT(default_runtime)},
    {"dns", JSON_TEXTS, JSON_AT(dns)},
    {"dns-opts", JSON_TEXTS, JSON_AT(dns_options)},
    {"dns-search", JSON_TEXTS, JSON_AT(dns_search)},
    {"exec-root", JSON_TEXT, JSON_AT(exec_root)},
    {"group", JSON_TEXT, JSON_AT(group)},
    {"hosts", JSON_TEXTS, JSON_AT(hosts)},
    {"icc", JSON_BOOL, JSON_AT(icc)},
    {"image-gc-high-threshold", JSON_UINT, JSON_AT(gc_high)},
    {"image-gc-interval", JSON_UINT, JSON_AT(gc_interval)},
    {"image-gc-low-threshold", JSON_UINT, JSON_AT(gc_low)},
    {"image-gc-minimum-age", JSON_UINT, JSON_AT(gc_minimum_age)},
    {"insecure-registries", JSON_TEXTS, JSON_AT(insecure_registries)},
    {"ip", JSON_TEXT, JSON_AT(ip)},
    {"ip-forward", JSON_BOOL, JSON_AT(ip_forward)},
    {"ip-masq", JSON_BOOL, JSON_AT(ip_masq)},
    {"log-driver", JSON_TEXT, JSON_AT(log_driver)},
    {"log-format", JSON_TEXT, JSON_AT(log_format)},
    {"log-level", JSON_TEXT, JSON_AT(log_level)},
    {"log-opts", JSON_MAP, JSON_AT(log_opts)},
    {"max-concurrent-downloads", JSON_UINT, JSON_AT(max_concurrent_downloads)},
    {"max-concurrent-uploads", JSON_UINT, JSON_AT(max_concurrent_uploads)},
    {"mtu", JSON_UINT, JSON_AT(mtu)},
    {"no-new-privileges", JSON_BOOL, JSON_AT(no_new_privileges)},
    {"pinned-images", JSON_TEXTS, JSON_AT(pinned_images)},
    {"proxies", JSON_OBJECT, JSON_AT(proxies), &proxies_type},
    {"registries", JSON_OBJECT_MAP, JSON_AT(registries), &registry_rule_type},
    {"registry-config-dirs", JSON_TEXTS, JSON_AT(registry_directories)},
    {"registry-mirrors", JSON_TEXTS, JSON_AT(registry_mirrors)},
    {"runtimes", JSON_OBJECT_MAP, JSON_AT(runtimes), &runtime_type},
    {"storage-driver", JSON_TEXT, JSON_AT(storage_driver)},
    {},
};
static const JsonType file_type = {sizeof(T), file_fields};
#undef T

/* Docker's keys which a moved daemon.json may hold and which change nothing here. */
static const struct {
    const char *key, *why;
} ignored_keys[] = {
    {"builder", "there is no builder"},
    {"containerd", "the engine needs no containerd"},
    {"default-address-pools", "there is one network"},
    {"exec-opts", "cgroups are made through cgroupfs"},
    {"experimental", "nothing is experimental"},
    {"features", "there are no feature switches"},
    {"iptables", "packets are filtered with nftables"},
    {"ip6tables", "packets are filtered with nftables"},
    {"live-restore", "containers always outlive the engine"},
    {"max-download-attempts", "interrupted downloads are resumed by rules of our own"},
    {"pidfile", "the lock file is STATE/tared.pid"},
    {"userland-proxy", "there is no proxy"},
};

static const char *ignored_reason(const char *key) {
    for (size_t i = 0; i < array_size(ignored_keys); i++) {
        if (text_equal(ignored_keys[i].key, key))
            return ignored_keys[i].why;
    }
    return NULL;
}

static bool is_known(const char *key) {
    for (const JsonField *field = file_fields; field->name; field++) {
        if (text_equal(field->name, key))
            return true;
    }
    return false;
}

static int keys_check(const char *path, const JsonTexts *keys, Config *config, Error *err) {
    for (size_t i = 0; i < keys->n; i++) {
        if (is_known(keys->item[i]))
            continue;
        const char *why = ignored_reason(keys->item[i]);
        if (!why)
            return error_set(err, ERROR_INVALID, "%s: unknown key '%s'", path, keys->item[i]);
        autofree char *warning =
            text_format("%s: '%s' has no effect: %s", path, keys->item[i], why);
        json_texts_add(&config->warnings, warning);
    }
    return 0;
}

static int file_parse(
    const char *path, const Text *text, Config *config, ConfigFile *ret, Error *err) {
    JsonTexts keys = {};
    int r = json_decode(&file_type, text->data, text->length, ret, err);
    if (r < 0)
        return error_prefix(err, "%s", path);
    r = json_keys(text->data, text->length, &keys, err);
    if (r == 0)
        r = keys_check(path, &keys, config, err);
    json_texts_done(&keys);
    return r;
}

static int file_load(const ConfigOptions *options, Config *config, ConfigFile *ret, Error *err) {
    const char *named = options->config ? options->config : getenv("TARE_CONFIG");
    const char *path = text_is_empty(named) ? DEFAULT_FILE : named;
    autodone(Text) text = {};
    int r = file_read(AT_FDCWD, path, FILE_LIMIT, &text, err);
    if (r == ERROR_NOT_FOUND && text_is_empty(named))
        return 0;
    TRY(r);
    config->file = path_absolute(path);
    return file_parse(path, &text, config, ret, err);
}

static const char *const level_names[] = {"error", "warn", "info", "debug"};
_Static_assert(array_size(level_names) == LOG_LEVEL_DEBUG + 1, "a name for each level");

static int level_parse(const char *text, LogLevel *ret, Error *err) {
    for (size_t i = 0; i < array_size(level_names); i++) {
        if (text_equal(text, level_names[i])) {
            *ret = (LogLevel)i;
            return 0;
        }
    }
    if (text_equal(text, "warning") || text_equal(text, "fatal")) {
        *ret = text_equal(text, "fatal") ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "invalid logging level: %s", text);
}

/* Under systemd stderr is the journal, which JOURNAL_STREAM tells. */
static int format_parse(const char *text, LogFormat *ret, Error *err) {
    if (!text || text_equal(text, "text"))
        *ret = !text && getenv("JOURNAL_STREAM") ? LOG_FORMAT_SYSTEMD : LOG_FORMAT_TEXT;
    else if (text_equal(text, "json"))
        *ret = LOG_FORMAT_JSON;
    else
        return error_set(err, ERROR_INVALID, "invalid log format: %s (text or json)", text);
    return 0;
}

static char *path_choose(
    const char *option, const char *variable, const char *file, const char *otherwise) {
    const char *environment = getenv(variable);
    if (option)
        return path_absolute(option);
    if (!text_is_empty(environment))
        return path_absolute(environment);
    return path_absolute(file ? file : otherwise);
}

#define TAKE(member)                                                                               \
    __extension__({                                                                                \
        __typeof__(member) taken_ = (member);                                                      \
        memset(&(member), 0, sizeof(member));                                                      \
        taken_;                                                                                    \
    })

static int log_options_apply(ConfigFile *file, Config *config, Error *err) {
    OutputSettings ignored;
    config->log_driver = text_copy(file->log_driver ? file->log_driver : "json-file");
    config->log_options = TAKE(file->log_opts);
    return output_settings_parse(config->log_driver, &config->log_options, &ignored, err);
}

static int logging_apply(
    const ConfigOptions *options, ConfigFile *file, Config *config, Error *err) {
    const char *level = options->log_level ? options->log_level : file->log_level;
    config->log_level = LOG_LEVEL_INFO;
    if (level)
        TRY(level_parse(level, &config->log_level, err));
    if (options->debug || file->debug.value)
        config->log_level = LOG_LEVEL_DEBUG;
    TRY(format_parse(
        options->log_format ? options->log_format : file->log_format, &config->log_format, err));
    return log_options_apply(file, config, err);
}

static int numbers_apply(const ConfigFile *file, Config *config, Error *err) {
    const struct {
        const char *key;
        const JsonUint *from;
        unsigned *to;
        unsigned otherwise, min, max;
    } rows[] = {
        {"max-concurrent-downloads", &file->max_concurrent_downloads,
            &config->max_concurrent_downloads, 3, 1, 64},
        {"max-concurrent-uploads", &file->max_concurrent_uploads, &config->max_concurrent_uploads,
            5, 1, 64},
        {"image-gc-high-threshold", &file->gc_high, &config->gc_high, 0, 0, 100},
        {"image-gc-low-threshold", &file->gc_low, &config->gc_low, 80, 0, 100},
        {"image-gc-minimum-age", &file->gc_minimum_age, &config->gc_minimum_age, 120, 0, 31536000},
        {"image-gc-interval", &file->gc_interval, &config->gc_interval, 60, 1, 86400},
        {"mtu", &file->mtu, &config->mtu, 1500, 68, 65535},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        *rows[i].to = rows[i].from->set ? (unsigned)rows[i].from->value : rows[i].otherwise;
        if (rows[i].from->set &&
            (rows[i].from->value < rows[i].min || rows[i].from->value > rows[i].max))
            return error_set(err, ERROR_INVALID, "%s: not between %u and %u", rows[i].key,
                rows[i].min, rows[i].max);
    }
    return 0;
}

static int host_check(const char *host, Error *err) {
    if (text_starts(host, "unix:///") || text_starts(host, "fd://"))
        return 0;
    return error_set(err, ERROR_INVALID, "hosts: '%s' is neither unix:///path nor fd://", host);
}

static int hosts_apply(const ConfigOptions *options, ConfigFile *file, Config *config, Error *err) {
    for (size_t i = 0; i < options->hosts_n; i++)
        json_texts_add(&config->hosts, options->hosts[i]);
    if (!config->hosts.n)
        config->hosts = TAKE(file->hosts);
    if (!config->hosts.n) {
        autofree char *host = text_format("unix://%s/tared.sock", config->state);
        json_texts_add(&config->hosts, host);
    }
    for (size_t i = 0; i < config->hosts.n; i++)
        TRY(host_check(config->hosts.item[i], err));
    return 0;
}

/* Before the file is read, so that what fails later is the file's mistake. */
static int options_check(const ConfigOptions *options, Error *err) {
    LogLevel level;
    LogFormat format;
    for (size_t i = 0; i < options->hosts_n; i++)
        TRY(host_check(options->hosts[i], err));
    if (options->log_level)
        TRY(level_parse(options->log_level, &level, err));
    return format_parse(options->log_format, &format, err);
}

/* Our own directory first, then those that other engines have used on this machine. */
static void registries_apply(ConfigFile *file, RegistryConfig *registry) {
    static const char *const usual[] = {
        "/etc/tare/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"};
    registry->insecure = TAKE(file->insecure_registries);
    registry->mirrors = TAKE(file->registry_mirrors);
    registry->rules = TAKE(file->registries);
    registry->directories = TAKE(file->registry_directories);
    bool said = registry->directories.item;
    for (size_t i = 0; !said && i < array_size(usual); i++)
        json_texts_add(&registry->directories, usual[i]);
    if (file->proxies) {
        registry->http_proxy = TAKE(file->proxies->http);
        registry->https_proxy = TAKE(file->proxies->https);
        registry->no_proxy = TAKE(file->proxies->no);
    }
}

static int apply(const ConfigOptions *options, ConfigFile *file, Config *config, Error *err) {
    config->root = path_choose(options->root, "TARE_ROOT", file->data_root, DEFAULT_ROOT);
    config->state = path_choose(options->state, "TARE_STATE", file->exec_root, DEFAULT_STATE);
    config->group = TAKE(file->group);
    config->default_runtime = TAKE(file->default_runtime);
    config->runtimes = TAKE(file->runtimes);
    config->pinned_images = TAKE(file->pinned_images);
    config->storage_driver = options->storage_driver ? text_copy(options->storage_driver)
                             : file->storage_driver  ? TAKE(file->storage_driver)
                                                     : text_copy("overlay");
    registries_apply(file, &config->registry);
    config->bridge = TAKE(file->bridge);
    config->bip = TAKE(file->bip);
    config->publish_ip = TAKE(file->ip);
    config->dns = TAKE(file->dns);
    config->dns_search = TAKE(file->dns_search);
    config->dns_options = TAKE(file->dns_options);
    config->no_icc = file->icc.set && !file->icc.value;
    config->no_masquerade = file->ip_masq.set && !file->ip_masq.value;
    config->no_forward = file->ip_forward.set && !file->ip_forward.value;
    config->no_new_privileges = file->no_new_privileges.value;
    TRY(hosts_apply(options, file, config, err));
    TRY(logging_apply(options, file, config, err));
    TRY(numbers_apply(file, config, err));
    if (config->gc_high > 0 && config->gc_low > config->gc_high)
        return error_set(err, ERROR_INVALID,
            "image-gc-low-threshold: %u is above image-gc-high-threshold, %u", config->gc_low,
            config->gc_high);
    return config_runtimes_check(config, err);
}

int config_load(const ConfigOptions *options, Config *ret, Error *err) {
    *ret = (Config){};
    ConfigFile file = {};
    TRY(options_check(options, err));
    int r = file_load(options, ret, &file, err);
    if (r == 0) {
        r = apply(options, &file, ret, err);
        if (r < 0 && ret->file)
            error_prefix(err, "%s", ret->file);
    }
    json_done(&file_type, &file);
    return r;
}

#define T Config
static const JsonField config_fields[] = {
    {"root", JSON_TEXT, JSON_AT(root)},
    {"state", JSON_TEXT, JSON_AT(state)},
    {"file", JSON_TEXT, JSON_AT(file)},
    {"hosts", JSON_TEXTS, JSON_AT(hosts)},
    {"group", JSON_TEXT, JSON_AT(group)},
    {"default_runtime", JSON_TEXT, JSON_AT(default_runtime)},
    {"runtimes", JSON_OBJECT_MAP, JSON_AT(runtimes), &runtime_type},
    {"bridge", JSON_TEXT, JSON_AT(bridge)},
    {"bip", JSON_TEXT, JSON_AT(bip)},
    {"publish_ip", JSON_TEXT, JSON_AT(publish_ip)},
    {"dns", JSON_TEXTS, JSON_AT(dns)},
    {"dns_search", JSON_TEXTS, JSON_AT(dns_search)},
    {"dns_options", JSON_TEXTS, JSON_AT(dns_options)},
    {"log_driver", JSON_TEXT, JSON_AT(log_driver)},
    {"pinned_images", JSON_TEXTS, JSON_AT(pinned_images)},
    {"storage_driver", JSON_TEXT, JSON_AT(storage_driver)},
    {"log_options", JSON_MAP, JSON_AT(log_options)},
    {"warnings", JSON_TEXTS, JSON_AT(warnings)},
    {},
};
static const JsonType config_type = {sizeof(T), config_fields};
#undef T

void config_done(Config *config) {
    registry_config_done(&config->registry);
    json_done(&config_type, config);
}
