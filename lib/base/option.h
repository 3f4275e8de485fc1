// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Command-line options as a table of rows, parsed as pflag (docker, ctr, runc) does: --name value,
 * --name=value, -n value, -nvalue, -n=value, -itd, --flag=false, "--" ends. The struct that rows
 * point into is zeroed and owned by the caller; texts borrow argv. */
typedef enum OptionKind {
    OPTION_FLAG,    /* bool */
    OPTION_TEXT,    /* const char * */
    OPTION_INT,     /* OptionInt */
    OPTION_SIZE,    /* OptionSize: bytes, "64m" */
    OPTION_TEXTS,   /* OptionTexts: may be repeated */
    OPTION_FILTERS, /* OptionTexts: name=value; the name comes out in small letters */
} OptionKind;

typedef struct OptionInt {
    bool set;
    int64_t value;
} OptionInt;
typedef struct OptionSize {
    bool set;
    uint64_t value;
} OptionSize;
typedef struct OptionTexts {
    size_t n;
    const char **item; /* NULL-terminated when n > 0; free with option_texts_done */
} OptionTexts;

typedef struct Option {
    char letter;      /* 0: no short form */
    const char *name; /* without dashes */
    OptionKind kind;
    size_t offset;
    const char *value; /* name of the value in help, e.g. "string"; NULL for flags */
    const char *help;  /* NULL: hidden */
} Option;

typedef enum OptionMode {
    OPTION_ANYWHERE,      /* options after positionals are options too */
    OPTION_UNTIL_COMMAND, /* the first positional ends the options: run IMAGE -l */
} OptionMode;

/* Parses argv[1…]; *ret_first is the index of the first positional; with OPTION_ANYWHERE argv is
 * permuted so that the positionals are argv[*ret_first] … argv[argc - 1]. Long options may have one
 * dash when single_dash (Go's flag package, as shims are called), or, whole, when either_dash
 * (runc: go-runc writes -no-subreaper). ERROR_INVALID: "unknown flag: --nope", "unknown shorthand
 * flag: 'x' in -x", "flag needs an argument: --name". */
typedef struct OptionParse {
    const Option *options; /* ends with {} */
    OptionMode mode;
    bool single_dash, either_dash;
} OptionParse;
int option_parse(
    const OptionParse *parse, int argc, char **argv, void *ret, int *ret_first, Error *err);

/* "  -e, --env list        Set environment variables", one row a line, columns aligned. */
void option_print_help(const Option *options, FILE *out);

void option_texts_done(OptionTexts *texts);
