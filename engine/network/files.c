// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
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

/* 127/8 and ::1 are other machines, so to speak, inside a namespace of its own. */
static bool is_loopback(const char *address) {
    return text_starts(address, "127.") || text_equal(address, "::1") ||
           text_starts(address, "::1%");
}

/* The value after the keyword, up to the end of the line or a comment. NULL: another line. */
static char *directive(const char *line, const char *keyword) {
    line += strspn(line, " \t");
    if (!text_starts(line, keyword))
        return NULL;
    line += strlen(keyword);
    if (*line != ' ' && *line != '\t')
        return NULL;
    line += strspn(line, " \t");
    size_t n = strcspn(line, "#;\r");
    while (n > 0 && isspace((unsigned char)line[n - 1]))
        n--;
    return text_copy_n(line, n);
}

/* Nothing but loopback: a resolver of this machine (systemd-resolved, dnsmasq) stands before. */
static bool has_reachable_server(char *const *lines) {
    for (; lines && *lines; lines++) {
        autofree char *server = directive(*lines, "nameserver");
        if (server && !is_loopback(server))
            return true;
    }
    return false;
}

/* systemd-resolved keeps the servers behind its stub in a file of its own. */
static int read_resolv_conf(bool loopback_is_fine, Text *ret, Error *err) {
    static const char *const paths[] = {
        "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"};
    for (size_t i = 0; i < array_size(paths); i++) {
        text_clear(ret);
        int r = file_read(AT_FDCWD, paths[i], HOST_FILE_MAX, ret, err);
        if (r < 0 && r != ERROR_NOT_FOUND)
            return r;
        autotexts char **lines = texts_split(ret->length ? ret->data : "", '\n');
        if (r >= 0 && (loopback_is_fine || has_reachable_server(lines)))
            return 0;
    }
    return 0;
}

static bool is_printable(const char *text) {
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text))
            return false;
    }
    return true;
}

static void append_configured(const char *keyword, char *const *values, bool one_line, Text *out) {
    for (size_t i = 0; values[i]; i++) {
        text_append(out, i == 0 || !one_line ? keyword : "");
        text_append_format(out, " %s%s", values[i], values[i + 1] && one_line ? "" : "\n");
    }
}

/* One kind of line: what the engine's configuration says, else what the host's file says. Returns
 * how many were written. */
typedef struct ResolvRow {
    const char *keyword;
    char *const *configured;
    bool one_line, reachable_only;
} ResolvRow;

static int append_row(const ResolvRow *row, char *const *lines, Text *out) {
    int n = 0;
    if (row->configured && row->configured[0]) {
        append_configured(row->keyword, row->configured, row->one_line, out);
        return 1;
    }
    for (; lines && *lines; lines++) {
        autofree char *value = directive(*lines, row->keyword);
        if (!value || !*value || !is_printable(value) ||
            (row->reachable_only && is_loopback(value)))
            continue;
        text_append_format(out, "%s %s\n", row->keyword, value);
        n++;
    }
    return n;
}

static int format_resolv_conf(
    const Network *network, const Endpoint *endpoint, Text *out, Error *err) {
    bool shared = !endpoint->sandbox;
    autodone(Text) host = {};
    TRY(read_resolv_conf(shared, &host, err));
    autotexts char **lines = texts_split(host.length ? host.data : "", '\n');
    const ResolvRow servers = {"nameserver", network->dns, false, !shared};
    const ResolvRow search = {"search", network->dns_search, true, false};
    const ResolvRow options = {"options", network->dns_options, true, false};
    int n = append_row(&servers, lines, out);
    if (n == 0 && !shared)
        text_append(out, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    if (append_row(&search, lines, out) == 0)
        append_row(&(ResolvRow){.keyword = "domain"}, lines, out);
    append_row(&options, lines, out);
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
