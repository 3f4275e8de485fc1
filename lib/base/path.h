// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/* Path strings, without asking any file system. Results are new strings. */

char *path_join(const char *a, const char *b); /* one slash between; b absolute is appended too */
char *path_clean(const char *path);    /* Go's path.Clean: no "//", "." or "x/.."; "" is "." */
char *path_absolute(const char *path); /* cleaned, relative ones below getcwd(3) */
char *path_parent(const char *path);
const char *path_name(const char *path); /* borrowed: after the last slash */
bool path_is_absolute(const char *path);
bool path_is_within(const char *path, const char *ancestor); /* both clean; equal counts */
