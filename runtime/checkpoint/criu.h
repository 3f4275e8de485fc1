// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "runtime/checkpoint/request.h"

/* A criu process of our own (`criu swrk`), a child that serves one dump or restore over a
 * SOCK_SEQPACKET pair:
 *
 *     runtime                                criu
 *       │  VERSION, FEATURE_CHECK ─────────► │  (it keeps listening)
 *       │  DUMP, PRE_DUMP or RESTORE ──────► │
 *       │ ◄──────────────────────── NOTIFY   │  any number of times: it waits at points of its
 *       │  NOTIFY, success or not ─────────► │  work for us to do ours
 *       │ ◄──────────────── DUMP or RESTORE  │  the result
 *
 * A restored process is a child of the runtime, not of criu. */
typedef struct Criu {
    int socket;
    pid_t pid;
    char *complaint; /* of a criu_run that failed: the first error that criu speaks of, or NULL */
} Criu;

/* What criu inherits: its descriptors 0 to 2, -1 for none, and from CRIU_FIRST_FD on `fds`. */
enum {
    CRIU_FIRST_FD = 4
};
typedef struct CriuStart {
    int standard[3];
    const int *fds;
    size_t n;
} CriuStart;

/* ERROR_NOT_FOUND: no criu. */
int criu_start(Criu *criu, const CriuStart *start, Error *err);

/* As 40201 for 4.2.1. */
int criu_version(const Criu *criu, int *ret, Error *err);
int criu_features(const Criu *criu, CriuFeatures *ret, Error *err);

/* A point of criu's work. */
typedef struct CriuNotice {
    const char *name; /* "setup-namespaces", "post-dump", …: criu(8), --action-script */
    int pid;          /* of the first restored process, where there is one */
    int fd;           /* with "orphan-pts-master": the terminal's other end, lent; else -1 */
} CriuNotice;

typedef struct CriuListener {
    int (*notify)(void *argument, const CriuNotice *notice, Error *err);
    void *argument;
} CriuListener;

/* The work itself. When notify fails so does this, with its error, once criu has undone its part.
 */
int criu_run(Criu *criu, CriuType type, const CriuOptions *options, const CriuListener *listener,
    Error *err);

/* Ends the conversation and reaps criu. */
void criu_done(Criu *criu);
CLEANUP_DEFINE_DONE(Criu, criu_done)

/* For tests: a message of criu's, decoded. Texts are new strings, or NULL. */
typedef struct CriuReply {
    int type, pid, code, version;
    bool success;
    char *script, *message;
    CriuFeatures features;
} CriuReply;
int criu_reply_decode(const char *bytes, size_t n, CriuReply *ret, Error *err);
void criu_reply_done(CriuReply *reply);
CLEANUP_DEFINE_DONE(CriuReply, criu_reply_done)
