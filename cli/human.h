// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

/* Durations and sizes in Docker's words; scripts and eyes know them. */
#define HUMAN_SIZE 48

/* ns → "Less than a second", "2 seconds", "About a minute", "3 weeks". */
const char *human_duration(int64_t duration, char buffer[HUMAN_SIZE]);

/* "2026-01-31 10:11:12 +0000 UTC", in the local time zone, as Go prints times. */
const char *human_date(int64_t time, char buffer[HUMAN_SIZE]);

/* Bytes with three significant digits, powers of 1000: "0B", "13.3kB", "5.59MB". */
const char *human_size(int64_t bytes, char buffer[HUMAN_SIZE]);

/* The same with four, as `system df` and the prunes show what is or was in use. */
const char *human_usage(int64_t bytes, char buffer[HUMAN_SIZE]);

/* The same with powers of 1024: "3.828GiB". Four significant digits, as `info` shows memory. */
const char *human_memory(int64_t bytes, char buffer[HUMAN_SIZE]);
