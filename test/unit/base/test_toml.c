// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/toml.h"
#include "test.h"

static void tables_become_objects_in_their_order(void **state) {
    static const char text[] = "# a comment\n"
                               "server = \"https://r.example\" # another\r\n"
                               "a.\"b c\" = 'C:\\x'\n"
                               "[host.\"https://m.example\"]\n"
                               "  capabilities = [\"pull\", # one\n \"resolve\",]\n"
                               "  skip_verify = true\n"
                               "  n = -12\nm = +1_0\n"
                               "[host.\"https://m.example\".header]\n"
                               "  x = [[\"a\", \"b\"], []]\n"
                               "[host.second]";
    autodone(Text) json = {};
    Error err = {};
    assert_int_equal(toml_to_json(text, strlen(text), &json, &err), 0);
    assert_string_equal(json.data,
        "{\"server\":\"https://r.example\",\"a\":{\"b c\":\"C:\\\\x\"},\"host\":{"
        "\"https://m.example\":{\"capabilities\":[\"pull\",\"resolve\"],\"skip_verify\":true,"
        "\"n\":-12,\"m\":10,\"header\":{\"x\":[[\"a\",\"b\"],[]]}},\"second\":{}}}");
}

static void nothing_is_an_empty_object(void **state) {
    autodone(Text) json = {};
    Error err = {};
    assert_int_equal(toml_to_json(NULL, 0, &json, &err), 0);
    assert_string_equal(json.data, "{}");
}

static void what_is_not_understood_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"a", "line 1: expected '='"},
        {"\n\na = \n", "line 3: expected a string"},
        {"a = 1979-05-27", "line 1: expected a string"},
        {"a = 1.5", "line 1: expected a string"},
        {"a = 012", "line 1: expected a string"},
        {"a = 1__0", "line 1: expected a string"},
        {"a = {b = 1}", "line 1: expected a string"},
        {"a = \"x", "line 1: a string does not end"},
        {"a = \"\\q\"", "line 1: unknown escape"},
        {"a = \"\"\"x\"\"\"", "line 1: multi-line"},
        {"a = 1 b = 2", "line 1: expected the end of the line"},
        {"a = 1\na = 2", "line 2: a key is set twice"},
        {"a = 1\n[a.b]", "line 2: a key is set twice"},
        {"[[a]]", "line 1: arrays of tables"},
        {"[a", "line 1: expected ']'"},
        {"a = [1 2]", "line 1: expected ',' or ']'"},
        {"a = [[[[[[[[[[1]]]]]]]]]]", "line 1: arrays are nested too deeply"},
        {"a.b.c.d.e.f.g.h.i.j.k = 1", "line 1: a key is"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) json = {};
        Error err = {};
        assert_int_equal(
            toml_to_json(rows[i].text, strlen(rows[i].text), &json, &err), ERROR_INVALID);
        if (!strstr(err.message, rows[i].words))
            fail_msg("'%s': %s", rows[i].text, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_become_objects_in_their_order),
        cmocka_unit_test(nothing_is_an_empty_object),
        cmocka_unit_test(what_is_not_understood_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
