// SPDX-License-Identifier: Apache-2.0
#include "cli/mount.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

void mount_done(Mount *mount) {
    free(mount->source);
    free(mount->volume);
    free(mount->target);
    free(mount->mode);
    free(mount->options);
    free(mount->driver);
    free(mount->subpath);
    json_texts_done(&mount->volume_labels);
    json_texts_done(&mount->volume_options);
    *mount = (Mount){};
}

const char *mount_propagation(const char *text) {
    static const char *const propagations[] = {
        "private", "rprivate", "shared", "rshared", "slave", "rslave"};
    for (size_t i = 0; i < array_size(propagations); i++)
        if (text_equal(text, propagations[i]))
            return propagations[i];
    return NULL;
}

/* Docker takes one word of each sort; what has no effect on Linux, or only with SELinux, is taken
 * and left alone. */
static bool take_word(const char *word, Mount *mount) {
    static const char *const ignored[] = {"rw", "z", "Z", "consistent", "cached", "delegated"};
    const char *propagation = mount_propagation(word);
    if (propagation && text_equal(mount->type, "bind")) {
        mount->propagation = propagation;
        return true;
    }
    if (text_equal(word, "nocopy") && text_equal(mount->type, "volume"))
        return mount->no_copy = true;
    if (text_equal(word, "ro"))
        return mount->read_only = true;
    for (size_t i = 0; i < array_size(ignored); i++)
        if (text_equal(word, ignored[i]))
            return true;
    return false;
}

static int parse_mode(const char *text, Mount *mount, Error *err) {
    autotexts char **words = texts_split(mount->mode, ',');
    for (size_t i = 0; words[i]; i++)
        if (!take_word(words[i], mount))
            return error_set(err, ERROR_INVALID,
                "invalid volume specification '%s': invalid mode: %s", text, words[i]);
    return 0;
}

static int check_target(const char *text, const Mount *mount, const char *target, Error *err) {
    if (*target != '/')
        return error_set(err, ERROR_INVALID,
            "invalid volume specification '%s': invalid mount path: '%s' mount path must be "
            "absolute",
            text, target);
    if (text_equal(mount->target, "/"))
        return error_set(err, ERROR_INVALID,
            "invalid volume specification '%s': destination can't be '/'", text);
    return 0;
}

/* What begins as a path is one; a bare word is a volume's name; PATH alone is an anonymous one. */
static int parse(const char *text, char *const *part, size_t parts, Mount *mount, Error *err) {
    if (parts == 0)
        return error_set(err, ERROR_INVALID, "invalid empty volume spec");
    for (size_t i = 0; i < parts; i++)
        if (!*part[i])
            return error_set(
                err, ERROR_INVALID, "invalid spec: %s: empty section between colons", text);
    if (parts > 3)
        return error_set(err, ERROR_INVALID, "invalid volume specification '%s'", text);
    const char *target = part[parts > 1];
    bool is_path = parts > 1 && strchr("/.~", *part[0]);
    mount->type = is_path ? "bind" : "volume";
    mount->origin = parts == 1 ? "path" : "";
    mount->source = is_path ? path_absolute(part[0]) : NULL;
    mount->volume = parts > 1 && !is_path ? text_copy(part[0]) : NULL;
    mount->target = path_clean(target);
    mount->mode = text_copy(parts == 3 ? part[2] : "");
    TRY(check_target(text, mount, target, err));
    return parse_mode(text, mount, err);
}

int mount_parse_volume(const char *text, Mount *ret, Error *err) {
    autotexts char **parts = texts_split(text, ':');
    autodone(Mount) mount = {.propagation = ""};
    TRY(parse(text, parts, texts_count(parts), &mount, err));
    *ret = mount;
    mount = (Mount){};
    return 0;
}

int mount_parse_tmpfs(const char *text, Mount *ret, Error *err) {
    size_t n = strcspn(text, ":");
    autofree char *target = text_copy_n(text, n);
    if (*target != '/')
        return error_set(err, ERROR_INVALID,
            "invalid tmpfs '%s': invalid mount path: '%s' mount path must be absolute", text,
            target);
    *ret = (Mount){
        .type = "tmpfs",
        .origin = "tmpfs",
        .propagation = "",
        .target = path_clean(target),
        .options = text_copy(text[n] ? text + n + 1 : ""),
    };
    return 0;
}
