// SPDX-License-Identifier: Apache-2.0
#include "engine/image/document.h"
#include "test.h"

#define D "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG "\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG "\",\"digest\":\"" D "\",\"size\":2}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"" D "\",\"size\":3}"
#define MANIFEST "{" CONFIG ",\"layers\":[" LAYER(OCI_MEDIA_LAYER "+gzip") "]}"
#define INDEX "{\"manifests\":[]}"

static Text text_of(const char *string) {
    Text text = {};
    text_append(&text, string);
    return text;
}

static void kinds_are_told_by_type_and_shape(void **state) {
    static const struct {
        const char *media_type, *body;
        DocumentKind kind;
    } rows[] = {
        {OCI_MEDIA_MANIFEST, MANIFEST, DOCUMENT_MANIFEST},
        {DOCKER_MEDIA_MANIFEST, MANIFEST, DOCUMENT_MANIFEST},
        {OCI_MEDIA_INDEX, INDEX, DOCUMENT_INDEX},
        {NULL, INDEX, DOCUMENT_INDEX},
        {"application/json", MANIFEST, DOCUMENT_MANIFEST},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) body = text_of(rows[i].body);
        DocumentKind kind;
        SUCCEEDS(document_classify(rows[i].media_type, &body, &kind, err));
        assert_int_equal(kind, rows[i].kind);
    }
}

static void ambiguous_documents_are_refused(void **state) {
    static const struct {
        const char *media_type, *body, *words;
    } rows[] = {
        {OCI_MEDIA_MANIFEST, "{" CONFIG ",\"layers\":[],\"manifests\":[]}", "an index as well"},
        {OCI_MEDIA_INDEX, "{" CONFIG ",\"manifests\":[]}", "an index as well"},
        {OCI_MEDIA_INDEX, MANIFEST, "not of the type"},
        {OCI_MEDIA_MANIFEST, INDEX, "not of the type"},
        {OCI_MEDIA_INDEX, "{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\"," CONFIG "}", "calls itself"},
        {OCI_MEDIA_MANIFEST, "{\"mediaType\":\"" DOCKER_MEDIA_MANIFEST "\"," CONFIG "}",
            "calls itself"},
        {OCI_MEDIA_MANIFEST, "[]", "damaged manifest"},
        {OCI_MEDIA_MANIFEST, "", "damaged manifest"},
        {OCI_MEDIA_MANIFEST, "{\"mediaType\":\"text/plain\"," CONFIG "}", "unsupported media type"},
        {NULL, "{\"fsLayers\":[]}", "version 1 are not supported"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) body = text_of(rows[i].body);
        DocumentKind kind;
        Error error = {};
        assert_true(document_classify(rows[i].media_type, &body, &kind, &error) < 0);
        if (!strstr(error.message, rows[i].words))
            fail_msg("row %zu: %s", i, error.message);
    }
}

static void manifests_are_checked(void **state) {
    static const struct {
        const char *body, *words;
    } rows[] = {
        {"{" CONFIG ",\"layers\":[" LAYER("text/plain") "]}", "unsupported media type of a layer"},
        {"{" CONFIG ",\"layers\":[" LAYER(OCI_MEDIA_LAYER "+gzip+encrypted") "]}", "unsupported"},
        {"{\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config.v1+json\",\"digest\":\"" D
         "\",\"size\":2},\"layers\":[]}",
            "this is not a container image"},
        {"{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG
         "\",\"digest\":\"sha256:../../x\",\"size\":2},\"layers\":[]}",
            "invalid digest"},
        {"{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG "\",\"digest\":\"" D
         "\",\"size\":99999999999},\"layers\":[]}",
            "more than is allowed"},
        {"{\"config\":{\"mediaType\":\"" OCI_MEDIA_CONFIG "\",\"digest\":\"" D
         "\",\"size\":-1},\"layers\":[]}",
            "config.size"},
    };
    autodone(OciManifest) manifest = {};
    autodone(Text) good = text_of(MANIFEST);
    SUCCEEDS(document_decode_manifest(&good, &manifest, err));
    assert_int_equal(manifest.layers.n, 1);
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Text) body = text_of(rows[i].body);
        autodone(OciManifest) bad = {};
        Error error = {};
        assert_true(document_decode_manifest(&body, &bad, &error) < 0);
        if (!strstr(error.message, rows[i].words))
            fail_msg("row %zu: %s", i, error.message);
    }
}

static void configs_speak_of_each_layer(void **state) {
    autodone(Text) body = text_of("{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{"
                                  "\"type\":\"layers\",\"diff_ids\":[\"" D "\"]}}");
    autodone(OciImage) image = {};
    SUCCEEDS(document_decode_config(&body, 1, &image, err));
    assert_non_null(image.config);
    autodone(OciImage) other = {};
    FAILS(ERROR_CORRUPT, "has 2 layers, but its config speaks of 1",
        document_decode_config(&body, 2, &other, err));
    autodone(Text) evil = text_of("{\"rootfs\":{\"diff_ids\":[\"sha256:/etc\"]}}");
    FAILS(ERROR_INVALID, "invalid digest", document_decode_config(&evil, 1, &other, err));
}

/* Computed with sha256sum(1): printf 'A B' for two, printf 'CHAIN C' for three. */
static void chain_ids_are_those_of_the_specification(void **state) {
    JsonTexts diff_ids = {};
    assert_null(document_chain_id(&diff_ids, 0));
    json_texts_add(&diff_ids, D);
    json_texts_add(&diff_ids, D);
    autofree char *one = document_chain_id(&diff_ids, 1);
    autofree char *two = document_chain_id(&diff_ids, 2);
    assert_string_equal(one, D);
    assert_string_equal(
        two, "sha256:ccdf9b58ee7087c8f4415f1c3e98945bf64a4cd9920de109ec94d64947636830");
    json_texts_done(&diff_ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_by_type_and_shape),
        cmocka_unit_test(ambiguous_documents_are_refused),
        cmocka_unit_test(manifests_are_checked),
        cmocka_unit_test(configs_speak_of_each_layer),
        cmocka_unit_test(chain_ids_are_those_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
