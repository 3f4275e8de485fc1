// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/attach.h"
#include "shim/containerd/publisher.h"
#include "shim/loop.h"
#include "ttrpc/server.h"

/* The running shim: what main.c's table of actions leads to, and what all of it shares. It has one
 * container, or those of a group (shim/group.h). */
typedef struct Container Container;
typedef struct Work Work;

/* Clients that do not wait (a connect of theirs fails with EAGAIN) may come all at once while a
 * call is under way. */
enum {
    SHIM_BACKLOG = 1024
};

typedef struct ShimArguments {
    bool version, info, debug;
    const char *name_space, *id, *address, *publish_binary, *bundle, *socket;
} ShimArguments;

typedef struct Shim {
    const ShimArguments *arguments;
    Loop loop;
    TtrpcServer *server;
    Publisher *publisher;
    Container *containers; /* each from Create to Delete */
    Work *works;           /* under way, or waiting for those (shim/work.h) */
    unsigned farewells;    /* attached clients and logging programs that still read */
    char *socket, *group;  /* path names; group: NULL without one */
    LoopSource server_source, signal_source;
    LoopTimer end_timer;  /* nothing to do any more */
    int64_t end_deadline; /* 0: not asked to end */
    bool expecting;       /* a container that joined and is not created yet */
} Shim;

/* The actions. All exit with 0 or with an error that main prints. */
int shim_start(const ShimArguments *arguments, Error *err);  /* start.c: spawns a server */
int shim_serve(const ShimArguments *arguments, Error *err);  /* serve.c: the server; fd 3 listens */
int shim_delete(const ShimArguments *arguments, Error *err); /* cleanup.c: after a killed server */
int shim_info(const ShimArguments *arguments, Error *err);   /* info.c */

/* service.c: Task v3 and v2. */
extern const char *const shim_service_names[];
int shim_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err);

/* watch.c: what our engine hears beyond that. */
extern const char *const shim_watch_names[];
int shim_watch_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err);

/* serve.c: ends the loop once everybody has what is due to him, and not at all while there is a
 * container. */
void shim_end(Shim *shim);

/* Something that others waited for is over: exits that came meanwhile. */
void shim_settle(Shim *shim);

/* A container is on its way, or has come: the shim does not end, unless none is created for long.
 */
void shim_expect(Shim *shim, bool expecting);
