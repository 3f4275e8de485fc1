// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/template.h"
#include "test.h"

static const char json[] =
    "{\"Name\":\"/x\",\"N\":12,\"Yes\":true,\"No\":false,\"Nothing\":null,\"Empty\":[],"
    "\"State\":{\"Running\":true,\"ExitCode\":0},"
    "\"Labels\":{\"a.b\":\"c d\",\"e\":\"\"},"
    "\"Mounts\":[{\"Source\":\"/a\"},{\"Source\":\"/b\"}],\"Args\":[\"x\",\"y z\"]}";

static int run(const char *text, char **ret, Error *err) {
    __attribute__((cleanup(cleanup_Template_))) Template *template = NULL;
    TRY(template_parse(text, &template, err));
    autodone(Text) out = {};
    TRY(template_execute(template, document_of(json), &out, err));
    *ret = text_take(&out);
    return 0;
}

static void templates_print_as_go_does(void **state) {
    (void)state;
    static const struct {
        const char *template, *expected;
    } rows[] = {
        {"plain", "plain"},
        {"{{.Name}}", "/x"},
        {"{{ .Name }}-{{.N}}", "/x-12"},
        {"{{.State.Running}}", "true"},
        {"{{$.State.ExitCode}}", "0"},
        {"{{json .State}}", "{\"Running\":true,\"ExitCode\":0}"},
        {"{{json .Name}}", "\"/x\""},
        {"{{.State | json}}", "{\"Running\":true,\"ExitCode\":0}"},
        {"{{json .}}", json},
        {"{{.Args}}", "[x y z]"},
        {"{{.Labels}}", "map[a.b:c d e:]"},
        {"{{.Nothing}}", "<no value>"},
        {"{{index .Labels \"a.b\"}}", "c d"},
        {"{{index .Labels \"none\"}}", ""},
        {"{{index .Mounts 1}}", "map[Source:/b]"},
        {"{{(index .Mounts 0).Source}}", NULL}, // Go's chains on parentheses: not ours
        {"{{len .Mounts}} {{len .Args}} {{len .Name}} {{len .Empty}}", "2 2 2 0"},
        {"{{range .Mounts}}{{.Source}};{{end}}", "/a;/b;"},
        {"{{range .Empty}}x{{else}}none{{end}}", "none"},
        {"{{range .Args}}{{println .}}{{end}}", "x\ny z\n"},
        {"{{range .Mounts}}{{$.Name}}{{end}}", "/x/x"},
        {"{{if .State.Running}}up{{else}}down{{end}}", "up"},
        {"{{if .No}}a{{else}}b{{end}}", "b"},
        {"{{if .State.ExitCode}}bad{{end}}", ""},
        {"{{if .Missing}}a{{else}}b{{end}}", "b"},
        {"{{if not .No}}x{{end}}", "x"},
        {"{{if and .Yes .No}}a{{else}}b{{end}}", "b"},
        {"{{if or .No .Yes}}a{{else}}b{{end}}", "a"},
        {"{{if eq .Name \"/x\"}}same{{end}}", "same"},
        {"{{if ne .N 12}}other{{end}}", ""},
        {"{{with .State}}{{.Running}}{{end}}", "true"},
        {"{{join .Args \",\"}}", "x,y z"},
        {"{{upper .Name}}{{lower `ABC`}}", "/Xabc"},
        {"{{print .Name .N}}", "/x12"},
        {"{{.Name}}\\t{{.N}}\\n", "/x\t12\n"},
        {"{{\"}}\"}}", "}}"},
        {"", ""},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Error err = {};
        autofree char *out = NULL;
        int result = run(rows[i].template, &out, &err);
        if (!rows[i].expected) {
            assert_int_equal(result, ERROR_INVALID);
            continue;
        }
        assert_int_equal(result, 0);
        assert_string_equal(out, rows[i].expected);
    }
}

static void bad_templates_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"{{", "{{.Name", "{{end}}", "{{else}}", "{{if .Yes}}x",
        "{{nope .Name}}", "{{.Name.Deeper}}", "{{.Missing}}", "{{.Missing.Deeper}}", "{{.a..b}}",
        "{{(.Name}}", "{{.Name)}}", "{{}}", "{{|}}", "{{\"x}}", "{{json}}", "{{json .N .N}}",
        "{{index .Mounts 5}}", "{{.Name .N}}", "{{json json}}", "{{%}}"};
    for (size_t i = 0; i < array_size(bad); i++) {
        Error err = {};
        autofree char *out = NULL;
        assert_int_equal(run(bad[i], &out, &err), ERROR_INVALID);
        assert_int_equal(strncmp(err.message, "template: ", 10), 0);
    }
}

static void nesting_is_bounded(void **state) {
    (void)state;
    autodone(Text) deep = {};
    for (int i = 0; i < 10000; i++)
        text_append(&deep, "{{if .Yes}}");
    Error err = {};
    autofree char *out = NULL;
    assert_int_equal(run(deep.data, &out, &err), ERROR_INVALID);
    text_clear(&deep);
    text_append(&deep, "{{");
    for (int i = 0; i < 10000; i++)
        text_append_char(&deep, '(');
    text_append(&deep, "}}");
    assert_int_equal(run(deep.data, &out, &err), ERROR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(templates_print_as_go_does),
        TEST(bad_templates_are_refused),
        TEST(nesting_is_bounded),
    };
    return RUN(tests);
}
