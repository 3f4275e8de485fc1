// SPDX-License-Identifier: Apache-2.0
#include "engine/container/log_config.h"

#include <netdb.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "base/text.h"

/* The value of what stands between "{{" and "}}". NULL: it is not known. */
static char *template_value(const ContainerRecord *record, const char *name) {
    const char *digest = strchr(record->image->id ? record->image->id : "", ':');
    const char *image_hex = digest ? digest + 1 : "";
    if (text_equal(name, ".ID"))
        return text_format("%.12s", record->id);
    if (text_equal(name, ".FullID"))
        return text_copy(record->id);
    if (text_equal(name, ".Name"))
        return text_copy(record->name ? record->name : "");
    if (text_equal(name, ".ImageID"))
        return text_format("%.12s", image_hex);
    if (text_equal(name, ".ImageFullID"))
        return text_copy(record->image->id ? record->image->id : "");
    if (text_equal(name, ".ImageName"))
        return text_copy(record->settings->image ? record->settings->image : "");
    if (text_equal(name, ".DaemonName"))
        return text_copy("tare");
    return NULL;
}

static int make_tag(const ContainerRecord *record, char **ret, Error *err) {
    const char *at = json_map_find(&record->settings->log_options, "tag");
    autodone(Text) out = {};
    at = text_is_empty(at) ? "{{.ID}}" : at;
    for (const char *open; (open = strstr(at, "{{")) != NULL;) {
        const char *begin = open + 2 + strspn(open + 2, " "), *close = strstr(begin, "}}");
        size_t n = close ? strcspn(begin, " }") : 0;
        autofree char *name = text_copy_n(begin, n);
        autofree char *value = template_value(record, name);
        if (!value)
            return error_set(err, ERROR_INVALID,
                "log opt tag: '%.100s' is none of {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, "
                "{{.ImageFullID}}, {{.ImageName}}, {{.DaemonName}}",
                open);
        text_append_bytes(&out, at, (size_t)(open - at));
        text_append(&out, value);
        at = close + 2;
    }
    text_append(&out, at);
    *ret = text_take(&out);
    return 0;
}

int log_config_complete(const Config *config, const ContainerRecord *record, Error *err) {
    ContainerSettings *settings = record->settings;
    OutputSettings ignored;
    autofree char *tag = NULL;
    if (text_is_empty(settings->log_driver)) {
        free(settings->log_driver);
        settings->log_driver = text_copy(config->log_driver);
    }
    for (size_t i = 0; i < config->log_options.n; i++)
        if (text_equal(settings->log_driver, config->log_driver) &&
            !json_map_find(&settings->log_options, config->log_options.key[i]))
            json_map_set(
                &settings->log_options, config->log_options.key[i], config->log_options.value[i]);
    TRY(output_settings_parse(settings->log_driver, &settings->log_options, &ignored, err));
    return make_tag(record, &tag, err);
}

OutputDriver log_config_driver(const ContainerRecord *record) {
    OutputSettings settings;
    Error ignored;
    const ContainerSettings *from = record->settings;
    int r = output_settings_parse(from->log_driver, &from->log_options, &settings, &ignored);
    return r < 0 ? OUTPUT_NONE : settings.driver;
}

char *log_config_path(const ContainerRecord *record, const char *directory) {
    const char *suffix = output_driver_suffix(log_config_driver(record));
    return suffix ? text_format("%s/%s%s", directory, record->id, suffix) : NULL;
}

/* `from` holds "name=value"; names is a list with commas. */
static void add_named(const char *names, const JsonTexts *from, JsonMap *to) {
    autotexts char **wanted = names ? texts_split(names, ',') : NULL;
    for (char **name = wanted; name && *name; name++)
        for (size_t i = 0; **name && i < from->n; i++) {
            size_t n = strlen(*name);
            if (strncmp(from->item[i], *name, n) == 0 && from->item[i][n] == '=')
                json_map_set(to, *name, from->item[i] + n + 1);
        }
}

static void add_image_labels(const char *names, const JsonMap *from, JsonMap *to) {
    autotexts char **wanted = names ? texts_split(names, ',') : NULL;
    for (char **name = wanted; name && *name; name++) {
        const char *value = json_map_find(from, *name);
        if (**name && value)
            json_map_set(to, *name, value);
    }
}

static void add_matching_texts(const regex_t *regex, const JsonTexts *from, JsonMap *to) {
    for (size_t i = 0; i < from->n; i++) {
        size_t n = strcspn(from->item[i], "=");
        autofree char *name = text_copy_n(from->item[i], n);
        if (from->item[i][n] && regexec(regex, name, 0, NULL, 0) == 0)
            json_map_set(to, name, from->item[i] + n + 1);
    }
}

static void add_matching(const char *pattern, const JsonMap *labels, const JsonTexts *of_image,
    const JsonTexts *of_user, JsonMap *to) {
    regex_t regex;
    if (text_is_empty(pattern) || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return;
    for (size_t i = 0; labels && i < labels->n; i++)
        if (regexec(&regex, labels->key[i], 0, NULL, 0) == 0)
            json_map_set(to, labels->key[i], labels->value[i]);
    if (of_image)
        add_matching_texts(&regex, of_image, to);
    add_matching_texts(&regex, of_user, to);
    regfree(&regex);
}

static void add_attributes(const ContainerRecord *record, JsonMap *ret) {
    const ContainerSettings *settings = record->settings;
    const char *labels = json_map_find(&settings->log_options, "labels");
    const char *names = json_map_find(&settings->log_options, "env");
    const OciImageConfig *image = record->image->config;
    if (image) {
        add_image_labels(labels, &image->labels, ret);
        add_named(names, &image->env, ret);
    }
    add_named(labels, &settings->labels, ret);
    add_named(names, &settings->environment, ret);
    add_matching(json_map_find(&settings->log_options, "labels-regex"),
        image ? &image->labels : NULL, NULL, &settings->labels, ret);
    add_matching(json_map_find(&settings->log_options, "env-regex"), NULL,
        image ? &image->env : NULL, &settings->environment, ret);
}

/* By name, as Docker has them. */
static void sort(JsonMap *map) {
    for (size_t i = 1; i < map->n; i++)
        for (size_t k = i; k > 0 && strcmp(map->key[k - 1], map->key[k]) > 0; k--) {
            char *key = map->key[k], *value = map->value[k];
            map->key[k] = map->key[k - 1];
            map->value[k] = map->value[k - 1];
            map->key[k - 1] = key;
            map->value[k - 1] = value;
        }
}

/* The shim, which has no time to wait, is told addresses: "udp://name:514" → "udp://192.0.2.1:514".
 */
static int look_up(const char *address, char **ret, Error *err) {
    const char *host = strstr(address, "://") + 3;
    const char *port = *host == '[' ? strchr(host, ']') : strrchr(host, ':');
    port = port && *port == ']' ? port + 1 : port;
    size_t n = port ? (size_t)(port - host) : strlen(host);
    autofree char *name =
        *host == '[' && n > 2 ? text_copy_n(host + 1, n - 2) : text_copy_n(host, n);
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    char numbers[NI_MAXHOST];
    int r = getaddrinfo(name, NULL, &hints, &found);
    if (r == 0)
        r = getnameinfo(
            found->ai_addr, found->ai_addrlen, numbers, sizeof numbers, NULL, 0, NI_NUMERICHOST);
    if (found)
        freeaddrinfo(found);
    if (r != 0)
        return error_set(err, ERROR_UNAVAILABLE, "syslog-address: cannot look up '%.200s': %s",
            name, gai_strerror(r));
    bool six = strchr(numbers, ':');
    *ret = text_format("%.*s%s%s%s%s", (int)(host - address), address, six ? "[" : "", numbers,
        six ? "]" : "", port ? port : "");
    return 0;
}

static int copy_options(const JsonMap *from, JsonMap *to, Error *err) {
    for (size_t i = 0; i < from->n; i++) {
        autofree char *address = NULL;
        const char *value = from->value[i];
        if (text_equal(from->key[i], "syslog-address") &&
            (text_starts(value, "udp://") || text_starts(value, "tcp://")))
            TRY(look_up(value, &address, err));
        json_map_set(to, from->key[i], address ? address : value);
    }
    return 0;
}

int log_config_load(
    const ContainerRecord *record, const char *directory, LogConfig *ret, Error *err) {
    OutputDriver driver = log_config_driver(record);
    *ret = (LogConfig){.settings = record->settings,
        .path = log_config_path(record, directory),
        .container_name = record->name};
    TRY(make_tag(record, &ret->tag, err));
    TRY(copy_options(&record->settings->log_options, &ret->options, err));
    add_attributes(record, &ret->attributes);
    /* as Docker: in files a tag is an attribute, and only if the user asks for one */
    if ((driver == OUTPUT_JSON_FILE || driver == OUTPUT_LOCAL) &&
        !text_is_empty(json_map_find(&record->settings->log_options, "tag")))
        json_map_set(&ret->attributes, "tag", ret->tag);
    sort(&ret->attributes);
    return 0;
}

void log_config_done(LogConfig *config) {
    free(config->path);
    free(config->tag);
    json_map_done(&config->attributes);
    json_map_done(&config->options);
}
