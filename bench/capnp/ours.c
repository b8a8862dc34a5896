// SPDX-License-Identifier: MIT
/*
 * What messages cost with this tree's Cap'n Proto, on this machine: the same work as
 * theirs.c++ does with the stock library, on the same schema and data.
 *
 *     ours ROW N        does the row's operation N times; prints a checksum
 *
 * Besides, call-build and call-check, which the tests count alone: the parameters of
 * NullCap.echo with 16 bytes of data, by build_call and check_call.
 *
 * Rows: small-build and small-read (the parameters of Console.writeLine, 32 bytes),
 * large-build and large-read (a manifest of 64 services with 4 grants each). A read
 * opens the message anew and reads every field.
 */
#include <capos.capnp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES 64u
#define GRANTS   4u

static uint64_t words[8192];

static const struct capnp_text line = {.ptr = "a line of thirty-two characters.", .len = 32};

static uint32_t small_build(void)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_console_write_line_params_builder params =
        capos_console_write_line_params_build_root(&arena);
    capos_console_write_line_params_set_text(params, line);
    return capnp_arena_ok(&arena) ? capnp_arena_bytes(&arena) : 0;
}

static uint64_t small_read(uint32_t bytes)
{
    struct capnp_message message;

    if (!capnp_message_open_flat(&message, words, bytes)) {
        abort();
    }
    return capos_console_write_line_params_get_text(
               capos_console_write_line_params_read_root(&message))
        .len;
}

/* Not inlined, so that their instructions can be counted, and nothing is known of what they get. */
static __attribute__((noinline)) uint32_t build_call(uint64_t value, struct capnp_data data)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_null_cap_echo_params_builder params =
        capos_null_cap_echo_params_build_root(&arena);
    capos_null_cap_echo_params_set_value(params, value);
    capos_null_cap_echo_params_set_data(params, data);
    return capnp_arena_ok(&arena) ? capnp_arena_bytes(&arena) : 0;
}

static __attribute__((noinline)) bool check_call(const void *message, uint32_t bytes)
{
    struct capnp_message m;

    return capnp_message_open_flat(&m, message, bytes) &&
           capos_null_cap_echo_params_check(capos_null_cap_echo_params_read_root(&m));
}

static uint32_t call_build(void)
{
    static const uint8_t *volatile bytes = (const uint8_t *)"sixteen bytes...";
    static volatile uint32_t len = 16;

    return build_call(len, (struct capnp_data){.ptr = bytes, .len = len});
}

static uint64_t call_check(uint32_t bytes)
{
    const void *volatile message = words;

    return check_call(message, bytes);
}

static void build_grant(struct capos_cap_grant_builder grant, uint32_t i)
{
    capos_cap_grant_set_name(grant, CAPNP_TEXT("console"));
    capos_cap_grant_set_interface_id(grant, CAPOS_CONSOLE_ID + i);
    capos_cap_grant_source_set_kernel(capos_cap_grant_init_source(grant),
                                      CAPOS_KERNEL_OBJECT_CONSOLE);
    capos_cap_grant_set_badge(grant, i);
}

static void build_service(struct capos_service_builder service)
{
    capos_service_set_name(service, CAPNP_TEXT("a-service"));
    capos_service_set_binary(service, CAPNP_TEXT("its-binary"));
    struct capos_cap_grant_list_builder caps = capos_service_init_caps(service, GRANTS);
    for (uint32_t i = 0; i < GRANTS; i++) {
        build_grant(capos_cap_grant_list_builder_at(caps, i), i);
    }
    struct capos_restart_builder restart = capos_service_init_restart(service);
    capos_restart_set_policy(restart, CAPOS_RESTART_POLICY_ALWAYS);
    capos_restart_set_count(restart, 3);
    struct capos_ring_sizes_builder ring = capos_service_init_ring(service);
    capos_ring_sizes_set_sq_entries(ring, 64);
    capos_ring_sizes_set_cq_entries(ring, 128);
    capos_ring_sizes_set_area_bytes(ring, 65536);
}

static uint32_t large_build(void)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, words, sizeof words);
    struct capos_manifest_builder manifest = capos_manifest_build_root(&arena);
    capos_manifest_set_schema_version(manifest, 1);
    struct capos_service_list_builder services = capos_manifest_init_services(manifest, SERVICES);
    for (uint32_t i = 0; i < SERVICES; i++) {
        build_service(capos_service_list_builder_at(services, i));
    }
    return capnp_arena_ok(&arena) ? capnp_arena_bytes(&arena) : 0;
}

static uint64_t read_grant(struct capos_cap_grant grant)
{
    return capos_cap_grant_get_name(grant).len + capos_cap_grant_get_interface_id(grant) +
           (uint64_t)capos_cap_grant_source_get_kernel(capos_cap_grant_get_source(grant)) +
           capos_cap_grant_get_badge(grant);
}

static uint64_t read_service(struct capos_service service)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    struct capos_restart restart = capos_service_get_restart(service);
    struct capos_ring_sizes ring = capos_service_get_ring(service);
    uint64_t sum = capos_service_get_name(service).len + capos_service_get_binary(service).len;

    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        sum += read_grant(capos_cap_grant_list_at(caps, i));
    }
    return sum + (uint64_t)capos_restart_get_policy(restart) + capos_restart_get_count(restart) +
           capos_ring_sizes_get_sq_entries(ring) + capos_ring_sizes_get_cq_entries(ring) +
           capos_ring_sizes_get_area_bytes(ring);
}

static uint64_t large_read(uint32_t bytes)
{
    struct capnp_message message;

    if (!capnp_message_open_flat(&message, words, bytes)) {
        abort();
    }
    struct capos_manifest manifest = capos_manifest_read_root(&message);
    struct capos_service_list services = capos_manifest_get_services(manifest);
    uint64_t sum = capos_manifest_get_schema_version(manifest);
    for (uint32_t i = 0; i < capos_service_list_len(services); i++) {
        sum += read_service(capos_service_list_at(services, i));
    }
    return sum;
}

static const struct {
    const char *name;
    uint32_t (*build)(void);
    uint64_t (*read)(uint32_t bytes); /* NULL: the row is the building */
} rows[] = {
    {"small-build", small_build, NULL}, {"small-read", small_build, small_read},
    {"call-build", call_build, NULL},   {"call-check", call_build, call_check},
    {"large-build", large_build, NULL}, {"large-read", large_build, large_read},
};

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s ROW N\n", argv[0]);
        return 2;
    }
    unsigned long n = strtoul(argv[2], NULL, 10);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(argv[1], rows[i].name) != 0) {
            continue;
        }
        uint64_t sum = 0;
        uint32_t bytes = rows[i].build();
        for (unsigned long k = 0; k < n; k++) {
            sum += rows[i].read != NULL ? rows[i].read(bytes) : rows[i].build();
        }
        printf("%" PRIu64 "\n", sum);
        return bytes == 0;
    }
    fprintf(stderr, "%s: there is no row %s\n", argv[0], argv[1]);
    return 2;
}
