// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/mount.h"

/* One line of CSV: a field may be in quotes, and then hold commas and doubled quotes. */
static int split(const char *line, JsonTexts *ret, Error *err) {
    for (;;) {
        autodone(Text) field = {};
        bool quoted = *line == '"';
        line += quoted;
        while (quoted ? *line && (*line != '"' || line[1] == '"') : *line && *line != ',') {
            if (*line == '"' && !quoted)
                return error_set(err, ERROR_INVALID, "bare \" in non-quoted field");
            line += quoted && *line == '"';
            text_append_char(&field, *line++);
        }
        if (quoted && *line++ != '"')
            return error_set(err, ERROR_INVALID, "extraneous or missing \" in quoted field");
        if (*line && *line != ',')
            return error_set(err, ERROR_INVALID, "extraneous or missing \" in quoted field");
        json_texts_add(ret, field.data ? field.data : "");
        if (!*line++)
            return 0;
    }
}

typedef struct Parse {
    Mount *mount;
    const char *key, *value; /* value NULL: none was said */
    char *source;
    uint64_t size, mode;
    bool bind, volume, tmpfs; /* which options were said */
} Parse;

static int bad_value(const Parse *parse, Error *err) {
    return error_set(err, ERROR_INVALID, "invalid value for %s: %s", parse->key, parse->value);
}

/* Go's strconv.ParseBool; the key alone means yes. */
static int read_bool(const Parse *parse, bool *ret, Error *err) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < array_size(yes); i++) {
        if (!parse->value || text_equal(parse->value, yes[i])) {
            *ret = true;
            return 0;
        }
        if (text_equal(parse->value, no[i])) {
            *ret = false;
            return 0;
        }
    }
    return bad_value(parse, err);
}

static int take_type(Parse *parse, Error *err) {
    static const char *const known[] = {"bind", "volume", "tmpfs"};
    static const char *const dockers[] = {"npipe", "cluster", "image"};
    for (size_t i = 0; i < array_size(known); i++) {
        if (!strcasecmp(parse->value, known[i])) {
            parse->mount->type = known[i];
            return 0;
        }
        if (!strcasecmp(parse->value, dockers[i]))
            return error_set(
                err, ERROR_UNSUPPORTED, "mounts of type '%s' are not supported", parse->value);
    }
    return error_set(err, ERROR_INVALID, "mount type unknown: \"%s\"", parse->value);
}

static int take_source(Parse *parse, Error *err) {
    (void)err;
    free(parse->source);
    parse->source = text_copy(parse->value);
    return 0;
}

static int take_target(Parse *parse, Error *err) {
    if (*parse->value != '/')
        return error_set(err, ERROR_INVALID, "invalid mount path: '%s' mount path must be absolute",
            parse->value);
    free(parse->mount->target);
    parse->mount->target = path_clean(parse->value);
    return 0;
}

static int take_read_only(Parse *parse, Error *err) {
    return read_bool(parse, &parse->mount->read_only, err);
}

static int take_nothing(Parse *parse, Error *err) {
    (void)parse;
    (void)err;
    return 0;
}

static int take_propagation(Parse *parse, Error *err) {
    const char *propagation = mount_propagation(parse->value);
    if (!propagation)
        return bad_value(parse, err);
    parse->mount->propagation = propagation;
    return 0;
}

static int take_recursive(Parse *parse, Error *err) {
    return text_equal(parse->value, "enabled")
               ? 0
               : error_set(err, ERROR_UNSUPPORTED,
                     "bind-recursive=%s is not supported: binds are recursive", parse->value);
}

static int take_create(Parse *parse, Error *err) {
    bool create;
    TRY(read_bool(parse, &create, err));
    parse->mount->strict = !create;
    return 0;
}

static int take_no_copy(Parse *parse, Error *err) {
    return read_bool(parse, &parse->mount->no_copy, err);
}

static int take_driver(Parse *parse, Error *err) {
    (void)err;
    free(parse->mount->driver);
    parse->mount->driver = text_copy(parse->value);
    return 0;
}

static int take_label(Parse *parse, Error *err) {
    (void)err;
    json_texts_add(&parse->mount->volume_labels, parse->value);
    return 0;
}

static int take_option(Parse *parse, Error *err) {
    (void)err;
    json_texts_add(&parse->mount->volume_options, parse->value);
    return 0;
}

static int take_subpath(Parse *parse, Error *err) {
    (void)err;
    free(parse->mount->subpath);
    parse->mount->subpath = text_copy(parse->value);
    return 0;
}

static int take_size(Parse *parse, Error *err) {
    Error ignored;
    return text_parse_size(parse->value, "", &parse->size, &ignored) < 0 ? bad_value(parse, err)
                                                                         : 0;
}

static int take_mode(Parse *parse, Error *err) {
    size_t n = strspn(parse->value, "01234567");
    if (n == 0 || n > 5 || parse->value[n])
        return bad_value(parse, err);
    parse->mode = strtoul(parse->value, NULL, 8);
    return 0;
}

static const struct {
    const char *key;
    int (*take)(Parse *parse, Error *err);
    bool bare; /* needs no value */
} rows[] = {
    {"bind-create-src", take_create, true},
    {"bind-propagation", take_propagation, false},
    {"bind-recursive", take_recursive, false},
    {"consistency", take_nothing, false},
    {"destination", take_target, false},
    {"dst", take_target, false},
    {"readonly", take_read_only, true},
    {"ro", take_read_only, true},
    {"source", take_source, false},
    {"src", take_source, false},
    {"target", take_target, false},
    {"tmpfs-mode", take_mode, false},
    {"tmpfs-size", take_size, false},
    {"type", take_type, false},
    {"volume-driver", take_driver, false},
    {"volume-label", take_label, false},
    {"volume-nocopy", take_no_copy, true},
    {"volume-opt", take_option, false},
    {"volume-subpath", take_subpath, false},
};

static int take_field(Parse *parse, const char *field, Error *err) {
    size_t n = strcspn(field, "=");
    autofree char *key = text_copy_n(field, n);
    for (char *c = key; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    parse->key = key;
    parse->value = field[n] ? field + n + 1 : NULL;
    for (size_t i = 0; i < array_size(rows); i++) {
        if (!text_equal(key, rows[i].key))
            continue;
        if (!parse->value && !rows[i].bare)
            return error_set(
                err, ERROR_INVALID, "invalid field '%s' must be a key=value pair", field);
        parse->bind |= text_starts(key, "bind-");
        parse->volume |= text_starts(key, "volume-");
        parse->tmpfs |= text_starts(key, "tmpfs-");
        return rows[i].take(parse, err);
    }
    return error_set(err, ERROR_INVALID, "unexpected key '%s' in '%s'", key, field);
}

static int check_mix(const Parse *parse, Error *err) {
    const struct {
        const char *type;
        bool said;
    } sorts[] = {{"volume", parse->volume}, {"bind", parse->bind}, {"tmpfs", parse->tmpfs}};
    for (size_t i = 0; i < array_size(sorts); i++)
        if (sorts[i].said && !text_equal(parse->mount->type, sorts[i].type))
            return error_set(err, ERROR_INVALID, "cannot mix '%s-*' options with mount type '%s'",
                sorts[i].type, parse->mount->type);
    return 0;
}

static int finish(Parse *parse, Error *err) {
    Mount *mount = parse->mount;
    if (!mount->target)
        return error_set(err, ERROR_INVALID, "target is required");
    TRY(check_mix(parse, err));
    bool bind = text_equal(mount->type, "bind"), tmpfs = text_equal(mount->type, "tmpfs");
    if (bind && text_is_empty(parse->source))
        return error_set(err, ERROR_INVALID,
            "invalid mount config for type \"bind\": field Source must not be empty");
    if (tmpfs && parse->source)
        return error_set(err, ERROR_INVALID,
            "invalid mount config for type \"tmpfs\": field Source must not be specified");
    if (bind)
        mount->source = path_absolute(parse->source);
    else if (!text_is_empty(parse->source))
        mount->volume = take_ptr(&parse->source);
    mount->strict = bind && mount->strict;
    autodone(Text) options = {};
    if (parse->size > 0)
        text_append_format(&options, "size=%llu", (unsigned long long)parse->size);
    if (parse->mode > 0)
        text_append_format(
            &options, "%smode=%llo", options.length ? "," : "", (unsigned long long)parse->mode);
    mount->options = options.length ? text_take(&options) : NULL;
    return 0;
}

static int parse_all(const char *text, Parse *parse, Error *err) {
    autodone(JsonTexts) fields = {};
    if (!*text)
        return error_set(err, ERROR_INVALID, "value is empty");
    TRY(split(text, &fields, err));
    for (size_t i = 0; i < fields.n; i++)
        TRY(take_field(parse, fields.item[i], err));
    return finish(parse, err);
}

int mount_parse_option(const char *text, Mount *ret, Error *err) {
    autodone(Mount) mount = {.type = "volume",
        .origin = "mount",
        .propagation = "",
        .mode = text_copy(""),
        .strict = true};
    Parse parse = {.mount = &mount};
    int r = parse_all(text, &parse, err);
    free(parse.source);
    if (r < 0)
        return error_prefix(err, "invalid argument \"%s\" for \"--mount\" flag", text);
    *ret = mount;
    mount = (Mount){};
    return 0;
}
