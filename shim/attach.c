// SPDX-License-Identifier: Apache-2.0
#include "shim/attach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attach/frame.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/log/replay.h"

enum {
    BACKLOG = 1024,
    SMALL_MAX = 256, /* payload of frames that are kept whole: hello and resize */
    QUEUE_LOW = ATTACH_QUEUE_MAX / 2,
};

static const int64_t settle = 10 * TIME_MILLISECOND;

typedef struct Client {
    StdioListener listener;
    LogReplay *replay; /* NULL: it gets the live output */
    struct Client *next;
    AttachServer *server;
    Stdio *stdio; /* NULL before hello, and after the exit */
    LoopSource source;
    LoopTimer timer; /* stall, or 0 delay: close from the loop; or settling */
    bool settling;   /* the replay waits for what is on its way into the log */
    Text out;
    size_t sent; /* bytes of out that are gone */
    uint8_t wants;
    bool broken, ending; /* ending: close when out is empty */
    uint8_t header[ATTACH_HEADER_SIZE];
    size_t header_n;
    AttachHeader frame; /* valid when header_n is complete */
    uint32_t payload_n;
    char small[SMALL_MAX];
} Client;

struct AttachServer {
    AttachOptions options;
    char *path;
    LoopSource source;
    Client *clients;
    size_t clients_n;
    unsigned *farewells; /* not NULL: closed, and gone with the last client */
};

static Client *client_of(StdioListener *listener) {
    return (Client *)((char *)listener - offsetof(Client, listener));
}

static void watch_listener(AttachServer *server) {
    if (server->source.fd >= 0)
        loop_watch(server->options.loop, &server->source,
            server->clients_n < ATTACH_CLIENTS_MAX ? EPOLLIN : 0);
}

static void server_free(AttachServer *server) {
    --*server->farewells;
    free(server->path);
    free(server);
}

static void client_free(Client *client) {
    AttachServer *server = client->server;
    for (Client **at = &server->clients; *at; at = &(*at)->next)
        if (*at == client) {
            *at = client->next;
            break;
        }
    server->clients_n--;
    loop_disarm(server->options.loop, &client->timer);
    loop_watch(server->options.loop, &client->source, 0);
    close(client->source.fd);
    if (client->stdio)
        stdio_leave(client->stdio, &client->listener);
    log_replay_free(client->replay);
    text_done(&client->out);
    free(client);
    if (server->farewells && !server->clients)
        server_free(server);
    else
        watch_listener(server);
}

/* Closing waits for the loop: Stdio may be telling all its listeners just now. */
static void break_off(Client *client) {
    client->broken = true;
    client->listener.full = false;
    loop_watch(client->server->options.loop, &client->source, 0);
    loop_arm(client->server->options.loop, &client->timer, 0);
}

static bool wants_read(const Client *client) {
    return !client->ending && !(client->stdio && stdio_input_full(client->stdio));
}

static void watch_client(Client *client) {
    uint32_t events = wants_read(client) ? EPOLLIN : 0;
    if (client->out.length > client->sent)
        events |= EPOLLOUT;
    if (!client->broken)
        loop_watch(client->server->options.loop, &client->source, events);
}

static void flush(Client *client) {
    bool progress = false;
    while (!client->broken && client->sent < client->out.length) {
        ssize_t n = send(client->source.fd, client->out.data + client->sent,
            client->out.length - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            client->sent += (size_t)n;
            progress = true;
        } else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            break_off(client);
    }
    if (client->sent == client->out.length) {
        text_clear(&client->out);
        client->sent = 0;
        if (client->out.capacity > 65536)
            text_done(&client->out);
        if (client->ending)
            break_off(client);
    } else if (client->sent >= QUEUE_LOW) {
        client->out.length -= client->sent;
        memmove(client->out.data, client->out.data + client->sent, client->out.length);
        client->sent = 0;
    }
    if (progress && client->timer.deadline && !client->broken)
        loop_arm(client->server->options.loop, &client->timer,
            client->ending ? ATTACH_FAREWELL : ATTACH_STALL);
}

static void queue_frame(Client *client, AttachType type, const void *bytes, size_t n) {
    uint8_t header[ATTACH_HEADER_SIZE];
    attach_header_encode((AttachHeader){type, (uint32_t)n}, header);
    text_append_bytes(&client->out, header, sizeof header);
    text_append_bytes(&client->out, bytes, n);
}

/* Tells Stdio when this client begins or ceases to hold the program up. */
static bool update_full(Client *client) {
    size_t waiting = client->out.length - client->sent;
    bool was = client->listener.full;
    client->listener.full =
        !client->broken && client->stdio && waiting > (was ? QUEUE_LOW : ATTACH_QUEUE_MAX);
    if (client->listener.full && !client->timer.deadline && !(client->wants & ATTACH_PATIENT))
        loop_arm(client->server->options.loop, &client->timer, ATTACH_STALL);
    if (was && !client->listener.full && !client->broken)
        loop_disarm(client->server->options.loop, &client->timer);
    return was != client->listener.full;
}

static bool queue_output(Client *client, LogStream stream, const char *bytes, size_t n) {
    uint8_t want = stream == LOG_STDOUT ? ATTACH_WANT_STDOUT : ATTACH_WANT_STDERR;
    if (client->broken || !(client->wants & want))
        return false;
    for (size_t at = 0, size; at < n; at += size) {
        size = n - at < ATTACH_PAYLOAD_MAX ? n - at : ATTACH_PAYLOAD_MAX;
        queue_frame(client, stream == LOG_STDOUT ? ATTACH_STDOUT : ATTACH_STDERR, bytes + at, size);
    }
    return true;
}

static void on_output(StdioListener *listener, LogStream stream, const char *bytes, size_t n) {
    Client *client = client_of(listener);
    if (!queue_output(client, stream, bytes, n))
        return;
    flush(client);
    update_full(client); /* Stdio looks at it when it has told everybody */
    watch_client(client);
}

/* The last frame; the queue then lives without the process. */
static void on_ended(StdioListener *listener, int exit_code) {
    Client *client = client_of(listener);
    uint32_t code = htonl((uint32_t)exit_code);
    if (client->broken)
        return;
    queue_frame(client, ATTACH_EXIT, &code, sizeof code);
    client->ending = true;
    Stdio *stdio = client->stdio;
    client->stdio = NULL;
    client->listener.full = false;
    stdio_leave(stdio, listener);
    loop_arm(client->server->options.loop, &client->timer, ATTACH_FAREWELL);
    flush(client);
    watch_client(client);
}

static void on_input_ready(StdioListener *listener) {
    watch_client(client_of(listener));
}

/* The live output goes on where the log ends: nothing comes in between. Not while something is on
 * its way into the log. */
static void end_replay(Client *client) {
    for (LogStream stream = LOG_STDOUT; stream < LOG_STREAMS; stream++) {
        const char *bytes;
        size_t n;
        log_replay_rest(client->replay, stream, &bytes, &n);
        queue_output(client, stream, bytes, n);
    }
    client->replay = log_replay_free(client->replay);
    if (!client->broken)
        loop_disarm(client->server->options.loop, &client->timer);
    stdio_join(client->stdio, &client->listener);
}

/* As much of the log as the client takes now. One that takes nothing is dropped, as others are. */
static void replay(Client *client) {
    while (client->replay && !client->broken && client->out.length - client->sent < QUEUE_LOW) {
        LogStream stream;
        const char *bytes;
        size_t n;
        while (client->out.length - client->sent < QUEUE_LOW &&
               log_replay_next(client->replay, &stream, &bytes, &n) > 0)
            queue_output(client, stream, bytes, n);
        client->settling = client->out.length - client->sent < QUEUE_LOW &&
                           log_sink_is_behind(stdio_log(client->stdio));
        if (client->out.length - client->sent < QUEUE_LOW && !client->settling)
            end_replay(client);
        flush(client);
        if (client->settling) {
            loop_arm(client->server->options.loop, &client->timer, settle);
            return;
        }
    }
    if (client->replay && !client->broken && !client->timer.deadline)
        loop_arm(client->server->options.loop, &client->timer, ATTACH_STALL);
}

static void refuse(Client *client, const char *text) {
    queue_frame(client, ATTACH_FAILED, text, strlen(text));
    client->ending = true;
    flush(client);
}

static void handle_hello(Client *client) {
    char exec_id[SMALL_MAX];
    if (client->stdio || client->frame.length < 1) {
        refuse(client, "malformed attach request");
        return;
    }
    size_t n = client->frame.length - 1;
    memcpy(exec_id, client->small + 1, n);
    exec_id[n] = '\0';
    const AttachOptions *options = &client->server->options;
    Stdio *stdio = options->find(options->owner, exec_id);
    if (!stdio) {
        refuse(client, "no such process");
        return;
    }
    client->wants = (uint8_t)client->small[0];
    client->listener.wants_input = client->wants & ATTACH_WANT_STDIN;
    client->stdio = stdio;
    loop_disarm(options->loop, &client->timer);
    queue_frame(client, ATTACH_READY, NULL, 0);
    if (client->wants & ATTACH_WANT_REPLAY)
        client->replay = log_replay_new(stdio_log(stdio));
    if (client->replay)
        replay(client);
    else
        stdio_join(stdio, &client->listener);
    flush(client);
}

static void handle_resize(Client *client) {
    uint16_t size[2];
    if (client->frame.length != sizeof size || !client->stdio)
        return;
    memcpy(size, client->small, sizeof size);
    stdio_resize(client->stdio, (TerminalSize){ntohs(size[0]), ntohs(size[1])});
}

static void end_frame(Client *client) {
    client->header_n = 0;
    if (client->frame.type == ATTACH_HELLO)
        handle_hello(client);
    else if (client->frame.type == ATTACH_RESIZE)
        handle_resize(client);
    else if (client->frame.length == 0 && client->stdio && client->listener.wants_input)
        stdio_close_input(client->stdio);
}

static void take_payload(Client *client, const char *bytes, size_t n) {
    if (client->frame.type != ATTACH_STDIN)
        memcpy(client->small + client->payload_n, bytes, n);
    else if (client->stdio && client->listener.wants_input)
        stdio_input(client->stdio, bytes, n);
    client->payload_n += (uint32_t)n;
}

static int take_header(Client *client, Error *err) {
    TRY(attach_header_decode(client->header, &client->frame, err));
    client->payload_n = 0;
    bool known = client->frame.type == ATTACH_STDIN || client->frame.type == ATTACH_HELLO ||
                 client->frame.type == ATTACH_RESIZE;
    if (!known || (client->frame.type != ATTACH_STDIN && client->frame.length >= SMALL_MAX))
        return error_set(err, ERROR_CORRUPT, "unexpected attach frame");
    if (client->frame.type != ATTACH_HELLO && !client->stdio)
        return error_set(err, ERROR_CORRUPT, "attach frame before the hello");
    return 0;
}

/* Splits what one read brought into frames. */
static void take_bytes(Client *client, const char *bytes, size_t n) {
    Error err;
    while (n > 0 && !client->broken && !client->ending) {
        size_t span = ATTACH_HEADER_SIZE - client->header_n;
        if (span > 0) {
            span = span < n ? span : n;
            memcpy(client->header + client->header_n, bytes, span);
            client->header_n += span;
            if (client->header_n == ATTACH_HEADER_SIZE && take_header(client, &err) < 0) {
                refuse(client, err.message);
                return;
            }
        } else {
            span = client->frame.length - client->payload_n;
            span = span < n ? span : n;
            take_payload(client, bytes, span);
        }
        bytes += span;
        n -= span;
        if (client->header_n == ATTACH_HEADER_SIZE && client->payload_n == client->frame.length)
            end_frame(client);
    }
}

static void on_client(void *owner, uint32_t events) {
    Client *client = owner;
    char buffer[4096];
    if (events & EPOLLOUT)
        flush(client);
    if (client->replay)
        replay(client);
    if (!client->broken && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        ssize_t n = recv(client->source.fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n > 0)
            take_bytes(client, buffer, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            break_off(client);
    }
    Stdio *stdio = client->stdio;
    bool changed = update_full(client);
    watch_client(client);
    if (changed && stdio)
        stdio_update(stdio);
}

/* Broken, or did not say hello or read for too long; or there is perhaps more to replay. */
static void on_timer(void *owner, uint32_t events) {
    Client *client = owner;
    if (!client->settling || client->broken) {
        client_free(client);
        return;
    }
    replay(client);
    watch_client(client);
}

static void on_listener(void *owner, uint32_t events) {
    AttachServer *server = owner;
    autoclose int fd = accept4(server->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 || !fd_peer_is_trusted(fd))
        return;
    Client *client = new (Client);
    *client = (Client){.listener = {on_output, on_ended, on_input_ready},
        .server = server,
        .next = server->clients,
        .source = {.fd = take_fd(&fd), .handle = on_client, .owner = client},
        .timer = {.handle = on_timer, .owner = client}};
    server->clients = client;
    server->clients_n++;
    loop_arm(server->options.loop, &client->timer, ATTACH_HELLO_TIME);
    watch_client(client);
    watch_listener(server);
}

int attach_server_new(const AttachOptions *options, AttachServer **ret, Error *err) {
    int fd;
    TRY(file_remove(AT_FDCWD, options->path, err)); /* of a shim that was killed */
    TRY(fd_listen(options->path, 0600, BACKLOG, &fd, err));
    AttachServer *server = new (AttachServer);
    *server = (AttachServer){.options = *options,
        .path = text_copy(options->path),
        .source = {.fd = fd, .handle = on_listener, .owner = server}};
    server->options.path = server->path;
    Error ignored;
    fd_set_nonblocking(fd, true, &ignored);
    watch_listener(server);
    *ret = server;
    return 0;
}

void attach_server_forget(AttachServer *server, const Stdio *stdio) {
    for (Client *client = server ? server->clients : NULL, *next; client; client = next) {
        next = client->next;
        if (client->stdio == stdio)
            client_free(client);
    }
}

const char *attach_server_path(const AttachServer *server) {
    return server ? server->path : NULL;
}

void attach_server_close(AttachServer *server, unsigned *farewells) {
    Error ignored;
    if (!server)
        return;
    loop_watch(server->options.loop, &server->source, 0);
    close(server->source.fd);
    server->source.fd = -1;
    file_remove(AT_FDCWD, server->path, &ignored);
    for (Client *client = server->clients, *next; client; client = next) {
        next = client->next;
        if (!client->ending)
            client_free(client);
    }
    server->farewells = farewells;
    ++*farewells;
    if (!server->clients)
        server_free(server);
}
