// SPDX-License-Identifier: Apache-2.0
#include "engine/image/instruction.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/document.h"
#include "engine/image/word.h"

enum {
    CHANGE_BYTES_MAX = 1 << 16,
};

typedef struct Row {
    const char *name;
    int (*apply)(Instructions *instructions, const char *rest, Error *err);
} Row;

static int needs_argument(const char *name, Error *err) {
    return error_set(err, ERROR_INVALID, "%s requires at least one argument", name);
}

typedef struct JsonArray {
    JsonTexts texts;
} JsonArray;

#define T JsonArray
static const JsonField array_fields[] = {{"a", JSON_TEXTS, JSON_AT(texts)}, {}};
static const JsonType array_type = {sizeof(T), array_fields};
#undef T

/* ["a", "b"]: false if it is no array of strings, which then is a shell's line. */
static bool parse_array(const char *text, JsonTexts *ret) {
    JsonArray array = {};
    Error ignored;
    if (*text != '[')
        return false;
    /* json.h decodes objects */
    autofree char *object = text_format("{\"a\":%s}", text);
    if (json_decode(&array_type, object, strlen(object), &array, &ignored) < 0)
        return false;
    *ret = array.texts;
    return true;
}

static void set_text(char **text, const char *value) {
    free(*text);
    *text = text_copy(value);
}

static void set_texts(JsonTexts *texts, JsonTexts *value) {
    json_texts_done(texts);
    *texts = *value;
    *value = (JsonTexts){};
}

/* Exec form, or the line for the image's shell. */
static void parse_command(const OciImageConfig *config, const char *rest, JsonTexts *ret) {
    static const char *const shell[] = {"/bin/sh", "-c"};
    if (parse_array(rest, ret))
        return;
    for (size_t i = 0; i < config->shell.n; i++)
        json_texts_add(ret, config->shell.item[i]);
    for (size_t i = 0; config->shell.n == 0 && i < array_size(shell); i++)
        json_texts_add(ret, shell[i]);
    json_texts_add(ret, rest);
}

static int apply_cmd(Instructions *instructions, const char *rest, Error *err) {
    autodone(JsonTexts) command = {};
    if (*rest)
        parse_command(instructions->config, rest, &command);
    set_texts(&instructions->config->cmd, &command);
    instructions->has_command = true;
    return 0;
}

static int apply_entrypoint(Instructions *instructions, const char *rest, Error *err) {
    autodone(JsonTexts) command = {};
    if (*rest)
        parse_command(instructions->config, rest, &command);
    set_texts(&instructions->config->entrypoint, &command);
    if (!instructions->has_command)
        json_texts_done(&instructions->config->cmd);
    return 0;
}

/* A short line can say $NAME often: what comes of all lines together is bounded, too. */
static int expand(Instructions *instructions, const JsonTexts *environment, const char *word,
    char **ret, Error *err) {
    autodone(Text) text = {};
    TRY(word_expand(word, environment, &text, err));
    instructions->expanded += text.length;
    if (instructions->expanded > DOCUMENT_CONFIG_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the changes make a config of more than %d bytes",
            DOCUMENT_CONFIG_MAX);
    *ret = text_take(&text);
    return 0;
}

/* "NAME=value": in the place of one of that name. */
static void set_variable(JsonTexts *environment, const char *name, const char *value) {
    size_t n = strlen(name);
    char *variable = text_format("%s=%s", name, value);
    for (size_t i = 0; i < environment->n; i++)
        if (strncmp(environment->item[i], name, n) == 0 && environment->item[i][n] == '=') {
            free(environment->item[i]);
            environment->item[i] = variable;
            return;
        }
    array_append(environment->item, environment->n, variable);
}

typedef void SetPair(OciImageConfig *config, const char *name, const char *value);

static void set_environment(OciImageConfig *config, const char *name, const char *value) {
    set_variable(&config->env, name, value);
}

static void set_label(OciImageConfig *config, const char *name, const char *value) {
    json_map_set(&config->labels, name, value);
}

static int set_pair(Instructions *instructions, const JsonTexts *environment, const char *name,
    const char *value, SetPair *set, Error *err) {
    autofree char *plain_name = NULL, *plain_value = NULL;
    TRY(expand(instructions, environment, name, &plain_name, err));
    TRY(expand(instructions, environment, value, &plain_value, err));
    if (!*plain_name)
        return error_set(err, ERROR_INVALID, "names can not be blank");
    set(instructions->config, plain_name, plain_value);
    return 0;
}

static void copy_texts(const JsonTexts *from, JsonTexts *to) {
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(to, from->item[i]);
}

/* NAME=value …, or the old form NAME and the rest of the line. Variables mean what they meant
 * before the line. */
static int apply_pairs(
    Instructions *instructions, const char *rest, const char *what, SetPair *set, Error *err) {
    autodone(JsonTexts) words = {}, environment = {};
    copy_texts(&instructions->config->env, &environment);
    TRY(words_split(rest, &words, err));
    if (words.n == 0)
        return needs_argument(what, err);
    if (!strchr(words.item[0], '=')) {
        const char *value = rest + strlen(words.item[0]);
        value += strspn(value, " \t");
        if (!*value)
            return error_set(err, ERROR_INVALID, "%s must have two arguments", what);
        return set_pair(instructions, &environment, words.item[0], value, set, err);
    }
    for (size_t i = 0; i < words.n; i++) {
        char *equals = strchr(words.item[i], '=');
        if (!equals)
            return error_set(err, ERROR_INVALID,
                "Syntax error - can't find = in \"%.200s\". Must be of the form: name=value",
                words.item[i]);
        *equals = '\0';
        TRY(set_pair(instructions, &environment, words.item[i], equals + 1, set, err));
    }
    return 0;
}

static int apply_env(Instructions *instructions, const char *rest, Error *err) {
    return apply_pairs(instructions, rest, "ENV", set_environment, err);
}

static int apply_label(Instructions *instructions, const char *rest, Error *err) {
    return apply_pairs(instructions, rest, "LABEL", set_label, err);
}

static void add_key(JsonObjectMap *map, const char *key) {
    for (size_t i = 0; i < map->n; i++)
        if (text_equal(map->key[i], key))
            return;
    json_object_map_add(map, key, &oci_empty_type);
}

static int parse_port(const char *text, size_t n, uint64_t *ret, Error *err) {
    autofree char *number = text_copy_n(text, n);
    TRY(text_parse_uint(number, "containerPort", ret, err));
    return *ret > 0 && *ret <= UINT16_MAX
               ? 0
               : error_set(err, ERROR_INVALID, "invalid containerPort: %s", number);
}

static const char *find_protocol(const char *text) {
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < array_size(protocols); i++)
        if (strcasecmp(protocols[i], text) == 0)
            return protocols[i];
    return NULL;
}

static void mark_exposed(const JsonObjectMap *ports, const char *protocol, bool *exposed) {
    for (size_t i = 0; i < ports->n; i++) {
        char *end;
        unsigned long port = strtoul(ports->key[i], &end, 10);
        if (port <= UINT16_MAX && *end == '/' && text_equal(end + 1, protocol))
            exposed[port] = true;
    }
}

/* "80", "80/udp", "8000-8010/tcp" */
static int expose(OciImageConfig *config, const char *word, Error *err) {
    size_t n = strcspn(word, "/"), first_n = strcspn(word, "-/");
    const char *protocol = find_protocol(word[n] ? word + n + 1 : "tcp");
    uint64_t first, last;
    bool exposed[UINT16_MAX + 1] = {};
    if (!protocol)
        return error_set(err, ERROR_INVALID, "invalid proto: %.100s", word + n + 1);
    TRY(parse_port(word, first_n, &first, err));
    last = first;
    if (first_n < n)
        TRY(parse_port(word + first_n + 1, n - first_n - 1, &last, err));
    if (last < first)
        return error_set(err, ERROR_INVALID, "invalid port range: %.100s", word);
    mark_exposed(&config->exposed_ports, protocol, exposed);
    for (uint64_t port = first; port <= last; port++) {
        autofree char *key = exposed[port] ? NULL : text_format("%d/%s", (int)port, protocol);
        if (key)
            json_object_map_add(&config->exposed_ports, key, &oci_empty_type);
    }
    return 0;
}

/* Each word, expanded, is given to `take`. */
static int each_word(Instructions *instructions, const char *rest, const char *what,
    int (*take)(OciImageConfig *config, const char *word, Error *err), Error *err) {
    autodone(JsonTexts) words = {};
    if (!parse_array(rest, &words))
        TRY(words_split(rest, &words, err));
    if (words.n == 0)
        return needs_argument(what, err);
    for (size_t i = 0; i < words.n; i++) {
        autofree char *word = NULL;
        TRY(expand(instructions, &instructions->config->env, words.item[i], &word, err));
        TRY(take(instructions->config, word, err));
    }
    return 0;
}

static int apply_expose(Instructions *instructions, const char *rest, Error *err) {
    return each_word(instructions, rest, "EXPOSE", expose, err);
}

static int add_volume(OciImageConfig *config, const char *word, Error *err) {
    if (!*word)
        return error_set(err, ERROR_INVALID, "VOLUME specified can not be an empty string");
    add_key(&config->volumes, word);
    return 0;
}

static int apply_volume(Instructions *instructions, const char *rest, Error *err) {
    return each_word(instructions, rest, "VOLUME", add_volume, err);
}

static int one_word(
    Instructions *instructions, const char *rest, const char *what, char **ret, Error *err) {
    if (!*rest)
        return error_set(err, ERROR_INVALID, "%s requires exactly one argument", what);
    return expand(instructions, &instructions->config->env, rest, ret, err);
}

static int apply_user(Instructions *instructions, const char *rest, Error *err) {
    autofree char *word = NULL;
    TRY(one_word(instructions, rest, "USER", &word, err));
    set_text(&instructions->config->user, word);
    return 0;
}

static int apply_workdir(Instructions *instructions, const char *rest, Error *err) {
    autofree char *word = NULL;
    const char *old = instructions->config->working_dir;
    TRY(one_word(instructions, rest, "WORKDIR", &word, err));
    autofree char *base = path_join("/", old ? old : "");
    autofree char *joined = path_is_absolute(word) ? text_copy(word) : path_join(base, word);
    autofree char *clean = path_clean(joined);
    set_text(&instructions->config->working_dir, clean);
    return 0;
}

static int apply_stopsignal(Instructions *instructions, const char *rest, Error *err) {
    autofree char *word = NULL;
    int number;
    TRY(one_word(instructions, rest, "STOPSIGNAL", &word, err));
    TRY(signal_parse(word, &number, err));
    set_text(&instructions->config->stop_signal, word);
    return 0;
}

static int apply_onbuild(Instructions *instructions, const char *rest, Error *err) {
    static const char *const refused[] = {"ONBUILD", "FROM", "MAINTAINER"};
    size_t n = strcspn(rest, " \t");
    if (n == 0)
        return needs_argument("ONBUILD", err);
    for (size_t i = 0; i < array_size(refused); i++)
        if (strlen(refused[i]) == n && strncasecmp(rest, refused[i], n) == 0)
            return i == 0 ? error_set(err, ERROR_INVALID,
                                "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
                          : error_set(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
                                refused[i]);
    json_texts_add(&instructions->config->on_build, rest);
    return 0;
}

/* One --name=value of HEALTHCHECK. */
static int health_option(OciHealthcheck *health, const char *word, Error *err) {
    const struct {
        const char *name;
        JsonInt *duration;
    } rows[] = {
        {"--interval=", &health->interval},
        {"--timeout=", &health->timeout},
        {"--start-period=", &health->start_period},
        {"--start-interval=", &health->start_interval},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        if (!text_starts(word, rows[i].name))
            continue;
        int64_t duration;
        TRY(time_parse_duration(word + strlen(rows[i].name), rows[i].name, &duration, err));
        if (duration != 0 && duration < TIME_MILLISECOND)
            return error_set(err, ERROR_INVALID, "%s cannot be less than 1ms", word);
        *rows[i].duration = (JsonInt){true, duration};
        return 0;
    }
    if (!text_starts(word, "--retries="))
        return error_set(err, ERROR_INVALID, "unknown flag: %.100s", word);
    TRY(text_parse_int(word + strlen("--retries="), "--retries", &health->retries.value, err));
    health->retries.set = true;
    return health->retries.value >= 0
               ? 0
               : error_set(err, ERROR_INVALID, "--retries cannot be negative");
}

static int parse_health(
    const OciImageConfig *config, const char *rest, OciHealthcheck *ret, Error *err) {
    while (text_starts(rest, "--")) {
        size_t n = strcspn(rest, " \t");
        autofree char *word = text_copy_n(rest, n);
        TRY(health_option(ret, word, err));
        rest += n + strspn(rest + n, " \t");
    }
    size_t n = strcspn(rest, " \t");
    if (n == 4 && strncasecmp(rest, "NONE", 4) == 0 && !rest[n]) {
        json_texts_add(&ret->test, "NONE");
        return 0;
    }
    const char *command = rest + n + strspn(rest + n, " \t");
    if (n != 3 || strncasecmp(rest, "CMD", 3) != 0)
        return error_set(
            err, ERROR_INVALID, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)", (int)n, rest);
    autodone(JsonTexts) words = {};
    bool exec = parse_array(command, &words);
    if (!*command || (exec && words.n == 0))
        return error_set(err, ERROR_INVALID, "Missing command after HEALTHCHECK CMD");
    json_texts_add(&ret->test, exec ? "CMD" : "CMD-SHELL");
    copy_texts(&words, &ret->test);
    if (!exec)
        json_texts_add(&ret->test, command);
    return 0;
}

static int apply_healthcheck(Instructions *instructions, const char *rest, Error *err) {
    OciImageConfig *config = instructions->config;
    OciHealthcheck *health = new (OciHealthcheck);
    int code = *rest ? parse_health(config, rest, health, err) : needs_argument("HEALTHCHECK", err);
    OciHealthcheck *gone = code < 0 ? health : config->healthcheck;
    if (code == 0)
        config->healthcheck = health;
    if (gone)
        json_done(&oci_healthcheck_type, gone);
    free(gone);
    return code;
}

static const Row rows[] = {
    {"CMD", apply_cmd},
    {"ENTRYPOINT", apply_entrypoint},
    {"ENV", apply_env},
    {"EXPOSE", apply_expose},
    {"HEALTHCHECK", apply_healthcheck},
    {"LABEL", apply_label},
    {"ONBUILD", apply_onbuild},
    {"STOPSIGNAL", apply_stopsignal},
    {"USER", apply_user},
    {"VOLUME", apply_volume},
    {"WORKDIR", apply_workdir},
};

int instruction_apply(Instructions *instructions, const char *line, Error *err) {
    static const char blanks[] = " \t\r\n";
    line += strspn(line, blanks);
    size_t length = strlen(line), n = strcspn(line, blanks);
    if (length > CHANGE_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "a change has more than %d bytes", CHANGE_BYTES_MAX);
    while (length > n && strchr(blanks, line[length - 1]))
        length--;
    autofree char *text = text_copy_n(line, length);
    const char *rest = text + n + strspn(text + n, blanks);
    for (size_t i = 0; i < array_size(rows); i++)
        if (strlen(rows[i].name) == n && strncasecmp(text, rows[i].name, n) == 0)
            return rows[i].apply(instructions, rest, err);
    return error_set(err, ERROR_INVALID, "%.*s is not a valid change command", (int)n, text);
}

static bool says_nothing(const char *line) {
    line += strspn(line, " \t\r");
    return !*line || *line == '#';
}

/* Puts the next line of *at behind `to`; does it go on in the one after it? */
static bool take_line(const char **at, Text *to) {
    size_t n = strcspn(*at, "\n"), end = n;
    const char *line = *at;
    *at += n + (line[n] == '\n');
    while (end > 0 && strchr(" \t\r", line[end - 1]))
        end--;
    bool goes_on = end > 0 && line[end - 1] == '\\';
    text_append_bytes(to, line, goes_on ? end - 1 : end);
    return goes_on;
}

static int apply_piece(Instructions *instructions, const char *piece, size_t *count, Error *err) {
    while (*piece) {
        autodone(Text) line = {};
        for (bool goes_on = true; goes_on && *piece;) {
            autodone(Text) part = {};
            bool more = take_line(&piece, &part);
            bool nothing = says_nothing(part.data ? part.data : "");
            if (!nothing)
                text_append(&line, part.data);
            goes_on = line.length > 0 && (more || nothing);
        }
        if (line.length == 0)
            continue;
        ++*count;
        TRY(instruction_apply(instructions, line.data, err));
    }
    return 0;
}

int instructions_apply(OciImageConfig *config, const char *const *changes, size_t n, Error *err) {
    Instructions instructions = {.config = config};
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        TRY(apply_piece(&instructions, changes[i], &count, err));
    return n == 0 || count > 0 ? 0 : error_set(err, ERROR_INVALID, "file with no instructions");
}
