// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* A rotated log is compressed as gzip (RFC 1952), so that zcat and Docker read it, in members of
 * about OUTPUT_MEMBER_RAW bytes that begin and end between entries. Each says in an extra field
 * "TL" how long it is, and the lines and times in it: who looks for a time or for the last lines
 * goes from member to member without inflating them. */
typedef struct OutputMember {
    uint32_t size;     /* of the member, header and trailer included */
    uint32_t raw_size; /* of what is in it */
    uint32_t lines;
    int64_t first, last; /* times of entries */
} OutputMember;

enum {
    OUTPUT_MEMBER_HEADER = 12 + 4 + 28,
    OUTPUT_MEMBER_RAW = 256 << 10,
};

/* false: not one of ours. */
bool output_member_decode(const char *bytes, size_t n, OutputMember *ret);

/* Appends the member with these bytes; sizes in `about` are not looked at. */
void output_member_encode(const OutputMember *about, const char *bytes, size_t n, Text *out);

/* Inflates a gzip file of any origin and any number of members, as its bytes come. */
typedef struct OutputInflater OutputInflater;
OutputInflater *output_inflater_new(void);
void output_inflater_free(OutputInflater *inflater);  /* takes NULL */
void output_inflater_reset(OutputInflater *inflater); /* to the beginning of a member */

/* Takes from `bytes`, gives at most `room` bytes; *ret_taken and *ret_given may be 0 when more
 * input is needed. ERROR_CORRUPT. */
int output_inflate(OutputInflater *inflater, const char *bytes, size_t n, char *ret, size_t room,
    size_t *ret_taken, size_t *ret_given, Error *err);
