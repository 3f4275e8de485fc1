// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/* What the client itself must know of image references; the engine has the real parser. */

/* "busybox" → "busybox:latest", "docker.io/library/x:1" → "x:1". New string. */
char *reference_familiar(const char *reference);

bool reference_has_tag(const char *reference); /* or a digest */

/* "x" → "docker.io/library/x", with_tag: "docker.io/library/x:latest". New string. */
char *reference_canonical(const char *reference, bool with_tag);

/* "registry:5000" of "registry:5000/x", "docker.io" of "x" and "user/x". New string. */
char *reference_host(const char *reference);
