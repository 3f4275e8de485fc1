// SPDX-License-Identifier: Apache-2.0
#include "shim/containerd/publisher.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "ttrpc/client.h"

static const int64_t retry_delay = TIME_SECOND, answer_timeout = 5 * TIME_SECOND;

typedef struct Event {
    struct Event *next;
    char *topic;
    const char *type;
    Text value;
    int64_t at;
    int tries;
} Event;

struct Publisher {
    Loop *loop;
    char *name_space, *ttrpc_address, *binary, *address;
    Event *first, **last;
    size_t n;
    TtrpcClient *client;
    LoopSource source; /* the client's */
    LoopTimer timer;   /* retry, or no answer in time */
    pid_t child;       /* the binary under way, or 0 */
};

static void drop_first(Publisher *publisher) {
    Event *event = publisher->first;
    publisher->first = event->next;
    if (!publisher->first)
        publisher->last = &publisher->first;
    publisher->n--;
    free(event->topic);
    text_done(&event->value);
    free(event);
}

static void disconnect(Publisher *publisher) {
    if (!publisher->client)
        return;
    loop_watch(publisher->loop, &publisher->source, 0);
    publisher->client = ttrpc_client_free(publisher->client);
}

static void fail_first(Publisher *publisher) {
    disconnect(publisher);
    if (++publisher->first->tries >= PUBLISHER_TRIES) {
        log_warning("event %s was not published", publisher->first->topic);
        drop_first(publisher);
    }
    /* a containerd that was started anew answers at once */
    bool again = publisher->first && publisher->first->tries == 1;
    loop_arm(publisher->loop, &publisher->timer, again ? 0 : retry_delay);
}

static int send_first(Publisher *publisher, Error *err) {
    const Event *event = publisher->first;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
    Containerd__Services__Events__Ttrpc__V1__ForwardRequest request =
        CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
    at.seconds = event->at / TIME_SECOND;
    at.nanos = (int32_t)(event->at % TIME_SECOND);
    any.type_url = (char *)event->type;
    any.value = (ProtobufCBinaryData){event->value.length, (uint8_t *)event->value.data};
    envelope.timestamp = &at;
    envelope.namespace_ = publisher->name_space;
    envelope.topic = event->topic;
    envelope.event = &any;
    request.envelope = &envelope;
    if (!publisher->client) {
        TRY(ttrpc_client_connect(publisher->ttrpc_address, &publisher->client, err));
        publisher->source.fd = ttrpc_client_fd(publisher->client);
        loop_watch(publisher->loop, &publisher->source, EPOLLIN);
    }
    return ttrpc_send(publisher->client,
        &containerd__services__events__ttrpc__v1__events__descriptor, "Forward", &request.base,
        err);
}

/* The binary reads one Any from its standard input. */
static int run_binary(Publisher *publisher, Error *err) {
    const Event *event = publisher->first;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    autodone(Text) packed = {};
    autoclose int input = memfd_create("event", MFD_CLOEXEC);
    any.type_url = (char *)event->type;
    any.value = (ProtobufCBinaryData){event->value.length, (uint8_t *)event->value.data};
    text_reserve(&packed, google__protobuf__any__get_packed_size(&any) + 1);
    packed.length = google__protobuf__any__pack(&any, (uint8_t *)packed.data);
    TRY(fd_write_all(input, packed.data, packed.length, err));
    lseek(input, 0, SEEK_SET);
    const char *const argv[] = {publisher->binary, "--address", publisher->address, "publish",
        "--topic", event->topic, "--namespace", publisher->name_space, NULL};
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    spawn.fds[0] = input;
    return process_spawn(&spawn, &publisher->child, err);
}

static void begin_next(Publisher *publisher) {
    Error err = {};
    if (!publisher->first || publisher->timer.deadline)
        return;
    int r = publisher->ttrpc_address ? send_first(publisher, &err) : run_binary(publisher, &err);
    if (r < 0)
        fail_first(publisher);
    else
        loop_arm(publisher->loop, &publisher->timer, answer_timeout);
}

static void on_timer(void *owner, uint32_t events) {
    Publisher *publisher = owner;
    if (publisher->child) { /* its end will be told by publisher_reaped */
        kill(publisher->child, SIGKILL);
        return;
    }
    if (publisher->client)
        fail_first(publisher);
    else
        begin_next(publisher);
}

static void on_answer(void *owner, uint32_t events) {
    Publisher *publisher = owner;
    Error err = {};
    int r = ttrpc_receive(publisher->client, 0, NULL, &err);
    if (r == ERROR_TIMEOUT)
        return;
    loop_disarm(publisher->loop, &publisher->timer);
    if (r < 0 && err.sys) { /* the connection, not the answer */
        if (publisher->first)
            fail_first(publisher);
        else
            disconnect(publisher);
        return;
    }
    if (r == ERROR_STATE && !publisher->first)
        return;
    drop_first(publisher);
    begin_next(publisher);
}

pid_t publisher_child(const Publisher *publisher) {
    return publisher->child;
}

bool publisher_reaped(Publisher *publisher, pid_t pid) {
    if (!pid || publisher->child != pid)
        return false;
    publisher->child = 0;
    loop_disarm(publisher->loop, &publisher->timer);
    drop_first(publisher);
    begin_next(publisher);
    return true;
}

Publisher *publisher_new(const PublisherOptions *options) {
    Publisher *publisher = new (Publisher);
    *publisher = (Publisher){.loop = options->loop,
        .name_space = text_copy(options->name_space),
        .last = &publisher->first,
        .source = {.fd = -1, .handle = on_answer, .owner = publisher},
        .timer = {.handle = on_timer, .owner = publisher}};
    if (!text_is_empty(options->ttrpc_address))
        publisher->ttrpc_address = text_copy(options->ttrpc_address);
    else if (!text_is_empty(options->binary) && *options->binary == '/')
        publisher->binary = text_copy(options->binary);
    publisher->address = text_copy(options->address ? options->address : "");
    return publisher;
}

Publisher *publisher_free(Publisher *publisher) {
    if (!publisher)
        return NULL;
    while (publisher->first)
        drop_first(publisher);
    disconnect(publisher);
    loop_disarm(publisher->loop, &publisher->timer);
    free(publisher->name_space);
    free(publisher->ttrpc_address);
    free(publisher->binary);
    free(publisher->address);
    free(publisher);
    return NULL;
}

void publisher_send(Publisher *publisher, const char *topic, const ProtobufCMessage *message) {
    if (!publisher->ttrpc_address && !publisher->binary)
        return;
    if (publisher->n >= PUBLISHER_QUEUE_MAX) {
        log_warning("event %s was not published: too many wait", topic);
        return;
    }
    Event *event = new (Event);
    event->topic = text_copy(topic);
    event->type = message->descriptor->name;
    event->at = time_now();
    text_reserve(&event->value, protobuf_c_message_get_packed_size(message) + 1);
    event->value.length = protobuf_c_message_pack(message, (uint8_t *)event->value.data);
    *publisher->last = event;
    publisher->last = &event->next;
    publisher->n++;
    if (publisher->n == 1)
        begin_next(publisher);
}

bool publisher_is_idle(const Publisher *publisher) {
    return publisher->n == 0;
}
