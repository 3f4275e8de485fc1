// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "cli/document.h"

enum {
    FILE_MAX = 1 << 20
};

char *config_path(void) {
    const char *directory = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    if (!text_is_empty(directory))
        return path_join(directory, "config.json");
    return text_is_empty(home) ? NULL : path_join(home, ".docker/config.json");
}

int config_read(Text *ret, Error *err) {
    autofree char *path = config_path();
    if (!path)
        return 0;
    int result = file_read(AT_FDCWD, path, FILE_MAX, ret, err);
    return result == ERROR_NOT_FOUND ? 0 : result;
}

char *config_text(const char *name) {
    autodone(Text) text = {};
    autodone(JsonTexts) keys = {};
    Error ignored;
    if (config_read(&text, &ignored) < 0 || !text.length ||
        json_keys(text.data, text.length, &keys, &ignored) < 0)
        return NULL;
    Document value = document_member(document_of(text.data), name);
    return document_kind(value) == DOCUMENT_TEXT ? document_to_text(value) : NULL;
}
