// SPDX-License-Identifier: Apache-2.0
#include "engine/image/instruction.h"
#include "engine/image/word.h"
#include "test.h"

/* Lines that end with NULL; what the config is after them, as JSON. */
typedef struct Row {
    const char *lines[4], *json;
} Row;

static void config_done(OciImageConfig *config) {
    json_done(&oci_image_config_type, config);
}
CLEANUP_DEFINE_DONE(OciImageConfig, config_done)

static void gives(const Row *row) {
    autodone(OciImageConfig) config = {};
    Instructions instructions = {.config = &config};
    for (size_t i = 0; i < array_size(row->lines) && row->lines[i]; i++)
        SUCCEEDS(instruction_apply(&instructions, row->lines[i], err));
    autofree char *json = json_encode(&oci_image_config_type, &config, 0);
    assert_string_equal(json, row->json);
}

static void all_give(const Row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        gives(&rows[i]);
}

static void commands_are_arrays_or_lines_for_a_shell(void **state) {
    static const Row rows[] = {
        {{"CMD [\"echo\", \"a b\"]"}, "{\"Cmd\":[\"echo\",\"a b\"]}"},
        {{" cmd  echo $HOME \r\n"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $HOME\"]}"},
        {{"CMD [x"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[x\"]}"},
        {{"CMD [\"a\", 1]"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[\\\"a\\\", 1]\"]}"},
        {{"CMD a", "ENTRYPOINT [\"b\"]"},
            "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a\"],\"Entrypoint\":[\"b\"]}"},
        {{"ENTRYPOINT [\"b\"]", "ENTRYPOINT []"}, "{\"Entrypoint\":[]}"},
        {{"ONBUILD RUN x", "onbuild CMD y"}, "{\"OnBuild\":[\"RUN x\",\"CMD y\"]}"},
    };
    all_give(rows, array_size(rows));
}

static void an_entrypoint_takes_away_a_command_that_was_there_before(void **state) {
    autodone(OciImageConfig) config = {};
    json_texts_add(&config.cmd, "of the image");
    Instructions instructions = {.config = &config};
    SUCCEEDS(instruction_apply(&instructions, "ENTRYPOINT [\"b\"]", err));
    assert_int_equal(config.cmd.n, 0);
}

static void pairs_are_quoted_and_expanded_as_before_their_line(void **state) {
    static const Row rows[] = {
        {{"ENV A=1 B=\"two  words\" C='$A' D=a\\ b"},
            "{\"Env\":[\"A=1\",\"B=two  words\",\"C=$A\",\"D=a b\"]}"},
        {{"ENV A=1", "ENV A=2 B=$A"}, "{\"Env\":[\"A=2\",\"B=1\"]}"},
        {{"ENV A one  two"}, "{\"Env\":[\"A=one  two\"]}"},
        {{"ENV A=", "ENV B=${A:-x} C=${A-x} D=${A:+x} E=${N-${A:-y}}"},
            "{\"Env\":[\"A=\",\"B=x\",\"C=\",\"D=\",\"E=y\"]}"},
        {{"ENV A=\"\\$A \\x\" B=$ C=\\$A"}, "{\"Env\":[\"A=$A \\\\x\",\"B=$\",\"C=$A\"]}"},
        {{"LABEL a=b \"c d\"='e f'", "LABEL a=z"}, "{\"Labels\":{\"a\":\"z\",\"c d\":\"e f\"}}"},
    };
    all_give(rows, array_size(rows));
}

static void ports_volumes_directories_users_and_signals(void **state) {
    static const Row rows[] = {
        {{"EXPOSE 80 53/UDP 80/tcp", "EXPOSE 79-81"},
            "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"79/tcp\":{},\"81/tcp\":{}}}"},
        {{"VOLUME [\"/a b\"]", "VOLUME /c /d /c"},
            "{\"Volumes\":{\"/a b\":{},\"/c\":{},\"/d\":{}}}"},
        {{"WORKDIR /a", "WORKDIR b/../c"}, "{\"WorkingDir\":\"/a/c\"}"},
        {{"WORKDIR ../../x"}, "{\"WorkingDir\":\"/x\"}"},
        {{"ENV U=5", "USER $U:6"}, "{\"User\":\"5:6\",\"Env\":[\"U=5\"]}"},
        {{"STOPSIGNAL SIGRTMIN+3"}, "{\"StopSignal\":\"SIGRTMIN+3\"}"},
    };
    all_give(rows, array_size(rows));
}

static void all_ports_are_many_but_not_slow(void **state) {
    autodone(OciImageConfig) config = {};
    Instructions instructions = {.config = &config};
    for (int i = 0; i < 20; i++)
        SUCCEEDS(instruction_apply(&instructions, "EXPOSE 1-65535 1-65535/udp", err));
    assert_int_equal(config.exposed_ports.n, 2 * 65535);
}

static void health_checks(void **state) {
    static const Row rows[] = {
        {{"HEALTHCHECK --interval=1m30s --timeout=3s --retries=2 CMD [\"a\", \"b\"]"},
            "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",\"b\"],\"Interval\":90000000000,"
            "\"Timeout\":3000000000,\"Retries\":2}}"},
        {{"HEALTHCHECK CMD a || b", "healthcheck --start-period=1s --start-interval=2s cmd c"},
            "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"c\"],\"StartPeriod\":1000000000,"
            "\"StartInterval\":2000000000}}"},
        {{"HEALTHCHECK CMD a", "HEALTHCHECK NONE"}, "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"},
    };
    all_give(rows, array_size(rows));
}

static void what_is_wrong_is_said_and_changes_nothing(void **state) {
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"", " is not a valid change command"},
        {"FROM x", "FROM is not a valid change command"},
        {"CMDS x", "CMDS is not a valid change command"},
        {"ENV", "ENV requires at least one argument"},
        {"ENV A", "ENV must have two arguments"},
        {"ENV =x", "names can not be blank"},
        {"ENV B=1 C", "can't find = in \"C\""},
        {"LABEL \"a=b", "unexpected end of statement while looking for matching quote"},
        {"USER ${A", "bad substitution"},
        {"USER ${}", "bad substitution"},
        {"USER ${A?x}", "unsupported modifier"},
        {"USER", "USER requires exactly one argument"},
        {"EXPOSE", "EXPOSE requires at least one argument"},
        {"EXPOSE 0", "invalid containerPort: 0"},
        {"EXPOSE 65536", "invalid containerPort: 65536"},
        {"EXPOSE x", "containerPort"},
        {"EXPOSE 2-1", "invalid port range: 2-1"},
        {"EXPOSE 80/icmp", "invalid proto: icmp"},
        {"VOLUME [\"\"]", "VOLUME specified can not be an empty string"},
        {"STOPSIGNAL SIGNONE", "SIGNONE"},
        {"ONBUILD", "ONBUILD requires at least one argument"},
        {"ONBUILD onbuild x", "isn't allowed"},
        {"ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"},
        {"HEALTHCHECK", "HEALTHCHECK requires at least one argument"},
        {"HEALTHCHECK x", "Unknown type \"x\" in HEALTHCHECK (try CMD)"},
        {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
        {"HEALTHCHECK CMD []", "Missing command after HEALTHCHECK CMD"},
        {"HEALTHCHECK --interval=1us CMD x", "cannot be less than 1ms"},
        {"HEALTHCHECK --interval=x CMD x", "interval"},
        {"HEALTHCHECK --retries=-1 CMD x", "retries"},
        {"HEALTHCHECK --what=1 CMD x", "unknown flag: --what=1"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(OciImageConfig) config = {};
        Instructions instructions = {.config = &config};
        FAILS(ERROR_INVALID, rows[i].words, instruction_apply(&instructions, rows[i].line, err));
    }
}

static void what_a_line_makes_is_bounded(void **state) {
    enum {
        LINE = 1 << 16
    };
    autodone(OciImageConfig) config = {};
    autodone(Text) deep = {}, wide = {};
    Instructions instructions = {.config = &config};
    autofree char *line = memory_new(LINE + 2);
    memset(line, 'x', LINE + 1);
    line[LINE + 1] = '\0';
    memcpy(line, "CMD ", 4);
    FAILS(ERROR_INVALID, "more than 65536 bytes", instruction_apply(&instructions, line, err));
    text_append(&deep, "USER ");
    for (int i = 0; i < 100; i++)
        text_append(&deep, "${A:-");
    for (int i = 0; i < 100; i++)
        text_append(&deep, "}");
    FAILS(ERROR_INVALID, "nested too deeply", instruction_apply(&instructions, deep.data, err));
    SUCCEEDS(instruction_apply(&instructions, "ENV A=0123456789abcdef", err));
    for (int i = 0; i < 15; i++) /* half a megabyte */
        SUCCEEDS(instruction_apply(&instructions, "ENV A=$A$A", err));
    FAILS(ERROR_EXHAUSTED, "a word has more than",
        instruction_apply(&instructions, "ENV B=$A$A$A$A", err));
    text_append(&wide, "ENV");
    for (int i = 0; i < 100; i++)
        text_append(&wide, " C=$A");
    FAILS(
        ERROR_EXHAUSTED, "a config of more than", instruction_apply(&instructions, wide.data, err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_arrays_or_lines_for_a_shell),
        cmocka_unit_test(an_entrypoint_takes_away_a_command_that_was_there_before),
        cmocka_unit_test(pairs_are_quoted_and_expanded_as_before_their_line),
        cmocka_unit_test(ports_volumes_directories_users_and_signals),
        cmocka_unit_test(all_ports_are_many_but_not_slow),
        cmocka_unit_test(health_checks),
        cmocka_unit_test(what_is_wrong_is_said_and_changes_nothing),
        cmocka_unit_test(what_a_line_makes_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
