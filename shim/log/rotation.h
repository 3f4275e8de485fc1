// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "output/settings.h"
#include "shim/loop.h"

/* The files that a log leaves behind: PATH.1, PATH.2.gz, … Names only ever move to higher numbers,
 * from the oldest on, so that a reader who goes up meets every file. A file whose flock(2) a reader
 * holds stays, and those after it, up to LOG_KEPT_MAX bytes beyond the number of files: a follower
 * loses nothing, and a follower that has stopped cannot fill the disk.
 *
 * They are compressed by a program of its own, tare-compress, one at a time and at its leisure; it
 * knows no names: what it has made is put into place here. */
typedef struct LogRotation LogRotation;

enum {
    LOG_KEPT_MAX = 256 << 20
};

LogRotation *log_rotation_new(const char *path, const OutputSettings *settings, Loop *loop);
void log_rotation_free(LogRotation *rotation); /* takes NULL */

/* PATH becomes PATH.1; the caller makes a new PATH. */
void log_rotation_shift(LogRotation *rotation);
