// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/prepare.h"

#include <sched.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"

/* Which configuration file criu reads over what we ask for (criu(8), --config). An annotation names
 * another one, or with an empty text none. */
#define CONFIG_ANNOTATION "org.criu.config"
#define CONFIG_FILE "/etc/criu/runc.conf"

enum {
    LOG_LEVEL_CRIU = 4, /* debug, as the reference runtime asks for */
    VERSION_MINIMUM = 30000,
    VERSION_EXTERNAL_NETWORK = 31100,
    VERSION_EXTERNAL_PID = 31500,
    VERSION_LSM = 31600
};

void prepare_options(CheckpointOptions *options, const OciSpec *spec) {
    CriuOptions *criu = &options->criu;
    const char *file = json_map_find(&spec->annotations, CONFIG_ANNOTATION);
    criu->config_file = !file ? CONFIG_FILE : *file ? file : NULL;
    criu->images_dir = options->images.dir;
    criu->work_dir = options->images.work;
    criu->log_file = path_name(options->images.log);
    criu->log_level = LOG_LEVEL_CRIU;
    criu->notify = criu->manage_cgroups = criu->orphan_terminal_master = true;
    /* engines configure networks, and do so again in a hook */
    criu->empty_namespaces = CLONE_NEWNET;
}

static bool names(const CriuOptions *options, const char *kind) {
    for (size_t i = 0; i < options->external.n; i++)
        if (text_starts(options->external.item[i], kind))
            return true;
    for (size_t i = 0; i < options->inherit_n; i++)
        if (strcasestr(options->inherit[i].key, kind))
            return true;
    return false;
}

int prepare_check_version(const Criu *criu, const CriuOptions *options, Error *err) {
    int version;
    const struct {
        int minimum;
        bool needed;
        const char *what;
    } rows[] = {
        {VERSION_MINIMUM, true, "its RPC"},
        {VERSION_EXTERNAL_NETWORK, names(options, "net"), "an existing network namespace"},
        {VERSION_EXTERNAL_PID, names(options, "pid"), "an existing pid namespace"},
        {VERSION_LSM, options->lsm_profile, "--lsm-profile"},
        {VERSION_LSM, options->lsm_mount_context, "--lsm-mount-context"},
    };
    TRY(criu_version(criu, &version, err));
    log_debug("criu's version is %d", version);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].needed && version < rows[i].minimum)
            return error_set(err, ERROR_UNSUPPORTED, "CRIU version %d must be %d or higher for %s",
                version, rows[i].minimum, rows[i].what);
    return 0;
}

int prepare_run(Criu *criu, CriuType type, const CheckpointOptions *options,
    const CriuListener *listener, Error *err) {
    int r = criu_run(criu, type, &options->criu, listener, err);
    if (r >= 0)
        return r;
    images_quote_log(&options->images);
    autofree char *message = text_copy(err->message), *logged = images_find_error(&options->images);
    const char *why = logged ? logged : criu->complaint;
    bool said = !why || !text_starts(message, "criu failed");
    return error_set(err, r, "%s%s%s (log file: %s)", message, said ? "" : ": ", said ? "" : why,
        options->images.log);
}

void checkpoint_options_done(CheckpointOptions *options) {
    images_done(&options->images);
    criu_options_done(&options->criu);
}
