// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include "engine/content/content.h"
#include "test.h"

static const char hello[] = "hello, world";
#define HELLO "sha256:09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b"

static void digests_are_sha256(void **state) {
    char digest[DIGEST_TEXT_SIZE];
    digest_of(hello, strlen(hello), digest);
    assert_string_equal(digest, HELLO);
    assert_string_equal(digest_hex(HELLO), HELLO + 7);
}

static void only_whole_digests_pass(void **state) {
    static const char *const bad[] = {"", "sha256:", "sha256:12", "sha256:../../../../etc/passwd",
        "sha512:00", HELLO "0", "SHA256:09ca", "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256:09CA7E4EAA6E8AE9C7D261167129184883644D07DFBA7CBFBC4C8A2E08360D5B"};
    SUCCEEDS(digest_check(HELLO, err));
    for (size_t i = 0; i < array_size(bad); i++)
        FAILS(ERROR_INVALID, "digest", digest_check(bad[i], err));
}

static void a_broken_download_goes_on_where_it_ended(void **state) {
    Content *content;
    ContentWriter *writer;
    autodone(Text) text = {};
    SUCCEEDS(content_open(*state, &content, err));
    SUCCEEDS(content_writer_open(content, HELLO, 12, &writer, err));
    SUCCEEDS(content_writer_write(writer, hello, 5, err));
    content_writer_close(writer);
    assert_false(content_has(content, HELLO));
    content_close(content);

    SUCCEEDS(content_open(*state, &content, err));
    SUCCEEDS(content_writer_open(content, HELLO, 12, &writer, err));
    assert_int_equal(content_writer_offset(writer), 5);
    SUCCEEDS(content_writer_write(writer, hello + 5, 7, err));
    SUCCEEDS(content_writer_commit(writer, err));
    content_writer_close(writer);
    assert_true(content_has(content, HELLO));
    SUCCEEDS(content_read(content, HELLO, 100, &text, err));
    assert_string_equal(text.data, hello);
    content_close(content);
}

static void wrong_content_never_becomes_a_blob(void **state) {
    autoptr(Content) content = NULL;
    ContentWriter *writer;
    SUCCEEDS(content_open(*state, &content, err));
    SUCCEEDS(content_writer_open(content, HELLO, 12, &writer, err));
    SUCCEEDS(content_writer_write(writer, "hello, WORLD", 12, err));
    FAILS(ERROR_CORRUPT, "wrong digest: expected " HELLO, content_writer_commit(writer, err));
    content_writer_close(writer);
    assert_false(content_has(content, HELLO));
    /* nothing of it is taken up again */
    SUCCEEDS(content_writer_open(content, HELLO, 12, &writer, err));
    assert_int_equal(content_writer_offset(writer), 0);
    FAILS(ERROR_CORRUPT, "longer than the 12 bytes promised",
        content_writer_write(writer, "hello, world!", 13, err));
    SUCCEEDS(content_writer_write(writer, hello, 5, err));
    FAILS(ERROR_CORRUPT, "has 5 bytes instead of 12", content_writer_commit(writer, err));
    content_writer_close(writer);
    assert_false(content_has(content, HELLO));
}

static void a_damaged_blob_is_noticed_when_read(void **state) {
    autoptr(Content) content = NULL;
    autodone(Text) text = {};
    SUCCEEDS(content_open(*state, &content, err));
    SUCCEEDS(content_put(content, hello, 12, HELLO, err));
    autofree char *path = text_format("%s/content/blobs/sha256/%s", (char *)*state, HELLO + 7);
    int fd = open(path, O_WRONLY);
    assert_int_equal(write(fd, "J", 1), 1);
    close(fd);
    FAILS(ERROR_CORRUPT, "is damaged", content_read(content, HELLO, 100, &text, err));
}

static bool keep_none(void *user, const char *digest) {
    return false;
}

static void sweeping_removes_partial_downloads_only(void **state) {
    autoptr(Content) content = NULL;
    ContentWriter *writer;
    autodone(JsonTexts) list = {};
    char other[DIGEST_TEXT_SIZE];
    digest_of("x", 1, other);
    SUCCEEDS(content_open(*state, &content, err));
    SUCCEEDS(content_put(content, hello, 12, HELLO, err));
    SUCCEEDS(content_writer_open(content, other, 12, &writer, err));
    SUCCEEDS(content_writer_write(writer, hello, 5, err));
    content_writer_close(writer);
    SUCCEEDS(content_sweep_ingest(content, keep_none, NULL, err));
    SUCCEEDS(content_list(content, &list, err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.item[0], HELLO);
    SUCCEEDS(content_writer_open(content, other, 12, &writer, err));
    assert_int_equal(content_writer_offset(writer), 0);
    content_writer_close(writer);
}

static void *put(void *content) {
    Error error;
    return content_put(content, hello, 12, HELLO, &error) == 0 ? content : NULL;
}

static void writers_of_one_digest_take_turns(void **state) {
    autoptr(Content) content = NULL;
    pthread_t thread[8];
    SUCCEEDS(content_open(*state, &content, err));
    for (size_t i = 0; i < array_size(thread); i++)
        pthread_create(&thread[i], NULL, put, content);
    for (size_t i = 0; i < array_size(thread); i++) {
        void *result;
        pthread_join(thread[i], &result);
        assert_ptr_equal(result, content);
    }
    ContentWriter *writer;
    Error error;
    assert_int_equal(content_writer_open(content, HELLO, 12, &writer, &error), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_sha256),
        cmocka_unit_test(only_whole_digests_pass),
        WITH_DIRECTORY(a_broken_download_goes_on_where_it_ended),
        WITH_DIRECTORY(wrong_content_never_becomes_a_blob),
        WITH_DIRECTORY(a_damaged_blob_is_noticed_when_read),
        WITH_DIRECTORY(sweeping_removes_partial_downloads_only),
        WITH_DIRECTORY(writers_of_one_digest_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
