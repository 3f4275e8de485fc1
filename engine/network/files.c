// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/network/driver.h"
#include "engine/network/network.h"
#include "engine/network/resolver.h"

/* resolv.conf(5) and hosts(5) of this machine; more is not a configuration but an attack. */
enum {
    HOST_FILE_MAX = 1 << 20
};

/* A name is written into lines of files that programs in the container believe. */
static int check_hostname(const char *name, Error *err) {
    size_t n = strlen(name);
    bool good = n > 0 && n <= 64;
    for (size_t i = 0; i < n; i++)
        good = good && name[i] > ' ' && name[i] < 0x7f && name[i] != '#';
    return good ? 0 : error_set(err, ERROR_INVALID, "invalid hostname: '%s'", name);
}

/* In place, not by rename(2): a bind mount holds the file, not its name. */
static int rewrite(int directory, const char *name, const Text *content, Error *err) {
    autoclose int file = -1;
    TRY(file_open(
        directory, name, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0644, &file, err));
    if (fchmod(file, 0644) < 0)
        return error_set_errno(err, errno, "cannot change the mode of '%s'", name);
    return content->length ? fd_write_all(file, content->data, content->length, err) : 0;
}

/* ---- hosts ---- */

static const char loopback_hosts[] = "127.0.0.1\tlocalhost\n"
                                     "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                     "fe00::\tip6-localnet\n"
                                     "ff00::\tip6-mcastprefix\n"
                                     "ff02::1\tip6-allnodes\n"
                                     "ff02::2\tip6-allrouters\n";

/* "web.example.org" is known as "web.example.org web". */
static void append_host(const NetworkFiles *files, Text *out) {
    const char *dot = strchr(files->hostname, '.');
    text_append_format(out, "%s\t%s", files->endpoint->ip, files->hostname);
    if (dot && dot > files->hostname)
        text_append_format(out, " %.*s", (int)(dot - files->hostname), files->hostname);
    text_append(out, "\n");
}

static int format_hosts(const NetworkFiles *files, Text *out, Error *err) {
    if (!files->endpoint->sandbox) {
        int r = file_read(AT_FDCWD, "/etc/hosts", HOST_FILE_MAX, out, err);
        if (r != ERROR_NOT_FOUND)
            return r;
    }
    text_append(out, loopback_hosts);
    if (files->endpoint->ip[0])
        append_host(files, out);
    return 0;
}

/* ---- resolv.conf ---- */

/* systemd-resolved keeps the servers behind its stub in a file of its own. Without any file that
 * suits, the first one is what there is to say. */
static int format_resolv_conf(
    const Network *network, const Endpoint *endpoint, Text *out, Error *err) {
    static const char *const paths[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};
    const Resolver resolver = {.servers = network->dns,
        .search = network->dns_search,
        .options = network->dns_options,
        .shares_host = !endpoint->sandbox};
    autodone(Text) first = {};
    for (size_t i = 0; i < array_size(paths); i++) {
        autodone(Text) file = {};
        int r = file_read(AT_FDCWD, paths[i], HOST_FILE_MAX, &file, err);
        if (r < 0 && r != ERROR_NOT_FOUND)
            return r;
        if (r >= 0 && file.data && resolver_suits(&resolver, file.data)) {
            resolver_format(&resolver, file.data, out);
            return 0;
        }
        if (i == 0 && file.data)
            text_append(&first, file.data);
    }
    resolver_format(&resolver, first.data ? first.data : "", out);
    return 0;
}

int network_write_files(Network *network, const NetworkFiles *files, Error *err) {
    autodone(Text) hostname = {};
    autodone(Text) hosts = {};
    autodone(Text) resolv_conf = {};
    autoclose int directory = -1;
    TRY(check_hostname(files->hostname, err));
    text_append_format(&hostname, "%s\n", files->hostname);
    TRY(format_hosts(files, &hosts, err));
    TRY(format_resolv_conf(network, files->endpoint, &resolv_conf, err));
    TRY(file_open(AT_FDCWD, files->directory, O_RDONLY | O_DIRECTORY, 0, &directory, err));
    TRY(rewrite(directory, "hostname", &hostname, err));
    TRY(rewrite(directory, "hosts", &hosts, err));
    return rewrite(directory, "resolv.conf", &resolv_conf, err);
}
