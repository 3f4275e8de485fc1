// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/config.h"
#include "target.h"

/* engine.json, and a daemon.json that was moved there: what was taken is whole, and each runtime
 * that it names is one. */

static void check_runtimes(const Config *config) {
    for (size_t i = 0; i < config->runtimes.n; i++) {
        ConfigRuntime runtime;
        autodone(ConfigRuntimeOptions) options = {};
        Error error;
        if (config_runtime(config, config->runtimes.key[i], &runtime, &error) < 0 &&
            !text_is_empty(config->runtimes.key[i]))
            abort();
        if (config_runtime_options(&runtime, &options, &error) < 0)
            abort();
    }
}

static void check(const Config *config) {
    if (!path_is_absolute(config->root) || !path_is_absolute(config->state) ||
        config->hosts.n == 0 || !config->log_driver || !config->storage_driver)
        abort();
    for (size_t i = 0; i < config->hosts.n; i++)
        if (!text_starts(config->hosts.item[i], "unix:///") &&
            !text_starts(config->hosts.item[i], "fd://"))
            abort();
    if (config->gc_high > 100 || config->gc_low > 100 || config->max_concurrent_downloads == 0)
        abort();
    check_runtimes(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error error;
    autoclose int file = memfd_create("engine.json", MFD_CLOEXEC);
    if (file < 0 || fd_write_all(file, data, size, &error) < 0)
        abort();
    autofree char *path = text_format("/proc/self/fd/%d", file);
    const ConfigOptions options = {.config = path};
    autodone(Config) config = {};
    if (config_load(&options, &config, &error) == 0)
        check(&config);
    return 0;
}
