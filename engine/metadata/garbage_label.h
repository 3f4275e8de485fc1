// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

/* Labels by which containerd's clients say what keeps what:
 *
 *     gc.root[.…]                    the object is kept
 *     gc.expire                      an image or lease is kept until then (RFC 3339)
 *     gc.flat                        a lease keeps its resources, not what these refer to
 *     gc.ref.KIND[.…] = NAME         the object keeps another
 *     gc.bref.KIND[.…] = NAME        the object is kept by another
 *     gc.cond.snapshot.SNAPSHOTTER[/…] = CONDITION[,…]|KEY
 *                                    an image or blob keeps a snapshot if a condition holds:
 *                                    usedat<DURATION, usedat>DURATION
 *     gc.cond.value-usedat[…]        a snapshot was last used then (RFC 3339)
 */
#define GARBAGE_LABEL "containerd.io/gc."

typedef enum GarbageVerb {
    GARBAGE_REFERENCE,
    GARBAGE_BACK_REFERENCE,
    GARBAGE_CONDITION,
} GarbageVerb;

/* The kind of object that a label with this verb names ("container", "content", "image",
 * "snapshot"), NULL if it is none of these. A snapshot's has the snapshotter besides, a part of
 * the key. */
const char *garbage_label_kind(
    const char *key, GarbageVerb verb, const char **ret_snapshotter, size_t *ret_n);

bool garbage_label_is_root(const JsonMap *labels);
bool garbage_label_is_expired(const JsonMap *labels, int64_t now);

/* Of a conditional label's value: the snapshot's key, and whether that is kept, by its labels.
 * NULL: no such value. */
const char *garbage_condition_key(const char *value);
bool garbage_condition_holds(const char *value, const JsonMap *snapshot, int64_t now);
