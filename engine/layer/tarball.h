// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/layer/changes.h"
#include "engine/layer/links.h"
#include "engine/layer/sink.h"

/* Changes written down as a tar stream in pax format: a layer by the rules of the OCI image spec
 * ("layer.md"), or a whole tree as it is. The same tree gives the same bytes: no access times,
 * inode numbers or names of users. One thread; a door to libarchive. */
typedef struct Tarball Tarball;

/* layer: whiteouts, and no names that would be read as one. */
int tarball_open(Sink *sink, bool layer, Tarball **ret, Error *err);
void tarball_close(Tarball *tarball);
CLEANUP_DEFINE(Tarball, tarball_close)

int tarball_add(Tarball *tarball, const Change *change, Error *err);
int tarball_finish(Tarball *tarball, Error *err);
uint64_t tarball_entries(const Tarball *tarball);
