// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/layer/changes.h"
#include "engine/layer/view.h"

/* Whether something looks the same in two trees, as far as a layer could tell. The content of files
 * of one size and time to the nanosecond is taken for the same; where a file system has no
 * nanoseconds it is read. */

/* `there` is no directory. What vanishes meanwhile differs. */
int compare_entries(
    const Change *there, int dir, const struct stat *below, bool *ret_same, Error *err);

/* Both have a level. times: their times count. */
int compare_directories(
    const View *upper, const View *lower, bool times, bool *ret_differ, Error *err);
