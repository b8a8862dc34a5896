// SPDX-License-Identifier: MIT
/*
 * The manifest's validator: what it accepts, and what it refuses of a manifest's message, lists,
 * names, references and authority. Its numbers are in manifest_values_test.c.
 */
#include <ctype.h>

#include "made_manifest.h"

/* ---------------------------------------------------------------------------
 * Accepted */

static void test_valid(void **state)
{
    (void)state;
    assert_accepted(make());
}

static void test_self_import_and_cycle(void **state)
{
    struct made *m = make();

    (void)state;
    struct capos_cap_grant_list_builder caps = capos_service_init_caps(m->services[0], 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct capos_cap_grant_builder grant =
            make_grant(caps, i, i == 0 ? CAPNP_TEXT("own") : CAPNP_TEXT("back"), STORE_ID);
        struct capos_service_export_builder source =
            capos_cap_grant_source_init_service(capos_cap_grant_init_source(grant));
        capos_service_export_set_service(source, i == 0 ? CAPNP_TEXT("alpha") : CAPNP_TEXT("beta"));
        capos_service_export_set_export(source, i == 0 ? CAPNP_TEXT("store") : CAPNP_TEXT("peer"));
    }
    struct capos_export_builder peer =
        capos_export_list_builder_at(capos_service_init_exports(m->services[1], 1), 0);
    capos_export_set_name(peer, CAPNP_TEXT("peer"));
    capos_export_set_interface_id(peer, STORE_ID);
    assert_accepted(m);
}

static void test_everything_given(void **state)
{
    struct made *m = make();
    struct capos_service_builder beta = m->services[1];

    (void)state;
    struct capos_restart_builder restart = capos_service_init_restart(beta);
    capos_restart_set_policy(restart, CAPOS_RESTART_POLICY_ALWAYS);
    capos_restart_set_count(restart, MANIFEST_RESTARTS_MAX);
    struct capos_ring_sizes_builder ring = capos_service_init_ring(beta);
    capos_ring_sizes_set_sq_entries(ring, CAP_SQ_MAX);
    capos_ring_sizes_set_cq_entries(ring, CAP_CQ_MAX);
    capos_ring_sizes_set_area_bytes(ring, CAP_AREA_MAX);
    struct capos_limits_builder limits = capos_service_init_limits(beta);
    capos_limits_set_frames(limits, 1000000);
    capos_limits_set_cap_slots(limits, CAP_SLOTS_MAX);
    capos_limits_set_processes(limits, PROC_PROCESSES_MAX);
    capos_limits_set_calls(limits, PROC_CALLS_MAX);
    capos_service_set_daemon(beta, true);
    capos_fault_set_vector(capos_process_status_init_faulted(capos_service_init_expect(beta)), 14);
    capos_process_status_set_killed(capos_service_init_expect(m->services[0]),
                                    CAPNP_TEXT("its handle said so"));
    struct capos_kernel_params_builder params = capos_manifest_init_kernel_params(m->manifest);
    capos_kernel_params_set_tick_hz(params, MANIFEST_TICK_HZ_MAX);
    capos_kernel_params_set_plant_leak(params, CAPOS_KERNEL_PARAMS_LEAK_OBJECT);
    capos_kernel_params_set_deadline(params, UINT32_MAX);
    assert_accepted(m);
}

static void test_finders(void **state)
{
    struct made *m = make();
    struct capnp_message message;
    struct capos_manifest manifest;
    struct capos_binary binary;
    struct manifest_fault fault;
    uint32_t index;

    (void)state;
    assert_true(manifest_open(m->words, capnp_arena_bytes(&m->arena), &message, &manifest, &fault));
    assert_int_equal(manifest_service_count(manifest), 2);
    assert_true(manifest_find_service(manifest, CAPNP_TEXT("beta"), &index));
    assert_int_equal(index, 1);
    assert_false(manifest_find_service(manifest, CAPNP_TEXT("gamma"), &index));
    assert_true(manifest_find_binary(manifest, CAPNP_TEXT("other"), &binary));
    assert_int_equal(capos_binary_get_image(binary).len, sizeof(struct program));
    assert_false(manifest_find_binary(manifest, CAPNP_TEXT("othe"), &binary));
    assert_true(
        manifest_find_export(manifest_service_at(manifest, 0), CAPNP_TEXT("store"), &index));
    assert_int_equal(index, 0);
    assert_false(
        manifest_find_export(manifest_service_at(manifest, 1), CAPNP_TEXT("store"), &index));
    free(m);
}

/* An object's interface has the object's name, with a capital. */
static void test_object_interfaces(void **state)
{
    uint64_t id;

    (void)state;
    for (unsigned i = 0; i < CAPOS_KERNEL_OBJECT_COUNT; i++) {
        const char *name = NULL;
        assert_true(manifest_object_interface(i, &id));
        for (size_t k = 0; k < capos_interfaces_count; k++) {
            name = capos_interfaces[k].id == id ? capos_interfaces[k].name : name;
        }
        assert_non_null(name);
        assert_int_equal(tolower(name[0]), capos_kernel_object_name((uint16_t)i)[0]);
        assert_string_equal(name + 1, capos_kernel_object_name((uint16_t)i) + 1);
    }
    assert_false(manifest_object_interface(CAPOS_KERNEL_OBJECT_COUNT, &id));
}

/* A grant of each, under the object's own interface. */
static void test_object_grants(void **state)
{
    struct made *m = make();
    struct capos_cap_grant_list_builder caps =
        capos_service_init_caps(m->services[1], CAPOS_KERNEL_OBJECT_COUNT);
    char name[] = "g0";

    (void)state;
    for (unsigned i = 0; i < CAPOS_KERNEL_OBJECT_COUNT; i++) {
        uint64_t id = 0;
        assert_true(manifest_object_interface(i, &id));
        name[1] = (char)('0' + i);
        make_object(caps, i, capnp_text_from(name), (enum capos_kernel_object)i, id);
    }
    assert_accepted(m);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(manifest_name_is_valid(CAPNP_TEXT("a")));
    assert_true(manifest_name_is_valid(CAPNP_TEXT("az09-_.")));
    assert_true(manifest_name_is_valid(CAPNP_TEXT("0123456789012345678901234567890")));
    assert_false(manifest_name_is_valid(CAPNP_TEXT("01234567890123456789012345678901")));
    assert_false(manifest_name_is_valid(CAPNP_TEXT("")));
    for (unsigned c = 0; c < 256; c++) {
        char name[] = {'x', (char)c};
        bool valid =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        assert_int_equal(manifest_name_is_valid((struct capnp_text){.ptr = name, .len = 2}), valid);
    }
}

/* ---------------------------------------------------------------------------
 * Refused: the message and the lists */

static void test_length(void **state)
{
    static uint64_t words[2];
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault;
    const size_t lengths[] = {0, 1, 7, 9, MANIFEST_BYTES_MAX + 8u};
    char text[MANIFEST_FAULT_TEXT_ROOM];

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_false(manifest_open(words, lengths[i], &message, &manifest, &fault));
        assert_int_equal(fault.error, MANIFEST_LENGTH);
    }
    assert_false(manifest_open(words, 9, &message, &manifest, &fault));
    manifest_fault_text(&fault, text, sizeof text);
    assert_string_equal(text, "the manifest has 9 bytes; it must have 8 to 67108864, in whole "
                              "words of 8");
}

static void test_message(void **state)
{
    struct made *m = make();

    (void)state;
    m->words[0] = 0x7fffffff00000000u;
    assert_refused(m, MANIFEST_MESSAGE,
                   "the manifest is not a well-formed message: a pointer leads out of its "
                   "segment");
}

static void test_version(void **state)
{
    struct made *m = make();

    (void)state;
    capos_manifest_set_schema_version(m->manifest, 2);
    assert_refused(m, MANIFEST_VERSION,
                   "schemaVersion: the manifest is of schema version 2; this system reads "
                   "version 1");
}

static void test_no_service(void **state)
{
    struct made *m = make();

    (void)state;
    capos_manifest_init_services(m->manifest, 0);
    assert_refused(m, MANIFEST_NO_SERVICE, "services: there is no service for the kernel to start");
}

static void test_daemons(void **state)
{
    struct made *m = make();

    (void)state;
    capos_service_set_daemon(m->services[0], true);
    assert_accepted(m);
    m = make();
    capos_service_set_daemon(m->services[0], true);
    capos_service_set_daemon(m->services[1], true);
    assert_refused(m, MANIFEST_ONLY_DAEMONS,
                   "services: the kernel starts only daemons, and a run ends when no others are "
                   "left");
}

/* alpha can start others, and beta is for it to start. */
static struct made *make_init(void)
{
    struct made *m = make();
    struct capos_cap_grant_list_builder caps = capos_service_init_caps(m->services[0], 2);

    make_object(caps, 0, CAPNP_TEXT("boot"), CAPOS_KERNEL_OBJECT_BOOT_PACKAGE,
                CAPOS_BOOT_PACKAGE_ID);
    make_object(caps, 1, CAPNP_TEXT("spawner"), CAPOS_KERNEL_OBJECT_PROCESS_SPAWNER,
                CAPOS_PROCESS_SPAWNER_ID);
    capos_service_export_set_service(m->import_source, CAPNP_TEXT("beta"));
    capos_service_export_set_export(m->import_source, CAPNP_TEXT("peer"));
    struct capos_export_builder peer =
        capos_export_list_builder_at(capos_service_init_exports(m->services[1], 1), 0);
    capos_export_set_name(peer, CAPNP_TEXT("peer"));
    capos_export_set_interface_id(peer, STORE_ID);
    capos_service_set_starter(m->services[1], CAPOS_SERVICE_STARTER_INIT);
    return m;
}

static void test_starter(void **state)
{
    struct made *m;

    (void)state;
    assert_accepted(make_init());
    /* init's own may all be daemons: the run waits for init. */
    m = make_init();
    capos_service_set_daemon(m->services[1], true);
    assert_accepted(m);
    m = make_init();
    capos_service_set_starter(m->services[0], CAPOS_SERVICE_STARTER_INIT);
    assert_refused(m, MANIFEST_NO_SERVICE, "services: there is no service for the kernel to start");
    m = make_init();
    capos_service_init_caps(m->services[0], 0);
    assert_refused(m, MANIFEST_NO_INIT,
                   "services[1].starter: service \"beta\" is for init to start, and the kernel "
                   "starts none that has bootPackage and processSpawner");
    m = make_init();
    capos_service_export_set_service(m->import_source, CAPNP_TEXT("alpha"));
    capos_service_export_set_export(m->import_source, CAPNP_TEXT("store"));
    assert_refused(m, MANIFEST_OTHER_STARTER,
                   "services[1].caps[2].source.service: grant \"store\" is of an export of a "
                   "service that somebody else starts");
    m = make_init();
    capos_service_set_starter(m->services[1], (enum capos_service_starter)2);
    assert_refused(m, MANIFEST_NO_SUCH_STARTER,
                   "services[1].starter: service \"beta\" has a starter of kind 2, and the kinds "
                   "are 0 to 1");
}

static void test_too_many(void **state)
{
    struct made *m = make();

    (void)state;
    capos_manifest_init_services(m->manifest, MANIFEST_SERVICES_MAX + 1);
    assert_refused(m, MANIFEST_TOO_MANY,
                   "services: there are 257 entries, and at most 256 are "
                   "allowed");
    m = make();
    capos_manifest_init_binaries(m->manifest, MANIFEST_BINARIES_MAX + 1);
    assert_refused(m, MANIFEST_TOO_MANY,
                   "binaries: there are 257 entries, and at most 256 are "
                   "allowed");
    m = make();
    capos_service_init_caps(m->services[1], MANIFEST_CAPS_MAX + 1);
    assert_refused(m, MANIFEST_TOO_MANY,
                   "services[1].caps: there are 64 entries, and at most 63 "
                   "are allowed");
    m = make();
    capos_service_init_exports(m->services[1], MANIFEST_EXPORTS_MAX + 1);
    assert_refused(m, MANIFEST_TOO_MANY,
                   "services[1].exports: there are 64 entries, and at most "
                   "63 are allowed");
    m = make();
    capos_service_init_exports(m->services[1], 61);
    assert_refused(m, MANIFEST_CAPSET_FULL,
                   "services[1]: service \"beta\" has 64 grants and "
                   "exports together; its CapSet holds 63");
}

/* The limits themselves are allowed. */
static void test_full_lists(void **state)
{
    struct made *m = make();
    char name[] = "g00";

    (void)state;
    struct capos_cap_grant_list_builder caps =
        capos_service_init_caps(m->services[1], MANIFEST_CAPS_MAX);
    for (uint32_t i = 0; i < MANIFEST_CAPS_MAX; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        make_object(caps, i, capnp_text_from(name), CAPOS_KERNEL_OBJECT_CONSOLE, CAPOS_CONSOLE_ID);
    }
    assert_accepted(m);
}

/* ---------------------------------------------------------------------------
 * Refused: names and references */

static void test_name_form(void **state)
{
    struct made *m = make();

    (void)state;
    capos_binary_set_name(m->binaries[0], CAPNP_TEXT(""));
    assert_refused(m, MANIFEST_NAME_LENGTH,
                   "binaries[0].name: the name has 0 bytes; a name has 1 to 31");
    m = make();
    capos_service_set_name(m->services[1], CAPNP_TEXT("a-name-of-thirty-two-bytes-12345"));
    assert_refused(m, MANIFEST_NAME_LENGTH,
                   "services[1].name: the name has 32 bytes; a name has 1 to 31");
    m = make();
    capos_cap_grant_set_name(m->null, CAPNP_TEXT("N\x01ll"));
    assert_refused(m, MANIFEST_NAME_FORM,
                   "services[1].caps[1].name: the name \"N?ll\" may hold "
                   "only a-z, 0-9, '-', '_' and '.'");
    m = make();
    capos_export_set_name(m->store, CAPNP_TEXT("the store"));
    assert_refused(m, MANIFEST_NAME_FORM,
                   "services[0].exports[0].name: the name \"the store\" may "
                   "hold only a-z, 0-9, '-', '_' and '.'");
}

static void test_name_taken(void **state)
{
    struct made *m = make();

    (void)state;
    capos_binary_set_name(m->binaries[1], CAPNP_TEXT("prog"));
    assert_refused(m, MANIFEST_NAME_TAKEN,
                   "binaries[1].name: the name \"prog\" is already that of entry 0 of the list");
    m = make();
    capos_service_set_name(m->services[1], CAPNP_TEXT("alpha"));
    assert_refused(m, MANIFEST_NAME_TAKEN,
                   "services[1].name: the name \"alpha\" is already that of entry 0 of the list");
    m = make();
    capos_cap_grant_set_name(m->imported, CAPNP_TEXT("null"));
    assert_refused(m, MANIFEST_NAME_TAKEN,
                   "services[1].caps[2].name: the name \"null\" is already "
                   "that of entry 1 of the list");
    m = make();
    struct capos_export_list_builder exports = capos_service_init_exports(m->services[0], 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct capos_export_builder one = capos_export_list_builder_at(exports, i);
        capos_export_set_name(one, CAPNP_TEXT("store"));
        capos_export_set_interface_id(one, STORE_ID);
    }
    assert_refused(m, MANIFEST_NAME_TAKEN,
                   "services[0].exports[1].name: the name \"store\" is "
                   "already that of entry 0 of the list");
    m = make();
    capos_export_set_name(m->store, CAPNP_TEXT("console"));
    assert_refused(m, MANIFEST_EXPORT_TAKEN,
                   "services[0].exports[0].name: the name \"console\" is already that of grant 0 "
                   "of the same service, and both would stand in its CapSet");
}

static void test_references(void **state)
{
    struct made *m = make();

    (void)state;
    capos_service_set_binary(m->services[0], CAPNP_TEXT("progg"));
    assert_refused(m, MANIFEST_NO_SUCH_BINARY,
                   "services[0].binary: there is no binary named \"progg\"");
    m = make();
    capos_service_set_binary(m->services[0],
                             CAPNP_TEXT("a name that is not one at all and too long for any"));
    assert_refused(m, MANIFEST_NO_SUCH_BINARY,
                   "services[0].binary: there is no binary named "
                   "\"a name that is not one at all a...\"");
    m = make();
    capos_service_export_set_service(m->import_source, CAPNP_TEXT("gamma"));
    assert_refused(m, MANIFEST_NO_SUCH_SERVICE,
                   "services[1].caps[2].source.service: there is no service named \"gamma\"");
    m = make();
    capos_service_export_set_export(m->import_source, CAPNP_TEXT("shop"));
    assert_refused(m, MANIFEST_NO_SUCH_EXPORT,
                   "services[1].caps[2].source.export: that service has no export named \"shop\"");
}

static void test_image(void **state)
{
    struct made *m = make();

    (void)state;
    capos_binary_set_image(m->binaries[1],
                           (struct capnp_data){.ptr = (const uint8_t *)"\177ELF", .len = 4});
    assert_refused(m, MANIFEST_IMAGE,
                   "binaries[1].image: the image of binary \"other\" is not a program for this "
                   "system: the file is shorter than an ELF header");
    m = make();
    capos_binary_set_image(m->binaries[0], (struct capnp_data){.ptr = NULL, .len = 0});
    assert_refused(m, MANIFEST_IMAGE,
                   "binaries[0].image: the image of binary \"prog\" is not a program for this "
                   "system: the file is shorter than an ELF header");
}

/* ---------------------------------------------------------------------------
 * Refused: authority */

static void test_source(void **state)
{
    struct made *m = make();

    (void)state;
    capos_cap_grant_source_set_kernel(capos_cap_grant_init_source(m->null),
                                      (enum capos_kernel_object)CAPOS_KERNEL_OBJECT_COUNT);
    assert_refused(m, MANIFEST_NO_SUCH_OBJECT,
                   "services[1].caps[1].source.kernel: grant \"null\" asks for kernel object 9, "
                   "and the objects are 0 to 8");
}

/* Kinds that only a newer schema knows: nothing but the tag says so. */
static void test_unknown_kinds(void **state)
{
    struct made *m = make();

    (void)state;
    capnp_set_u16(m->null.b, 10, 2);
    assert_refused(m, MANIFEST_NO_SUCH_SOURCE,
                   "services[1].caps[1].source: grant \"null\" has a source of kind 2, and the "
                   "kinds are 0 to 1");
    m = make();
    capnp_set_u16(capos_service_init_expect(m->services[0]).b, 8, 4);
    assert_refused(m, MANIFEST_EXPECT_KIND,
                   "services[0].expect: the expected end is of kind 4, and the kinds are 0 to 3");
}

static void test_interface(void **state)
{
    struct made *m = make();

    (void)state;
    capos_cap_grant_set_interface_id(m->console, CAPOS_NULL_CAP_ID);
    assert_refused(m, MANIFEST_INTERFACE,
                   "services[1].caps[0].interfaceId: grant \"console\" expects interface "
                   "0x9b7d20f3e81c5a64 (NullCap), and its source has 0xf0a4b1c86d2e7395 (Console)");
    m = make();
    capos_cap_grant_set_interface_id(m->imported, 0x22);
    assert_refused(m, MANIFEST_INTERFACE,
                   "services[1].caps[2].interfaceId: grant \"store\" expects interface "
                   "0x0000000000000022, and its source has 0x1111222233334444");
    m = make();
    capos_export_set_interface_id(m->store, 0);
    capos_service_init_caps(m->services[1], 0);
    assert_refused(m, MANIFEST_NO_INTERFACE,
                   "services[0].exports[0].interfaceId: export \"store\" has no interface id");
    m = make();
    capos_export_set_interface_id(m->store, CAPOS_ENDPOINT_ID);
    capos_service_init_caps(m->services[1], 0);
    assert_refused(m, MANIFEST_OWNER_INTERFACE,
                   "services[0].exports[0].interfaceId: export \"store\" has interface "
                   "0xd3a58f61e20c947b (Endpoint), which only an owner facet has");
    /* What a client takes for an object of the kernel may be served by a process. */
    m = make();
    capos_export_set_interface_id(m->store, CAPOS_CONSOLE_ID);
    capos_cap_grant_set_interface_id(m->imported, CAPOS_CONSOLE_ID);
    assert_accepted(m);
}

static void test_badge(void **state)
{
    struct made *m = make();

    (void)state;
    capos_cap_grant_set_badge(m->console, UINT64_MAX);
    assert_refused(m, MANIFEST_BADGE,
                   "services[1].caps[0].badge: grant \"console\" has badge 18446744073709551615, "
                   "and a kernel object takes none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_self_import_and_cycle),
        cmocka_unit_test(test_everything_given),
        cmocka_unit_test(test_finders),
        cmocka_unit_test(test_object_interfaces),
        cmocka_unit_test(test_object_grants),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_no_service),
        cmocka_unit_test(test_daemons),
        cmocka_unit_test(test_starter),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_full_lists),
        cmocka_unit_test(test_name_form),
        cmocka_unit_test(test_name_taken),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_interface),
        cmocka_unit_test(test_badge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
