// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Names of images as users write them, by Docker's grammar (distribution/reference): a first
 * component with '.' or ':' or that is "localhost" or has upper case is a registry; without one the
 * registry is docker.io, and one-word repositories there are in "library/". */
typedef struct Reference {
    char *domain; /* "docker.io", "localhost:5000", "[::1]:5000" */
    char *path;   /* "library/busybox" */
    char *tag;    /* NULL when there is none; reference_parse sets "latest" when both are missing */
    char *digest; /* "sha256:…" or NULL */
} Reference;

/* ERROR_INVALID: "invalid reference format", "… repository name (library/A) must be lowercase". */
int reference_parse(const char *text, Reference *ret, Error *err);
/* A name to give: no digest, and nothing that reads like one. */
int reference_parse_tag(const char *text, Reference *ret, Error *err);
void reference_done(Reference *reference);
CLEANUP_DEFINE_DONE(Reference, reference_done)

/* New strings. Canonical: "docker.io/library/busybox:latest"; a digest wins over a tag. Familiar:
 * "busybox:latest", "busybox@sha256:…"; names are without tag and digest. */
char *reference_canonical(const Reference *reference);
char *reference_familiar(const Reference *reference);
char *reference_name(const Reference *reference);          /* "docker.io/library/busybox" */
char *reference_familiar_name(const Reference *reference); /* "busybox" */
