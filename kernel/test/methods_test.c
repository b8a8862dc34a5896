// SPDX-License-Identifier: MIT
/*
 * Each method of each small object of the kernel, called by a program: what it answers, and
 * each thing that it refuses with the exception and sentence for it. So too
 * memory_methods_test.c and process_methods_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <capos.capnp.h>

#include "cap/boot_package.h"
#include "cap/endpoint.h"
#include "cap/matching.h"
#include "cap/table.h"
#include "test/caller.h"

#define PAGE    4096u
#define SERVICE 0x5ce7eull

static void test_console(void **state)
{
    static char text[PAGE + 1];

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_CONSOLE_ID);
    memset(text, 'x', sizeof text);
    struct capnp_data most = {.ptr = (const uint8_t *)text, .len = PAGE};
    struct capnp_data more = {.ptr = (const uint8_t *)text, .len = PAGE + 1};

    capos_console_write_params_set_data(capos_console_write_params_build_root(caller_params()),
                                        most);
    caller_calls(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE);
    capos_console_write_params_set_data(capos_console_write_params_build_root(caller_params()),
                                        more);
    caller_refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE, INVALID,
                   "Console.write takes at most 4096 bytes");

    struct capnp_text line = {.ptr = text, .len = PAGE};
    capos_console_write_line_params_set_text(
        capos_console_write_line_params_build_root(caller_params()), line);
    caller_calls(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE);
    line.len++;
    capos_console_write_line_params_set_text(
        capos_console_write_line_params_build_root(caller_params()), line);
    caller_refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE, INVALID,
                   "Console.writeLine takes at most 4096 bytes");
    capos_console_write_line_params_set_text(
        capos_console_write_line_params_build_root(caller_params()), CAPNP_TEXT("\xff"));
    caller_refused(id, CAPOS_CONSOLE_ID, CAPOS_CONSOLE_WRITE_LINE, INVALID,
                   "Console.writeLine takes UTF-8 text");
    caller_end();
}

static void test_null_cap(void **state)
{
    uint8_t bytes[65] = {1, 2, 3};

    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_NULL_CAP_ID);

    (void)caller_params();
    caller_calls(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_PING);
    struct capos_null_cap_echo_params_builder echo =
        capos_null_cap_echo_params_build_root(caller_params());
    capos_null_cap_echo_params_set_value(echo, 7);
    capos_null_cap_echo_params_set_data(echo, (struct capnp_data){.ptr = bytes, .len = 64});
    caller_calls(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    struct capos_null_cap_echo_results echoed =
        capos_null_cap_echo_results_read_root(&caller_results);
    assert_int_equal(capos_null_cap_echo_results_get_value(echoed), 7);
    assert_int_equal(capos_null_cap_echo_results_get_data(echoed).len, 64);
    assert_memory_equal(capos_null_cap_echo_results_get_data(echoed).ptr, bytes, 64);

    /* Without data the message is of another layout. */
    echo = capos_null_cap_echo_params_build_root(caller_params());
    capos_null_cap_echo_params_set_value(echo, 8);
    caller_calls(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO);
    echoed = capos_null_cap_echo_results_read_root(&caller_results);
    assert_int_equal(capos_null_cap_echo_results_get_value(echoed), 8);
    assert_int_equal(capos_null_cap_echo_results_get_data(echoed).len, 0);

    echo = capos_null_cap_echo_params_build_root(caller_params());
    capos_null_cap_echo_params_set_data(echo, (struct capnp_data){.ptr = bytes, .len = 65});
    caller_refused(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ECHO, INVALID,
                   "NullCap.echo takes at most 64 bytes of data");

    struct capos_null_cap_add_params_builder add =
        capos_null_cap_add_params_build_root(caller_params());
    capos_null_cap_add_params_set_a(add, UINT64_MAX);
    capos_null_cap_add_params_set_c(add, 3);
    caller_calls(id, CAPOS_NULL_CAP_ID, CAPOS_NULL_CAP_ADD);
    struct capos_null_cap_add_results sum = capos_null_cap_add_results_read_root(&caller_results);
    assert_int_equal(capos_null_cap_add_results_get_sum(sum), 2);
    assert_true(capos_null_cap_add_results_get_carry(sum));
    caller_end();
}

static void test_boot_package(void **state)
{
    (void)state;
    caller_start(NULL);
    uint64_t id = caller_kernel_object(CAPOS_BOOT_PACKAGE_ID);

    (void)caller_params();
    caller_calls(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_MANIFEST_SIZE);
    uint64_t bytes = capos_boot_package_manifest_size_results_get_bytes(
        capos_boot_package_manifest_size_results_read_root(&caller_results));
    assert_in_range(bytes, 256, 1024);

    const uint64_t offsets[] = {0, bytes - 8, bytes, UINT64_MAX};
    const uint64_t lens[] = {bytes, 8, 0, 0};
    for (unsigned i = 0; i < 4; i++) {
        struct capos_boot_package_read_manifest_params_builder p =
            capos_boot_package_read_manifest_params_build_root(caller_params());
        capos_boot_package_read_manifest_params_set_offset(p, offsets[i]);
        capos_boot_package_read_manifest_params_set_max_bytes(p, BOOT_READ_MAX);
        caller_calls(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST);
        struct capnp_data data = capos_boot_package_read_manifest_results_get_data(
            capos_boot_package_read_manifest_results_read_root(&caller_results));
        assert_int_equal(data.len, lens[i]);
    }
    capos_boot_package_read_manifest_params_set_max_bytes(
        capos_boot_package_read_manifest_params_build_root(caller_params()), BOOT_READ_MAX + 1);
    caller_refused(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST, INVALID,
                   "BootPackage.readManifest reads at most 4096 bytes at a time");
    /* The same by a short call, whose answer has room for the reason and no more. */
    struct cap_sqe sqe = caller_entry(id, CAPOS_BOOT_PACKAGE_ID, CAPOS_BOOT_PACKAGE_READ_MANIFEST);
    sqe.result_len = SHORT_MESSAGE_BYTES;
    sqe.cap_room = 0;
    caller_expect_exception(actor_do(&caller, sqe), INVALID,
                            "BootPackage.readManifest reads at most 4096 bytes at a time");
    caller_end();
}

static void test_endpoint(void **state)
{
    struct cap_object *owner;
    struct cap_object *client;
    const uint64_t wrong[] = {0, CAPOS_ENDPOINT_ID};

    (void)state;
    caller_start(NULL);
    assert_int_equal(endpoint_create(&caller.p->account, &owner, &client), ST_OK);
    uint64_t id = actor_grant(&caller, owner);
    cap_drop(owner);
    cap_drop(client);
    for (unsigned i = 0; i < 2; i++) {
        struct capos_endpoint_mint_params_builder mint =
            capos_endpoint_mint_params_build_root(caller_params());
        capos_endpoint_mint_params_set_interface_id(mint, wrong[i]);
        caller_refused(id, CAPOS_ENDPOINT_ID, CAPOS_ENDPOINT_MINT, INVALID, endpoint_not_a_client);
    }
    struct capos_endpoint_mint_params_builder mint =
        capos_endpoint_mint_params_build_root(caller_params());
    capos_endpoint_mint_params_set_interface_id(mint, SERVICE);
    caller_calls(id, CAPOS_ENDPOINT_ID, CAPOS_ENDPOINT_MINT);

    /* A call that waits has a hold on the endpoint, and on what came with it. */
    uint64_t minted = caller_newest(&endpoint_client_type);
    (void)caller_params();
    (void)caller_sends(actor_grant(&caller, kernel_table_find(CAPOS_CONSOLE_ID)->object),
                       CAP_TRANSFER_COPY);
    assert_null(actor_do(&caller, caller_entry(minted, SERVICE, 0)));
    caller_expect_sound();
    caller_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_null_cap),
        cmocka_unit_test(test_boot_package),
        cmocka_unit_test(test_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
