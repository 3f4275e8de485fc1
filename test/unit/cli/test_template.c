// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/template/template.h"
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
    const TemplateInput input = {.dot = document_of(json)};
    TRY(template_execute(template, &input, &out, err));
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
        {"{{(index .Mounts 0).Source}}", "/a"},
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
        {"{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{$m.Source}}{{end}}", "/a,/b"},
        {"{{range .Mounts}}{{.Source}}{{break}}{{end}}", "/a"},
        {"{{range .Args}}{{if eq . \"x\"}}{{continue}}{{end}}{{.}}{{end}}", "y z"},
        {"{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a.b=c d;e=;"},
        {"{{range 3}}{{.}}{{end}}", "012"},
        {"{{if eq .N 1}}a{{else if eq .N 12}}b{{else}}c{{end}}", "b"},
        {"{{with .No}}a{{else with .Yes}}b{{end}}", "b"},
        {"{{with $x := .State}}{{$x.Running}}{{end}}", "true"},
        {"{{$x := .N}}{{$x = 5}}{{$x}}", "5"},
        {"  {{- .Name -}}   tail", "/xtail"},
        {"{{/* comment */}}x{{- /* c */ -}} y", "xy"},
        {"{{printf \"%d|%5d|%-5d|%05d|%+d|%x\" .N .N .N .N .N .N}}", "12|   12|12   |00012|+12|c"},
        {"{{printf \"%s|%10s|%-4s|%q|%.1s\" .Name .Name .Name .Name .Name}}",
            "/x|        /x|/x  |\"/x\"|/"},
        {"{{printf \"%v %t %.2f\" .Args .Yes 2.5}}", "[x y z] true 2.50"},
        {"{{printf \"%d\" .Name}}", "%!d(string=/x)"},
        {"{{printf \"%d %d\" .N}}", "12 %!d(MISSING)"},
        {"{{printf \"%d\" .N .N}}", "12%!(EXTRA int=12)"},
        {"{{printf \"100%%\"}}", "100%"},
        {"{{.Name | printf \"%-6s|\"}}", "/x    |"},
        {"{{index (split .Name \"/\") 1}}", "x"},
        {"{{title \"hello world\"}}", "Hello World"},
        {"{{pad .Name 1 2}}|{{pad \"\" 1 2}}|", " /x  ||"},
        {"{{truncate .Name 1}}{{truncate .Name 9}}", "//x"},
        {"{{slice .Name 1}} {{slice .Args 1 2}}", "x [y z]"},
        {"{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge \"b\" \"a\"}} {{eq 1 2 3 1}}",
            "true true false true true"},
        {"{{and .Yes .N 0}} {{or .No \"\" \"z\"}}", "0 z"},
        {"{{.Labels.nope}}", "<no value>"},
        {"{{0x1F}} {{1_000}} {{'a'}} {{-5}}", "31 1000 97 -5"},
        {"{{\"a\\tb\\x41\\u00e9\"}}", "a\tbA\u00e9"},
        {"{{print 1 2}}{{println 1 \"a\"}}", "1 21 a\n"},
        {"{{html \"<a>\"}} {{urlquery \"a b&c\"}}", "&lt;a&gt; a+b%26c"},
        {"{{js \"it's <a=b>\\n\"}}", "it\\'s \\u003Ca\\u003Db\\u003E\\u000A"},
        {"{{.Healthcheck}} {{.State.Shell}} {{.ExposedPorts}} [{{.Variant}}] {{.VirtualSize}}",
            "<nil> [] map[] [] 0"},
        {"{{json .Healthcheck}} {{json .Variant}} {{if .Healthcheck}}a{{else}}b{{end}}",
            "null \"\" b"},
        {"{{.Name}}\\t{{.N}}", "/x\\t12"}, // unescaped by cli/format
        {"{{\"}}\"}}", "}}"},
        {"{{define \"T\"}}<{{.}}>{{end}}{{template \"T\" .Name}}{{template \"T\"}}",
            "</x><<no value>>"},
        {"{{template `T` .}}{{define \"T\"}}[{{.N}}{{$.N}}]{{end}}", "[1212]"},
        {"{{block \"b\" .Args}}{{range .}}{{.}};{{end}}{{end}}{{template \"b\" .Args}}",
            "x;y z;x;y z;"},
        {"{{define \"r\"}}{{if gt (len .) 1}}{{slice . 0 1}}-{{template \"r\" (slice . 1)}}"
         "{{else}}{{.}}{{end}}{{end}}{{template \"r\" \"abc\"}}",
            "a-b-c"},
        {"{{define \"x\"}}{{end}}{{define \"x\"}}b{{end}}{{template \"x\"}}", "b"},
        {"{{printf \"%q %d %5v\" .Args .Args .Args}}",
            "[\"x\" \"y z\"] [%!d(string=x) %!d(string=y z)] [    x   y z]"},
        {"{{printf \"%s\" .Nothing}} {{print nil}}", "%!s(<nil>) <nil>"},
        {"{{printf \"%#x % x\" .Name .Name}}", "0x2f78 2f 78"},
        {"{{eq .Labels nil}} {{-.5}}", "false -0.5"},
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

/* The words are Go's 1.24, from running the same templates there. */
static void refusals_read_as_gos(void **state) {
    (void)state;
    static const struct {
        const char *template, *expected;
    } rows[] = {
        {"{{.Name", ":1: unclosed action"},
        {"\n{{end}}", ":2: unexpected {{end}}"},
        {"{{if .Yes}}x", ":1: unexpected EOF"},
        {"{{nope .Name}}", ":1: function \"nope\" not defined"},
        {"{{}}", ":1: missing value for command"},
        {"{{if}}x{{end}}", ":1: missing value for if"},
        {"{{|}}", ":1: unexpected \"|\" in command"},
        {"{{%}}", ":1: unexpected \"%\" in command"},
        {"{{(.Name}}", ":1: unclosed left paren"},
        {"{{.Name)}}", ":1: unexpected right paren"},
        {"{{$x}}", ":1: undefined variable \"$x\""},
        {"{{break}}", ":1: {{break}} outside {{range}}"},
        {"{{1 | 2}}", ":1: non executable command in pipeline stage 2"},
        {"{{$i, $j := .Args}}", ":1: too many declarations in command"},
        {"{{eq 1 \"1\"}}", ":1:2: executing \"\" at <eq 1 \"1\">: error calling eq: incompatible "
                           "types for comparison: int and string"},
        {"{{index .Mounts 5}}", ":1:2: executing \"\" at <index .Mounts 5>: error calling index: "
                                "index out of range: 5"},
        {"{{.Name.Deeper}}", ":1:7: executing \"\" at <.Name.Deeper>: can't evaluate field Deeper "
                             "in type string"},
        {"{{.Missing}}", ":1:2: executing \"\" at <.Missing>: map has no entry for key "
                         "\"Missing\""},
        {"{{json .N .N}}", ":1:2: executing \"\" at <json>: wrong number of args for json: want 1 "
                           "got 2"},
        {"{{template \"T\" .Name}}", ":1:11: executing \"\" at <{{template \"T\" .Name}}>: "
                                     "template \"T\" not defined"},
        {"{{define \"T\"}}{{.X.Y}}{{end}}{{template \"T\" .}}",
            ":1:18: executing \"T\" at <.X.Y>: map has no entry for key \"X\""},
        {"{{$x := 1}}{{define \"T\"}}{{$x}}{{end}}", ":1: undefined variable \"$x\""},
        {"{{range .Args}}{{block \"T\" .}}{{break}}{{end}}{{end}}",
            ":1: {{break}} outside {{range}}"},
        {"{{if .Yes}}{{define \"T\"}}{{end}}{{end}}", ":1: unexpected <define> in command"},
        {"{{define \"T\"}}a{{end}}{{define \"T\"}}b{{end}}",
            ":1: template: multiple definition of template \"T\""},
        {"{{template .Name}}", ":1: unexpected \".Name\" in template clause"},
        {"{{block \"b\"}}x{{end}}", ":1: missing value for block clause"},
        {"{{define \"T\"}}{{template \"T\" .}}{{end}}{{template \"T\" .}}",
            ":1:25: executing \"T\" at <{{template \"T\" .}}>: exceeded maximum template depth"},
        {"{{. .N}}", ":1:2: executing \"\" at <.>: can't give argument to non-function ."},
        {"{{lt .Yes .No}}",
            ":1:2: executing \"\" at <lt .Yes .No>: error calling lt: invalid type for comparison"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Error err = {};
        autofree char *out = NULL, *expected = text_format("template: %s", rows[i].expected);
        assert_int_equal(run(rows[i].template, &out, &err), ERROR_INVALID);
        assert_string_equal(err.message, expected);
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
        TEST(refusals_read_as_gos),
        TEST(nesting_is_bounded),
    };
    return RUN(tests);
}
