// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/log/lines.h"
#include "shim/log/queue.h"

/* A syslog daemon: the local one, or another over a unix socket, UDP or TCP. Messages over streams
 * end with a newline (RFC 6587, 3.4.2); the formats are those of Docker's driver. Hosts are
 * addresses here: the engine has looked their names up. */
typedef struct Syslog {
    LogSink sink;
    LogLines lines;
    LogQueue *queue;
    Text message;
    SyslogFormat format;
    int facility;
    char *address; /* "udp://192.0.2.1:514"; NULL: /dev/log */
    char *tag, host[65];
    bool stream;
} Syslog;

enum {
    PORT = 514
};

static void add_head(Syslog *self, int severity, int64_t time) {
    char when[TIME_TEXT_SIZE];
    time_t seconds = (time_t)(time / TIME_SECOND);
    struct tm local;
    text_append_format(&self->message, "<%d>", self->facility | severity);
    if (self->format == SYSLOG_UNIX || self->format == SYSLOG_RFC3164) {
        localtime_r(&seconds, &local);
        strftime(when, sizeof when, "%b %e %H:%M:%S", &local);
        text_append_format(&self->message, "%s %s%s%s[%d]: ", when,
            self->format == SYSLOG_RFC3164 ? self->host : "",
            self->format == SYSLOG_RFC3164 ? " " : "", self->tag, (int)getpid());
        return;
    }
    bool micro = self->format == SYSLOG_RFC5424_MICRO;
    time_format_fixed(time, when); /* RFC 5424 takes at most six digits of the second */
    text_append_format(&self->message, "1 %.*sZ %s %s %d %s - ", micro ? 26 : 19, when, self->host,
        self->tag, (int)getpid(), self->tag);
}

static void take(void *owner, const LogPiece *piece) {
    Syslog *self = owner;
    if (piece->n == (size_t)piece->ends_line)
        return; /* as Docker: nothing to say */
    text_clear(&self->message);
    add_head(self, piece->stream == LOG_STDERR ? LOG_ERR : LOG_INFO, piece->time);
    text_append_bytes(&self->message, piece->bytes, piece->n - piece->ends_line);
    if (self->stream)
        text_append_char(&self->message, '\n');
    log_queue_add(self->queue, self->message.data, self->message.length);
}

static void note(void *owner, const char *text) {
    const LogPiece piece = {
        .stream = LOG_STDERR, .time = time_now(), .bytes = text, .n = strlen(text)};
    take(owner, &piece);
}

static int connect_to(const struct sockaddr *address, socklen_t n, int type, int *ret_fd) {
    autoclose int fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, address, n) < 0 && errno != EINPROGRESS))
        return -1;
    *ret_fd = take_fd(&fd);
    return 0;
}

/* A daemon may listen for datagrams, as most do, or for streams. */
static int call_unix(Syslog *self, const char *path, bool stream_first, int *ret_fd, Error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return error_set(err, ERROR_INVALID, "syslog-address: '%.200s' is too long", path);
    memcpy(address.sun_path, path, strlen(path));
    for (int i = 0; i < 2; i++) {
        self->stream = stream_first == (i == 0);
        if (connect_to((struct sockaddr *)&address, sizeof address,
                self->stream ? SOCK_STREAM : SOCK_DGRAM, ret_fd) == 0)
            return 0;
        if (errno != EPROTOTYPE)
            break;
    }
    return error_set_errno(err, errno, "cannot connect to syslog at '%s'", path);
}

/* "192.0.2.1:514", "[2001:db8::1]:514", either without the port */
static bool parse_host(const char *text, struct sockaddr_storage *ret, socklen_t *ret_n) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    bool bracket = *text == '[';
    size_t n = strcspn(text + bracket, bracket ? "]" : ":");
    autofree char *host = text_copy_n(text + bracket, n);
    const char *rest = text + bracket + n + (bracket && text[1 + n] == ']');
    uint64_t port = PORT;
    Error ignored;
    if (*rest && (*rest != ':' || text_parse_uint(rest + 1, "port", &port, &ignored) < 0))
        return false;
    *ret = (struct sockaddr_storage){};
    if (port > UINT16_MAX)
        return false;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *ret_n = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    *ret_n = sizeof *v6;
    return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static int call(void *owner, int *ret_fd, Error *err) {
    Syslog *self = owner;
    struct sockaddr_storage host;
    socklen_t n;
    if (!self->address)
        return call_unix(self, "/dev/log", false, ret_fd, err);
    const char *rest = strstr(self->address, "://") + 3;
    if (text_starts(self->address, "unix"))
        return call_unix(self, rest, text_starts(self->address, "unix:"), ret_fd, err);
    if (!parse_host(rest, &host, &n))
        return error_set(
            err, ERROR_INVALID, "syslog-address: '%.200s' is no address", self->address);
    self->stream = text_starts(self->address, "tcp");
    int type = self->stream ? SOCK_STREAM : SOCK_DGRAM;
    if (connect_to((struct sockaddr *)&host, n, type, ret_fd) < 0)
        return error_set_errno(err, errno, "cannot connect to syslog at '%s'", self->address);
    return 0;
}

/* UDP tells of an earlier datagram that nobody took: this one may still arrive. */
static ssize_t send_message(void *owner, int fd, const char *bytes, size_t n) {
    ssize_t sent = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    const Syslog *self = owner;
    if (sent < 0 && self->address && text_starts(self->address, "udp") && errno == ECONNREFUSED)
        return (ssize_t)n;
    if (sent < 0 && errno == ENOTCONN) /* TCP, on its way */
        errno = EAGAIN;
    return sent;
}

static void write_bytes(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    log_lines_write(&((Syslog *)sink)->lines, stream, bytes, n);
}

static void flush(LogSink *sink, LogStream stream) {
    log_lines_flush(&((Syslog *)sink)->lines, stream);
}

static void close_sink(LogSink *sink) {
    Syslog *self = (Syslog *)sink;
    log_queue_free(self->queue);
    log_lines_done(&self->lines);
    text_done(&self->message);
    free(self->address);
    free(self->tag);
    free(self);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    Syslog *self = new (Syslog);
    autoclose int probe = -1;
    *self = (Syslog){.lines = {.take = take, .owner = self},
        .format = options->settings.syslog_format,
        .facility = options->settings.syslog_facility,
        .address = text_copy(options->settings.syslog_address),
        .tag = options->tag ? text_copy(options->tag)
                            : text_copy_n(options->id, strnlen(options->id, 12))};
    if (gethostname(self->host, sizeof self->host - 1) < 0)
        memcpy(self->host, "-", 2);
    int r = call(self, &probe, err); /* a container that nobody can log is not started */
    if (r < 0) {
        close_sink(&self->sink);
        return r;
    }
    const LogQueueOptions queue = {.sink = options,
        .full = &self->sink,
        .owner = self,
        .call = call,
        .send = send_message,
        .note = note};
    self->queue = log_queue_new(&queue);
    *ret = &self->sink;
    return 0;
}

const LogDriver log_syslog = {open_sink, write_bytes, flush, close_sink, NULL};
