// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/spec.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/container/spec/capability.h"

enum {
    MEMORY_MIN = 6 << 20,
    HOSTNAME_MAX = 63,
    WORDS_MAX = 2 << 20
};

int spec_build(const SpecInput *input, OciSpec *ret, Error *err) {
    *ret = (OciSpec){};
    ret->oci_version = text_copy("1.0.2"); /* what every runtime of today accepts */
    ret->root = new (OciRoot);
    ret->root->path = text_copy("rootfs");
    ret->root->readonly = (JsonBool){true, input->record->settings->read_only.value};
    ret->hostname = spec_hostname(input->record);
    ret->process = new (OciProcess);
    ret->linux = new (OciLinux);
    int r = spec_build_process(input, ret->process, err);
    if (r < 0) {
        json_done(&oci_spec_type, ret);
        return r;
    }
    spec_build_mounts(input, ret);
    spec_build_linux(input, ret);
    return 0;
}

static int check_hostname(const char *name, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t n = strlen(name);
    if (n <= HOSTNAME_MAX && strspn(name, allowed) == n && name[0] != '-' && name[0] != '.')
        return 0;
    return error_set(err, ERROR_INVALID, "invalid hostname format: %s", name);
}

static bool has_control(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

static int check_limits(const ContainerSettings *settings, Error *err) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (settings->memory.value < 0 ||
        (settings->memory.value > 0 && settings->memory.value < MEMORY_MIN))
        return error_set(err, ERROR_INVALID, "Minimum memory limit allowed is 6MB");
    if (settings->memory.value > INT64_MAX / 2)
        return error_set(err, ERROR_INVALID, "memory limit is out of range");
    if (settings->nano_cpus.value < 0 || settings->nano_cpus.value > cpus * INT64_C(1000000000) ||
        (settings->nano_cpus.value > 0 && settings->nano_cpus.value < 10000000))
        return error_set(err, ERROR_INVALID,
            "range of CPUs is from 0.01 to %ld.00, as there are only %ld CPUs available", cpus,
            cpus);
    return 0;
}

static int check_size(const ContainerSettings *settings, Error *err) {
    const JsonTexts *lists[] = {
        &settings->command, &settings->entrypoint, &settings->environment, &settings->labels};
    size_t bytes = 0;
    for (size_t i = 0; i < array_size(lists); i++) {
        for (size_t j = 0; j < lists[i]->n; j++)
            bytes += strlen(lists[i]->item[j]);
    }
    if (bytes > WORDS_MAX)
        return error_set(
            err, ERROR_EXHAUSTED, "command, environment and labels together exceed 2 MiB");
    return 0;
}

int spec_check(const ContainerRecord *record, Error *err) {
    const ContainerSettings *settings = record->settings;
    JsonTexts command = {}, capabilities = {};
    const CapabilityChoice choice = {
        &settings->capabilities_add, &settings->capabilities_drop, settings->privileged.value};
    int signal;
    TRY(check_size(settings, err));
    int r = spec_command(record, &command, err);
    json_texts_done(&command);
    TRY(r);
    r = capability_choose(&choice, &capabilities, err);
    json_texts_done(&capabilities);
    TRY(r);
    if (!text_is_empty(settings->hostname))
        TRY(check_hostname(settings->hostname, err));
    if (!text_is_empty(settings->working_directory) &&
        !path_is_absolute(settings->working_directory))
        return error_set(err, ERROR_INVALID,
            "the working directory '%s' is invalid, it needs to be an absolute path",
            settings->working_directory);
    if (settings->user && has_control(settings->user))
        return error_set(err, ERROR_INVALID, "invalid user: it holds a control character");
    TRY(signal_parse(spec_stop_signal(record), &signal, err));
    TRY(mounts_check(settings, err));
    return check_limits(settings, err);
}
