// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/container/record.h"

#include <cmocka.h>

static ContainerRecord *sample(void) {
    ContainerRecord *record = container_record_new();
    record->id = text_copy("0123");
    record->name = text_copy("n");
    record->settings->image = text_copy("busybox");
    record->image->id = text_copy("sha256:1");
    json_texts_add(&record->settings->command, "a");
    record->settings->memory = (JsonInt){true, INT64_C(1) << 40};
    ContainerPort *port = json_objects_add(&record->settings->ports, &container_port_type);
    port->protocol = text_copy("tcp");
    port->container_port = (JsonUint){true, 80};
    record->state->status = CONTAINER_EXITED;
    record->state->exit_code = (JsonInt){true, 137};
    return record;
}

static void a_copy_is_equal_and_independent(void **state) {
    autoptr(ContainerRecord) record = sample();
    autoptr(ContainerRecord) copy = container_record_copy(record);
    autofree char *a = container_record_encode(record), *b = container_record_encode(copy);
    assert_string_equal(a, b);
    assert_ptr_not_equal(record->settings->command.item[0], copy->settings->command.item[0]);
    assert_int_equal(copy->state->status, CONTAINER_EXITED);
    assert_int_equal(copy->settings->memory.value, INT64_C(1) << 40);
}

static void half_a_record_is_refused(void **state) {
    static const char *const texts[] = {"{}", "{\"id\":\"x\"}", "",
        "{\"id\":\"x\",\"name\":\"n\",\"settings\":{\"image\":\"i\"},\"image\":{\"id\":\"i\","
        "\"config\":{}},\"state\":{\"status\":\"dancing\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ContainerRecord *record = NULL;
        Error err = {};
        assert_true(container_record_decode(texts[i], &record, &err) < 0);
        assert_null(record);
    }
}

/* From before there were volumes: all mounts are binds. */
static void an_older_record_has_binds(void **state) {
    static const char text[] =
        "{\"id\":\"x\",\"name\":\"n\",\"settings\":{\"image\":\"i\",\"mounts\":[{\"source\":\"/a\","
        "\"target\":\"/b\",\"propagation\":\"\",\"mode\":\"ro\",\"readOnly\":true}]},"
        "\"image\":{\"id\":\"i\",\"config\":{}},\"state\":{\"status\":\"exited\"}}";
    autoptr(ContainerRecord) record = NULL;
    Error err = {};
    assert_int_equal(container_record_decode(text, &record, &err), 0);
    const ContainerMount *mount = record->settings->mounts.item;
    autofree char *source = mount_source(mount, "/root");
    assert_int_equal(mount_kind(mount), MOUNT_BIND);
    assert_string_equal(source, "/a");
    assert_int_equal(mounts_check(record->settings, &err), 0);
    assert_null(mount->origin);
}

static void a_reset_state_has_no_endpoint(void **state) {
    autoptr(ContainerRecord) record = sample();
    record->state->endpoint = calloc(1, sizeof(ContainerEndpoint));
    record->state->endpoint->ip = text_copy("10.0.0.2");
    record->state->error = text_copy("x");
    record->state->pid = (JsonInt){true, 5};
    container_state_reset(record->state);
    assert_null(record->state->endpoint);
    assert_null(record->state->error);
    assert_int_equal(record->state->pid.value, 0);
    assert_int_equal(record->state->exit_code.value, 137);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_equal_and_independent),
        cmocka_unit_test(half_a_record_is_refused),
        cmocka_unit_test(an_older_record_has_binds),
        cmocka_unit_test(a_reset_state_has_no_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
