// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/wire.h"
#include "test.h"

/* Expected bytes were worked out by hand from the description of the encoding. */

static void numbers_and_bytes_survive(void **state) {
    autodone(Text) text = {};
    WireField field;
    Error err = {};
    wire_put_number(&text, 1, 300);
    wire_put_number(&text, 2, -1);
    wire_put_text(&text, 23, "ab");
    static const char expected[] = "\x08\xac\x02"
                                   "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                   "\xba\x01\x02"
                                   "ab";
    assert_int_equal(text.length, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.length);
    WireReader reader = {.at = text.data, .n = text.length};
    assert_int_equal(wire_next(&reader, &field, &err), 1);
    assert_true(field.number == 1 && !field.is_bytes && field.value == 300);
    assert_int_equal(wire_next(&reader, &field, &err), 1);
    assert_true(field.number == 2 && field.value == -1);
    assert_int_equal(wire_next(&reader, &field, &err), 1);
    assert_true(field.number == 23 && field.is_bytes && field.n == 2);
    assert_memory_equal(field.bytes, "ab", 2);
    assert_int_equal(wire_next(&reader, &field, &err), 0);
}

static void malformed_messages_are_refused(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"\x08", 1},                                              /* no value */
        {"\x08\xff", 2},                                          /* half a value */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a value of eleven bytes */
        {"\x12\x05"
         "abc",
            5},                                               /* longer than the message */
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* longer than the machine */
        {"\x00\x01", 2},                                      /* field 0 */
        {"\x0b", 1},                                          /* a group */
        {"\x0d\x01\x02", 3},                                  /* half of a fixed32 */
        {"\x80\x80\x80\x80\x80\x10\x01", 7},                  /* a field beyond 32 bits */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        autodone(CriuReply) reply = {};
        Error err = {};
        assert_int_equal(criu_reply_decode(rows[i].bytes, rows[i].n, &reply, &err), ERROR_CORRUPT);
    }
}

static void a_request_holds_what_is_asked_for(void **state) {
    autodone(CriuOptions) options = CRIU_OPTIONS_INIT;
    autodone(Text) text = {};
    options.images_dir = 5;
    options.pid = 7;
    options.leave_running = true;
    options.log_file = "l";
    options.cgroup_mode = CRIU_CGROUP_IGNORE;
    options.page_server_address = "h";
    options.page_server_port = 80;
    json_map_set(&options.mounts, "/k", "/v");
    json_texts_add(&options.external, "net[1]:x");
    criu_options_inherit(&options, "pipe:[9]", 0);
    request_encode(CRIU_DUMP, &options, &text);
    static const char expected[] = "\x08\x01"
                                   "\x12\x38"
                                   "\x08\x05"
                                   "\x10\x07"
                                   "\x18\x01"
                                   "\x52\x01l"
                                   "\x90\x02\x00"
                                   "\xba\x01\x08\x0a\x02/k\x12\x02/v"
                                   "\xaa\x02\x08net[1]:x"
                                   "\xda\x01\x0c\x0a\x08pipe:[9]\x10\x00"
                                   "\x5a\x05\x0a\x01h\x10\x50";
    assert_int_equal(text.length, sizeof expected - 1);
    assert_memory_equal(text.data, expected, text.length);
}

static void answers_are_understood(void **state) {
    autodone(CriuReply) version = {}, notify = {}, features = {}, failure = {};
    Error err = {};
    static const char version_bytes[] = "\x08\x0a\x10\x01\x52\x06\x08\x04\x10\x02\x20\x01";
    assert_true(criu_reply_decode(version_bytes, sizeof version_bytes - 1, &version, &err) >= 0);
    assert_true(version.type == CRIU_VERSION && version.success && version.version == 40201);
    static const char notify_bytes[] = "\x08\x06\x10\x01\x2a\x09\x0a\x05"
                                       "hello\x10\x2a";
    assert_true(criu_reply_decode(notify_bytes, sizeof notify_bytes - 1, &notify, &err) >= 0);
    assert_string_equal(notify.script, "hello");
    assert_int_equal(notify.pid, 42);
    static const char feature_bytes[] = "\x08\x09\x10\x01\x42\x04\x08\x00\x10\x01";
    assert_true(criu_reply_decode(feature_bytes, sizeof feature_bytes - 1, &features, &err) >= 0);
    assert_true(!features.features.track_memory && features.features.lazy_pages);
    static const char failure_bytes[] = "\x08\x01\x10\x00\x38\x0d\x4a\x03why";
    assert_true(criu_reply_decode(failure_bytes, sizeof failure_bytes - 1, &failure, &err) >= 0);
    assert_true(!failure.success && failure.code == 13);
    assert_string_equal(failure.message, "why");
}

static void cgroup_modes_are_words(void **state) {
    CriuCgroupMode mode;
    Error err = {};
    assert_true(criu_cgroup_mode_parse(NULL, &mode, &err) >= 0 && mode == CRIU_CGROUP_DEFAULT);
    assert_true(criu_cgroup_mode_parse("ignore", &mode, &err) >= 0 && mode == CRIU_CGROUP_IGNORE);
    assert_failed(criu_cgroup_mode_parse("odd", &mode, &err), err, ERROR_INVALID,
        "invalid manage-cgroups-mode value: \"odd\" (expected soft, full, strict or ignore)");
}

static int open_images(const char *directory, Images *ret, Error *err) {
    const ImagesOptions options = {.path = directory, .log_name = "dump.log", .make = true};
    return images_open(ret, &options, err);
}

static void descriptors_survive(void **state) {
    char directory[] = "/tmp/test-images.XXXXXX";
    autodone(Images) images = IMAGES_INIT;
    autodone(JsonTexts) saved = {}, loaded = {};
    Error err = {};
    assert_non_null(mkdtemp(directory));
    assert_true(open_images(directory, &images, &err) >= 0);
    json_texts_add(&saved, "pipe:[1]");
    json_texts_add(&saved, "\"odd\\");
    assert_true(images_save_descriptors(&images, &saved, &err) >= 0);
    assert_true(images_load_descriptors(&images, &loaded, &err) >= 0);
    assert_int_equal(loaded.n, 2);
    assert_string_equal(loaded.item[1], "\"odd\\");
    assert_int_equal(unlinkat(images.dir, "descriptors.json", 0), 0);
    assert_int_equal(images_load_descriptors(&images, &loaded, &err), ERROR_NOT_FOUND);
    assert_int_equal(unlinkat(AT_FDCWD, directory, AT_REMOVEDIR), 0);
}

static void the_first_error_that_matters_is_found(void **state) {
    char directory[] = "/tmp/test-images.XXXXXX";
    autodone(Images) images = IMAGES_INIT;
    Error err = {};
    static const char log[] =
        "(00.001) fine\n(00.002) Error (criu/util.c:1): rlimit: Can't setup RLIMIT_NOFILE\n"
        "(00.003)     1: Error (criu/files.c:2): the cause\n(00.004) Error (criu/x.c:3): later\n"
        "(00.005) Error (criu/cr-dump.c:4): Dumping FAILED.\n";
    assert_non_null(mkdtemp(directory));
    assert_true(open_images(directory, &images, &err) >= 0);
    assert_null(images_find_error(&images));
    autoclose int fd = openat(images.work, "dump.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, log, sizeof log - 1), sizeof log - 1);
    autofree char *found = images_find_error(&images);
    assert_string_equal(found, "the cause");
    assert_int_equal(unlinkat(images.dir, "dump.log", 0), 0);
    assert_int_equal(unlinkat(AT_FDCWD, directory, AT_REMOVEDIR), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(numbers_and_bytes_survive),
        TEST(malformed_messages_are_refused), TEST(a_request_holds_what_is_asked_for),
        TEST(answers_are_understood), TEST(cgroup_modes_are_words), TEST(descriptors_survive),
        TEST(the_first_error_that_matters_is_found)};
    return RUN(tests);
}
