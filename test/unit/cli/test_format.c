// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/document.h"
#include "cli/human.h"
#include "cli/quote.h"
#include "cli/table.h"
#include "test.h"

static void durations_read_as_dockers(void **state) {
    (void)state;
    enum {
        MINUTE = 60,
        HOUR = 3600,
        DAY = 24 * HOUR
    };
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {-5, "Less than a second"},
        {0, "Less than a second"},
        {1, "1 second"},
        {2, "2 seconds"},
        {59, "59 seconds"},
        {MINUTE, "About a minute"},
        {MINUTE + 59, "About a minute"},
        {2 * MINUTE, "2 minutes"},
        {59 * MINUTE + 59, "59 minutes"},
        {HOUR, "About an hour"},
        {HOUR + 29 * MINUTE, "About an hour"},
        {HOUR + 30 * MINUTE, "2 hours"},
        {22 * HOUR, "22 hours"},
        {47 * HOUR, "47 hours"},
        {2 * DAY, "2 days"},
        {13 * DAY, "13 days"},
        {14 * DAY, "2 weeks"},
        {59 * DAY, "8 weeks"},
        {60 * DAY, "2 months"},
        {18 * 30 * DAY, "18 months"},
        {2 * 365 * DAY, "2 years"},
        {10LL * 365 * DAY, "10 years"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        char buffer[HUMAN_SIZE];
        assert_string_equal(human_duration(rows[i].seconds * TIME_SECOND, buffer), rows[i].text);
    }
    char buffer[HUMAN_SIZE];
    assert_string_equal(human_duration(TIME_SECOND - 1, buffer), "Less than a second");
    assert_non_null(human_duration(INT64_MAX, buffer));
}

static void sizes_have_three_digits(void **state) {
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0B"},
        {999, "999B"},
        {1000, "1kB"},
        {13256, "13.3kB"},
        {5590000, "5.59MB"},
        {133000000, "133MB"},
        {672100000, "672MB"},
        {999900, "1MB"},
        {1230000000, "1.23GB"},
        {INT64_MAX, "9.22EB"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        char buffer[HUMAN_SIZE];
        assert_string_equal(human_size(rows[i].bytes, buffer), rows[i].text);
    }
    char buffer[HUMAN_SIZE];
    assert_string_equal(human_usage(1984256, buffer), "1.984MB");
    assert_string_equal(human_memory(4110000000, buffer), "3.828GiB");
}

static char *print_table(const Table *table) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    table_print(table, out);
    fclose(out);
    return text;
}

static void tables_have_three_spaces_between_columns(void **state) {
    (void)state;
    autodone(Table) table = {.columns = 3};
    static const char *const cells[] = {
        "REPOSITORY", "TAG", "SIZE", "busybox", "latest", "4MB", "registry/long/name", "ä…", "5MB"};
    for (size_t i = 0; i < array_size(cells); i++)
        table_add(&table, cells[i]);
    autofree char *text = print_table(&table);
    assert_string_equal(text, "REPOSITORY           TAG       SIZE\n"
                              "busybox              latest    4MB\n"
                              "registry/long/name   ä…        5MB\n");
}

static void ellipsis_counts_characters(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t width;
        const char *expected;
    } rows[] = {
        {"docker-entrypoint.sh nginx", 20, "docker-entrypoint.s…"},
        {"exactly", 7, "exactly"},
        {"ääää", 4, "ääää"},
        {"äääää", 4, "äää…"},
        {"", 4, ""},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autofree char *text = text_ellipsis(rows[i].text, rows[i].width);
        assert_string_equal(text, rows[i].expected);
    }
}

static void quoted_text_cannot_move_the_cursor(void **state) {
    (void)state;
    autofree char *quoted = quote("sh -c \"a\\b\"\t\033[2J\nä");
    assert_string_equal(quoted, "\"sh -c \\\"a\\\\b\\\"\\t\\x1b[2J\\nä\"");
    /* C1 controls and reversed letters, in UTF-8; a dash of the same page stays, a cut character
     * too */
    autofree char *steering = quote("a\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\u2013\xe2\x80");
    assert_string_equal(steering, "\"a\\u009b\\u202e\\u2066\u2013\xe2\x80\"");
}

static void json_is_indented_by_four_spaces(void **state) {
    (void)state;
    autodone(Text) out = {};
    document_indent(
        document_of("{\"a\":[1,{\"b\":\"x, {y}\\\"\"}],\"c\":{},\"d\":[],\"e\":null}"), 0, &out);
    assert_string_equal(out.data, "{\n"
                                  "    \"a\": [\n"
                                  "        1,\n"
                                  "        {\n"
                                  "            \"b\": \"x, {y}\\\"\"\n"
                                  "        }\n"
                                  "    ],\n"
                                  "    \"c\": {},\n"
                                  "    \"d\": [],\n"
                                  "    \"e\": null\n"
                                  "}");
}

static void documents_stay_inside_broken_text(void **state) {
    (void)state;
    static const char *const broken[] = {"{", "[", "{\"a\"", "{\"a\":", "[1,", "[\"x",
        "{\"a\":\"\\", "[,]", "{]", "]", "[[[", "\"\\u12", "{\"a\" 1}"};
    for (size_t i = 0; i < array_size(broken); i++) {
        // exact allocation: a byte too far is a sanitizer's report
        autofree char *text = text_copy(broken[i]);
        Document document = document_of(text);
        document_count(document);
        document_member(document, "a");
        document_element(document, 3);
        autofree char *decoded = document_to_text(document);
        autodone(Text) out = {};
        document_indent(document, 0, &out);
        assert_non_null(decoded);
    }
}

static void json_texts_are_decoded(void **state) {
    (void)state;
    autofree char *text = document_to_text(document_of("\"a\\n\\u00e4\\ud83d\\ude00\\/\\\"\""));
    assert_string_equal(text, "a\nä😀/\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(durations_read_as_dockers),
        TEST(sizes_have_three_digits),
        TEST(tables_have_three_spaces_between_columns),
        TEST(ellipsis_counts_characters),
        TEST(quoted_text_cannot_move_the_cursor),
        TEST(json_is_indented_by_four_spaces),
        TEST(documents_stay_inside_broken_text),
        TEST(json_texts_are_decoded),
    };
    return RUN(tests);
}
