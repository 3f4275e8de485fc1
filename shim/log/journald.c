// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/log/lines.h"
#include "shim/log/queue.h"

/* systemd's journal, in its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of
 * fields an entry, or a sealed memfd where one is too large for a datagram. The fields are those of
 * Docker's driver, so that its users' queries go on working. */
typedef struct Journald {
    LogSink sink;
    LogLines lines;
    LogQueue *queue;
    Text fixed; /* fields that are the same in every entry */
    Text entry;
    char epoch[33];
    uint64_t entries, long_lines;
} Journald;

static const char socket_path[] = "/run/systemd/journal/socket";

/* NAME\n, length as le64, bytes, \n: any bytes at all. */
static void add_field(Text *out, const char *name, const char *bytes, size_t n) {
    uint64_t length = htole64(n);
    text_append(out, name);
    text_append_char(out, '\n');
    text_append_bytes(out, &length, sizeof length);
    text_append_bytes(out, bytes, n);
    text_append_char(out, '\n');
}

static void add_text(Text *out, const char *name, const char *text) {
    if (text)
        add_field(out, name, text, strlen(text));
}

/* Docker's: upper case, and _ for what may not be in a field's name, but not at its beginning. */
static char *field_name(const char *key) {
    Text name = {};
    for (; *key; key++) {
        char c = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
        if (name.length > 0 || c != '_')
            text_append_char(&name, c);
    }
    return text_take(&name);
}

static void add_partial(Journald *journald, const LogPiece *piece, Text *entry) {
    if (piece->ends_line && piece->ordinal == 0)
        return;
    if (piece->ordinal == 0)
        journald->long_lines++;
    text_append_format(entry,
        "CONTAINER_PARTIAL_ID=%s%llu\nCONTAINER_PARTIAL_ORDINAL=%u\nCONTAINER_PARTIAL_LAST=%s\n",
        journald->epoch, (unsigned long long)journald->long_lines, piece->ordinal + 1,
        piece->ends_line ? "true" : "false");
    if (!piece->ends_line)
        text_append(entry, "CONTAINER_PARTIAL_MESSAGE=true\n");
}

static void take(void *owner, const LogPiece *piece) {
    Journald *journald = owner;
    Text *entry = &journald->entry;
    char when[TIME_TEXT_SIZE];
    text_clear(entry);
    text_append_bytes(entry, journald->fixed.data, journald->fixed.length);
    text_append_format(entry, "PRIORITY=%d\nSYSLOG_TIMESTAMP=%s\nCONTAINER_LOG_ORDINAL=%llu\n",
        piece->stream == LOG_STDERR ? 3 : 6, time_format(piece->time, when),
        (unsigned long long)++journald->entries);
    add_partial(journald, piece, entry);
    add_field(entry, "MESSAGE", piece->bytes, piece->n - piece->ends_line);
    log_queue_add(journald->queue, entry->data, entry->length);
}

static void note(void *owner, const char *text) {
    Journald *journald = owner;
    autofree char *line = text_format("%s\n", text);
    const LogPiece piece = {.stream = LOG_STDERR,
        .ends_line = true,
        .time = time_now(),
        .bytes = line,
        .n = strlen(line)};
    take(journald, &piece);
}

static int call(void *owner, int *ret_fd, Error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, socket_path, sizeof socket_path);
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_set_errno(
            err, errno, "journald is not enabled on this host: '%s'", socket_path);
    *ret_fd = take_fd(&fd);
    return 0;
}

static int sealed_copy(const char *bytes, size_t n) {
    autoclose int fd = memfd_create("tare-journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -1;
    return take_fd(&fd);
}

static ssize_t send_descriptor(int socket, const char *bytes, size_t n) {
    autoclose int fd = sealed_copy(bytes, n);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
    if (fd < 0)
        return -1;
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : (ssize_t)n;
}

static ssize_t send_entry(void *owner, int fd, const char *bytes, size_t n) {
    ssize_t sent = send(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
        return send_descriptor(fd, bytes, n);
    return sent;
}

static void write_bytes(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    log_lines_write(&((Journald *)sink)->lines, stream, bytes, n);
}

static void flush(LogSink *sink, LogStream stream) {
    log_lines_flush(&((Journald *)sink)->lines, stream);
}

static void close_sink(LogSink *sink) {
    Journald *journald = (Journald *)sink;
    log_queue_free(journald->queue);
    log_lines_done(&journald->lines);
    text_done(&journald->fixed);
    text_done(&journald->entry);
    free(journald);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    autoclose int probe = -1;
    autofree char *id = text_copy_n(options->id, strnlen(options->id, 12));
    const char *tag = options->tag ? options->tag : id;
    TRY(call(NULL, &probe, err)); /* a container that nobody can log is not started */
    Journald *journald = new (Journald);
    journald->lines = (LogLines){.take = take, .owner = journald};
    text_random_hex(journald->epoch, 16);
    add_text(&journald->fixed, "CONTAINER_ID", id);
    add_text(&journald->fixed, "CONTAINER_ID_FULL", options->id);
    add_text(&journald->fixed, "CONTAINER_NAME", options->name);
    add_text(&journald->fixed, "CONTAINER_TAG", tag);
    add_text(&journald->fixed, "IMAGE_NAME", options->image);
    add_text(&journald->fixed, "SYSLOG_IDENTIFIER", tag);
    add_text(&journald->fixed, "CONTAINER_LOG_EPOCH", journald->epoch);
    for (size_t i = 0; i < options->attributes.n; i++) {
        autofree char *name = field_name(options->attributes.key[i]);
        if (*name)
            add_text(&journald->fixed, name, options->attributes.value[i]);
    }
    const LogQueueOptions queue = {.sink = options,
        .full = &journald->sink,
        .owner = journald,
        .call = call,
        .send = send_entry,
        .note = note};
    journald->queue = log_queue_new(&queue);
    *ret = &journald->sink;
    return 0;
}

const LogDriver log_journald = {open_sink, write_bytes, flush, close_sink, NULL};
