// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/option.h"
#include "test.h"

typedef struct Values {
    bool detach, tty;
    const char *name;
    OptionInt pids;
    OptionSize memory;
    OptionTexts environment;
} Values;

static const Option options[] = {
    {'d', "detach", OPTION_FLAG, offsetof(Values, detach), NULL, "Run in the background"},
    {'t', "tty", OPTION_FLAG, offsetof(Values, tty), NULL, "Allocate a terminal"},
    {0, "name", OPTION_TEXT, offsetof(Values, name), "string", "Name"},
    {0, "pids-limit", OPTION_INT, offsetof(Values, pids), "int", NULL},
    {'m', "memory", OPTION_SIZE, offsetof(Values, memory), "bytes", "Memory limit"},
    {'e', "env", OPTION_TEXTS, offsetof(Values, environment), "list", "Set variables"},
    {},
};

enum {
    WORDS_MAX = 16
};

/* Parses "tare" and the words; ret_rest are the positionals. */
static int parse(
    OptionMode mode, const char *const *words, Values *ret, char ***ret_rest, Error *err) {
    static char *argv[WORDS_MAX];
    int argc = 1, first;
    argv[0] = "tare";
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    argv[argc] = NULL;
    *ret = (Values){};
    OptionParse how = {options, mode, false};
    TRY(option_parse(&how, argc, argv, ret, &first, err));
    *ret_rest = argv + first;
    return 0;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void every_way_to_give_a_value(void **state) {
    Values v;
    char **rest;
    Error err = {};
    const char *const *words =
        WORDS("-dt", "--name=a=b", "-m64k", "-e", "A=1", "-e=B=2", "--env", "C");
    assert_int_equal(parse(OPTION_ANYWHERE, words, &v, &rest, &err), 0);
    assert_true(v.detach && v.tty);
    assert_string_equal(v.name, "a=b");
    assert_true(v.memory.set && v.memory.value == 65536);
    assert_int_equal(v.environment.n, 3);
    assert_string_equal(v.environment.item[1], "B=2");
    assert_null(v.environment.item[3]);
    assert_null(rest[0]);
    option_texts_done(&v.environment);
}

static void flags_can_be_taken_back(void **state) {
    Values v;
    char **rest;
    Error err = {};
    assert_int_equal(
        parse(OPTION_ANYWHERE, WORDS("-d", "--detach=false", "-t=1"), &v, &rest, &err), 0);
    assert_false(v.detach);
    assert_true(v.tty);
}

static void the_containers_own_options_are_left_alone(void **state) {
    Values v;
    char **rest;
    Error err = {};
    const char *const *words = WORDS("-d", "image", "ls", "-l", "--name", "x");
    assert_int_equal(parse(OPTION_UNTIL_COMMAND, words, &v, &rest, &err), 0);
    assert_null(v.name);
    assert_string_equal(rest[0], "image");
    assert_string_equal(rest[2], "-l");
    assert_string_equal(rest[4], "x");
}

static void options_after_positionals_count_too(void **state) {
    Values v;
    char **rest;
    Error err = {};
    const char *const *words = WORDS("a", "-d", "b", "--name", "x", "--", "-c");
    assert_int_equal(parse(OPTION_ANYWHERE, words, &v, &rest, &err), 0);
    assert_true(v.detach);
    assert_string_equal(v.name, "x");
    assert_string_equal(rest[0], "a");
    assert_string_equal(rest[1], "b");
    assert_string_equal(rest[2], "-c");
    assert_null(rest[3]);
}

static void a_lone_dash_is_a_word(void **state) {
    Values v;
    char **rest;
    Error err = {};
    assert_int_equal(parse(OPTION_ANYWHERE, WORDS("-", "-d"), &v, &rest, &err), 0);
    assert_string_equal(rest[0], "-");
}

static void a_filters_name_is_in_small_letters(void **state) {
    const Option filters[] = {
        {'f', "filter", OPTION_FILTERS, offsetof(Values, environment), "filter", "Filter"}, {}};
    char stars[] = "-f=STARS=ABC", label[] = "Label=X=Y", nothing[] = "stars";
    char *argv[] = {"search", stars, "--filter", label, "-f", nothing, NULL};
    OptionParse how = {filters, OPTION_ANYWHERE, false};
    Values v = {};
    int first;
    Error err = {};
    assert_int_equal(option_parse(&how, 4, argv, &v, &first, &err), 0);
    assert_int_equal(v.environment.n, 2);
    assert_string_equal(v.environment.item[0], "stars=ABC");
    assert_string_equal(v.environment.item[1], "label=X=Y");
    assert_failed(option_parse(&how, 6, argv, &v, &first, &err), err, ERROR_INVALID,
        "invalid argument \"stars\" for \"-f, --filter\" flag: bad format of filter (expected "
        "name=value)");
    option_texts_done(&v.environment);
}

static void says_what_is_wrong_in_pflags_words(void **state) {
    static const struct {
        const char *words[3];
        const char *message;
    } rows[] = {
        {{"--nope"}, "unknown flag: --nope"},
        {{"--nope=1"}, "unknown flag: --nope"},
        {{"-dx"}, "unknown shorthand flag: 'x' in -dx"},
        {{"--name"}, "flag needs an argument: --name"},
        {{"-e"}, "flag needs an argument: 'e' in -e"},
        {{"--detach=maybe"}, "invalid argument \"maybe\" for \"-d, --detach\" flag: not a boolean"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Values v;
        char **rest;
        Error err = {};
        int r = parse(OPTION_ANYWHERE, rows[i].words, &v, &rest, &err);
        assert_failed(r, err, ERROR_INVALID, rows[i].message);
    }
}

static void numbers_and_sizes_are_checked(void **state) {
    Values v;
    char **rest;
    Error err = {};
    assert_int_equal(parse(OPTION_ANYWHERE, WORDS("--pids-limit", "-1"), &v, &rest, &err), 0);
    assert_true(v.pids.set && v.pids.value == -1);
    assert_int_equal(
        parse(OPTION_ANYWHERE, WORDS("--pids-limit", "x"), &v, &rest, &err), ERROR_INVALID);
    assert_int_equal(parse(OPTION_ANYWHERE, WORDS("-m", "lots"), &v, &rest, &err), ERROR_INVALID);
}

static void one_dash_for_go_programs(void **state) {
    char *argv[] = {"shim", "-name=x", "-detach", "start", NULL};
    Values v = {};
    int first;
    Error err = {};
    OptionParse how = {options, OPTION_ANYWHERE, true};
    assert_int_equal(option_parse(&how, 4, argv, &v, &first, &err), 0);
    assert_string_equal(v.name, "x");
    assert_true(v.detach);
    assert_string_equal(argv[first], "start");
}

static void help_is_aligned_and_hides_hidden_rows(void **state) {
    autofree char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    option_print_help(options, out);
    fclose(out);
    assert_string_equal(text, "  -d, --detach         Run in the background\n"
                              "  -t, --tty            Allocate a terminal\n"
                              "      --name string    Name\n"
                              "  -m, --memory bytes   Memory limit\n"
                              "  -e, --env list       Set variables\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_way_to_give_a_value),
        TEST(flags_can_be_taken_back),
        TEST(the_containers_own_options_are_left_alone),
        TEST(options_after_positionals_count_too),
        TEST(a_lone_dash_is_a_word),
        TEST(a_filters_name_is_in_small_letters),
        TEST(says_what_is_wrong_in_pflags_words),
        TEST(numbers_and_sizes_are_checked),
        TEST(one_dash_for_go_programs),
        TEST(help_is_aligned_and_hides_hidden_rows),
    };
    return RUN(tests);
}
