// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/memory.h"
#include "test.h"

typedef struct Limit {
    char *type;
    JsonUint hard, small, narrow;
    JsonInt signed_narrow;
} Limit;

typedef struct Document {
    char *name, *raw;
    JsonBool flag;
    JsonInt number;
    JsonUint large;
    JsonNumber ratio;
    Limit *limit;
    JsonTexts args;
    JsonUints ids;
    JsonObjects limits;
    JsonMap labels;
    JsonObjectMap mounts;
} Document;

#define T Limit
static const JsonField limit_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type), .flags = JSON_REQUIRED},
    {"hard", JSON_UINT, JSON_AT(hard)},
    {"small", JSON_UINT, JSON_AT(small), .flags = JSON_16},
    {"narrow", JSON_UINT, JSON_AT(narrow), .flags = JSON_32},
    {"signed", JSON_INT, JSON_AT(signed_narrow), .flags = JSON_32},
    {},
};
static const JsonType limit_type = {sizeof(T), limit_fields};
#undef T

#define T Document
static const JsonField document_fields[] = {
    {"name", JSON_TEXT, JSON_AT(name)},
    {"flag", JSON_BOOL, JSON_AT(flag)},
    {"number", JSON_INT, JSON_AT(number)},
    {"large", JSON_UINT, JSON_AT(large)},
    {"ratio", JSON_NUMBER, JSON_AT(ratio)},
    {"limit", JSON_OBJECT, JSON_AT(limit), &limit_type},
    {"args", JSON_TEXTS, JSON_AT(args)},
    {"ids", JSON_UINTS, JSON_AT(ids)},
    {"limits", JSON_OBJECTS, JSON_AT(limits), &limit_type},
    {"labels", JSON_MAP, JSON_AT(labels)},
    {"mounts", JSON_OBJECT_MAP, JSON_AT(mounts), &limit_type},
    {"raw", JSON_RAW, JSON_AT(raw)},
    {},
};
static const JsonType document_type = {sizeof(T), document_fields};
#undef T

static int decode(const char *text, Document *ret, Error *err) {
    return json_decode(&document_type, text, strlen(text), ret, err);
}

static void one_table_decodes_and_encodes(void **state) {
    static const char text[] =
        "{\"name\":\"n\\u00e4\\n\",\"flag\":false,\"number\":-5,\"large\":18446744073709551615,"
        "\"ratio\":0.5,\"limit\":{\"type\":\"A\",\"hard\":1},\"args\":[\"a\",\"\"],\"ids\":[0,7],"
        "\"limits\":[{\"type\":\"B\"}],\"labels\":{\"k\":\"v\"},\"mounts\":{\"/x\":{\"type\":\"C\"}},"
        "\"raw\":{\"any\":[1,2.50,null,true,\"s\"]}}";
    Document document;
    Error err = {};
    assert_int_equal(decode(text, &document, &err), 0);
    assert_true(document.large.value == UINT64_MAX);
    assert_null(document.args.item[2]);
    autofree char *again = json_encode(&document_type, &document, 0);
    static const char expected[] =
        "{\"name\":\"nä\\n\",\"flag\":false,\"number\":-5,\"large\":18446744073709551615,"
        "\"ratio\":0.5,\"limit\":{\"type\":\"A\",\"hard\":1},\"args\":[\"a\",\"\"],\"ids\":[0,7],"
        "\"limits\":[{\"type\":\"B\"}],\"labels\":{\"k\":\"v\"},\"mounts\":{\"/x\":{\"type\":\"C\"}},"
        "\"raw\":{\"any\":[1,2.50,null,true,\"s\"]}}";
    assert_string_equal(again, expected);
    json_done(&document_type, &document);
}

static void numbers_of_fewer_bits_have_all_of_them(void **state) {
    Document document;
    Error err = {};
    assert_int_equal(decode("{\"limit\":{\"type\":\"\",\"small\":65535,\"narrow\":4294967295,"
                            "\"signed\":-2147483648}}",
                         &document, &err),
        0);
    assert_true(document.limit->small.value == UINT16_MAX);
    assert_true(document.limit->narrow.value == UINT32_MAX);
    assert_true(document.limit->signed_narrow.value == INT32_MIN);
    json_done(&document_type, &document);
}

static void wrong_types_name_the_fields_path(void **state) {
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"[]", "(root): expected an object"},
        {"{\"name\":1}", "name: expected a string"},
        {"{\"flag\":\"true\"}", "flag: expected true or false"},
        {"{\"number\":1.5}", "number: expected an integer"},
        {"{\"number\":9223372036854775808}", "number: expected an integer in range"},
        {"{\"large\":-1}", "large: expected a non-negative integer"},
        {"{\"large\":18446744073709551616}", "large: expected an integer in range"},
        {"{\"limits\":[{\"type\":\"a\"},{\"type\":\"b\",\"hard\":\"x\"}]}",
            "limits[1].hard: expected a non-negative integer"},
        {"{\"limits\":[{}]}", "limits[0].type: expected a value"},
        {"{\"limits\":{}}", "limits: expected an array of objects"},
        {"{\"args\":[\"a\",[]]}", "args[1]: expected a string"},
        {"{\"ids\":[1,true]}", "ids[1]: expected a non-negative integer"},
        {"{\"labels\":{\"a\":1}}", "labels.a: expected a string"},
        {"{\"mounts\":{\"/x\":3}}", "mounts./x: expected an object"},
        {"{\"limit\":{\"type\":null}}", "limit.type: expected a value"},
        {"{\"limit\":{\"type\":\"\",\"small\":65536}}",
            "limit.small: expected a number up to 65535"},
        {"{\"limit\":{\"type\":\"\",\"narrow\":4294967296}}",
            "limit.narrow: expected a number up to 4294967295"},
        {"{\"limit\":{\"type\":\"\",\"signed\":2147483648}}",
            "limit.signed: expected an integer in range"},
        {"{\"limit\":{\"type\":\"\",\"signed\":-2147483649}}",
            "limit.signed: expected an integer in range"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Document document;
        Error err = {};
        int r = decode(rows[i].text, &document, &err);
        assert_failed(r, err, ERROR_INVALID, rows[i].message);
    }
}

static void unknown_fields_and_null_are_harmless(void **state) {
    Document document;
    Error err = {};
    assert_int_equal(
        decode("{\"new\":{\"deep\":[1]},\"name\":null,\"flag\":null}", &document, &err), 0);
    assert_null(document.name);
    assert_false(document.flag.set);
    json_done(&document_type, &document);
}

static void letter_case_makes_no_difference(void **state) {
    Document document;
    Error err = {};
    assert_int_equal(decode("{\"Name\":\"a\",\"LIMIT\":{\"Type\":\"b\"}}", &document, &err), 0);
    assert_string_equal(document.name, "a");
    assert_string_equal(document.limit->type, "b");
    json_done(&document_type, &document);
}

static void the_last_of_equal_keys_wins(void **state) {
    Document document;
    Error err = {};
    const char *text = "{\"name\":\"a\",\"name\":\"b\",\"labels\":{\"k\":\"1\",\"k\":\"2\"}}";
    assert_int_equal(decode(text, &document, &err), 0);
    assert_string_equal(document.name, "b");
    assert_string_equal(json_map_find(&document.labels, "k"), "2");
    json_done(&document_type, &document);
}

static void what_is_not_json_is_refused(void **state) {
    static const char *const bad[] = {"", " ", "{", "{\"a\":}", "{} x", "{\"a\":01}", "{'a':1}",
        "{\"a\":1,}", "{\"name\":\"\xff\"}"};
    for (size_t i = 0; i < array_size(bad); i++) {
        Document document;
        Error err = {};
        assert_int_equal(decode(bad[i], &document, &err), ERROR_INVALID);
        assert_true(text_starts(err.message, "not JSON"));
    }
    Document document;
    Error err = {};
    assert_int_equal(json_decode(&document_type, "{}\0", 3, &document, &err), ERROR_INVALID);
}

/* A C string would end there, and a check of its beginning would say nothing about the rest. */
static void nul_characters_in_strings_are_refused(void **state) {
    Document document;
    Error err = {};
    assert_int_equal(decode("{\"name\":\"a\\u0000b\"}", &document, &err), ERROR_INVALID);
    assert_int_equal(decode("{\"labels\":{\"a\\u0000\":\"x\"}}", &document, &err), ERROR_INVALID);
    assert_int_equal(decode("{\"name\":\"a\\\\u0000b\"}", &document, &err), 0);
    assert_string_equal(document.name, "a\\u0000b");
    json_done(&document_type, &document);
}

static void depth_is_bounded(void **state) {
    autodone(Text) text = {};
    text_append(&text, "{\"raw\":");
    for (int i = 0; i < 63; i++)
        text_append(&text, "[");
    for (int i = 0; i < 63; i++)
        text_append(&text, "]");
    text_append(&text, "}");
    Document document;
    Error err = {};
    assert_int_equal(decode(text.data, &document, &err), 0);
    json_done(&document_type, &document);

    text_clear(&text);
    text_append(&text, "{\"raw\":");
    for (int i = 0; i < 1000000; i++)
        text_append_char(&text, '[');
    assert_int_equal(decode(text.data, &document, &err), ERROR_INVALID);
    /* brackets inside strings are no depth */
    text_clear(&text);
    text_append(&text, "{\"name\":\"\\\"");
    for (int i = 0; i < 100; i++)
        text_append_char(&text, '[');
    text_append(&text, "\"}");
    assert_int_equal(decode(text.data, &document, &err), 0);
    json_done(&document_type, &document);
}

static void a_failed_decode_leaves_nothing(void **state) {
    Document document;
    Error err = {};
    const char *text =
        "{\"name\":\"a\",\"args\":[\"b\"],\"limits\":[{\"type\":\"x\"}],\"raw\":1,\"mounts\":3}";
    assert_int_equal(decode(text, &document, &err), ERROR_INVALID);
    assert_null(document.name);
    assert_null(document.args.item);
    assert_null(document.limits.item);
}

static void strings_are_escaped_and_made_utf8(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *json;
    } rows[] = {
        {"plain", 5, "\"plain\""},
        {"\"\\\n\r\t\x01", 6, "\"\\\"\\\\\\n\\r\\t\\u0001\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xc3\xa4", 2, "\"ä\""},
        {"\xff", 1, "\"\\ufffd\""},
        {"\xc3", 1, "\"\\ufffd\""},                       /* cut short */
        {"\xc0\x80", 2, "\"\\ufffd\\ufffd\""},            /* overlong NUL */
        {"\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""}, /* surrogate */
        {"\xf0\x9f\x90\xb3", 4, "\"\xf0\x9f\x90\xb3\""},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) out = {};
        json_append_string(&out, rows[i].bytes, rows[i].n);
        assert_string_equal(out.data, rows[i].json);
    }
}

static void absent_is_written_as_the_row_says(void **state) {
#define T Document
    static const JsonField fields[] = {
        {"name", JSON_TEXT, JSON_AT(name), .flags = JSON_ALWAYS},
        {"flag", JSON_BOOL, JSON_AT(flag), .flags = JSON_ALWAYS},
        {"args", JSON_TEXTS, JSON_AT(args), .flags = JSON_ALWAYS},
        {"labels", JSON_MAP, JSON_AT(labels), .flags = JSON_NULL},
        {"raw", JSON_RAW, JSON_AT(raw)},
        {},
    };
    static const JsonType type = {sizeof(T), fields};
#undef T
    Document document = {};
    autofree char *text = json_encode(&type, &document, 0);
    assert_string_equal(text, "{\"name\":\"\",\"flag\":false,\"args\":[],\"labels\":null}");
    autofree char *pretty = json_encode(&type, &document, 2);
    assert_string_equal(
        pretty, "{\n  \"name\": \"\",\n  \"flag\": false,\n  \"args\": [],\n  \"labels\": null\n}");
}

static void documents_can_be_filled_by_hand(void **state) {
    Document document = {};
    json_texts_add(&document.args, "a");
    json_texts_add(&document.args, "b");
    json_map_set(&document.labels, "k", "1");
    json_map_set(&document.labels, "k", "2");
    Limit *limit = json_objects_add(&document.limits, &limit_type);
    limit->type = text_copy("A");
    limit = json_object_map_add(&document.mounts, "/x", &limit_type);
    limit->type = text_copy("B");
    autofree char *text = json_encode(&document_type, &document, 0);
    assert_string_equal(text,
        "{\"args\":[\"a\",\"b\"],\"limits\":[{\"type\":\"A\"}],\"labels\":{\"k\":\"2\"},"
        "\"mounts\":{\"/x\":{\"type\":\"B\"}}}");
    assert_null(json_map_find(&document.labels, "other"));
    json_done(&document_type, &document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_table_decodes_and_encodes),
        TEST(numbers_of_fewer_bits_have_all_of_them),
        TEST(wrong_types_name_the_fields_path),
        TEST(unknown_fields_and_null_are_harmless),
        TEST(letter_case_makes_no_difference),
        TEST(the_last_of_equal_keys_wins),
        TEST(what_is_not_json_is_refused),
        TEST(nul_characters_in_strings_are_refused),
        TEST(depth_is_bounded),
        TEST(a_failed_decode_leaves_nothing),
        TEST(strings_are_escaped_and_made_utf8),
        TEST(absent_is_written_as_the_row_says),
        TEST(documents_can_be_filled_by_hand),
    };
    return RUN(tests);
}
