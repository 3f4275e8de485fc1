// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/every.h"

#include <dirent.h>
#include <errno.h>
#include <regex.h>

#include "base/cleanup.h"
#include "base/log.h"

/* The ids first: acting on containers changes the directory that is read. */
static int collect(const char *root, const regex_t *expression, JsonTexts *ret, Error *err) {
    DIR *stream = opendir(root);
    if (!stream)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot list '%s'", root);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.' && entry->d_type == DT_DIR &&
            regexec(expression, entry->d_name, 0, NULL, 0) == 0)
            json_texts_add(ret, entry->d_name);
    closedir(stream);
    return 0;
}

static int act_on(
    const Globals *globals, const JsonTexts *ids, EveryContainer *act, void *argument, Error *err) {
    int result = 0;
    for (size_t i = 0; i < ids->n; i++) {
        Error failure = {};
        if (act(globals, ids->item[i], argument, &failure) >= 0)
            continue;
        error_prefix(&failure, "container %s", ids->item[i]);
        if (result < 0)
            log_failure(LOG_LEVEL_ERROR, &failure);
        else
            *err = failure;
        result = err->code;
    }
    return result;
}

int every_container(const Globals *globals, const char *expression, EveryContainer *act,
    void *argument, Error *err) {
    regex_t compiled;
    JsonTexts ids = {};
    char reason[128];
    int r = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        regerror(r, &compiled, reason, sizeof reason);
        return error_set(
            err, ERROR_INVALID, "invalid regular expression '%s': %s", expression, reason);
    }
    r = collect(globals->root, &compiled, &ids, err);
    regfree(&compiled);
    r = r < 0 ? r : act_on(globals, &ids, act, argument, err);
    json_texts_done(&ids);
    return r;
}
