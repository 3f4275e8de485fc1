// SPDX-License-Identifier: Apache-2.0
#include "cli/bind.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

static int parse_mode(const char *text, Bind *bind, Error *err) {
    static const char *const propagations[] = {
        "private", "rprivate", "shared", "rshared", "slave", "rslave"};
    static const char *const ignored[] = {"rw", "z", "Z", "consistent", "cached", "delegated"};
    autotexts char **words = texts_split(bind->mode, ',');
    for (size_t i = 0; words[i]; i++) {
        bool known = text_equal(words[i], "ro");
        bind->read_only |= known;
        for (size_t k = 0; k < array_size(propagations); k++) {
            if (text_equal(words[i], propagations[k])) {
                bind->propagation = propagations[k];
                known = true;
            }
        }
        for (size_t k = 0; k < array_size(ignored); k++)
            known |= text_equal(words[i], ignored[k]);
        if (!known)
            return error_set(err, ERROR_INVALID,
                "invalid volume specification '%s': invalid mode: %s", text, words[i]);
    }
    return 0;
}

static int parse(const char *text, char *const *part, size_t parts, Bind *bind, Error *err) {
    if (parts < 2 || (*part[0] != '/' && *part[0] != '.' && *part[0] != '~'))
        return error_set(err, ERROR_UNSUPPORTED,
            "invalid volume specification '%s': named and anonymous volumes are not supported; "
            "expected HOST-DIR:CONTAINER-DIR",
            text);
    if (parts > 3)
        return error_set(err, ERROR_INVALID, "invalid volume specification '%s'", text);
    if (*part[1] != '/')
        return error_set(err, ERROR_INVALID,
            "invalid volume specification '%s': mount path must be absolute: '%s'", text, part[1]);
    bind->source = path_absolute(part[0]);
    bind->target = path_clean(part[1]);
    bind->mode = text_copy(parts == 3 ? part[2] : "");
    if (text_equal(bind->target, "/"))
        return error_set(err, ERROR_INVALID,
            "invalid volume specification '%s': destination can't be '/'", text);
    return parse_mode(text, bind, err);
}

int bind_parse(const char *text, Bind *ret, Error *err) {
    autotexts char **parts = texts_split(text, ':');
    Bind bind = {.propagation = ""};
    int result = parse(text, parts, texts_count(parts), &bind, err);
    if (result < 0)
        bind_done(&bind);
    else
        *ret = bind;
    return result;
}

void bind_done(Bind *bind) {
    free(bind->source);
    free(bind->target);
    free(bind->mode);
    *bind = (Bind){};
}
