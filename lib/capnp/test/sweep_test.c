// SPDX-License-Identifier: MIT
/*
 * Every message that differs from a good one in a single bit, and every beginning
 * of a good one, read to the last field: whatever comes out, no byte outside of
 * the message is touched, and a message that passes its check has no getter that
 * fails.
 */
#include "gen/sample.capnp.c"
#include "messages.h"
#include "words.h"

#include <capos.capnp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Readings are summed up into this, so that none of them is left out. */
static volatile uint64_t sum;

static void add_bytes(const void *bytes, uint32_t len)
{
    const uint8_t *p = bytes;
    uint64_t s = 0;

    for (uint32_t i = 0; i < len; i++) {
        s += p[i];
    }
    sum += s + len;
}

static void add_text(struct capnp_text t)
{
    assert_int_equal(t.ptr[t.len], 0);
    add_bytes(t.ptr, t.len);
    sum += capnp_text_is_utf8(t);
}

static void add_data(struct capnp_data d)
{
    add_bytes(d.ptr, d.len);
}

/* ---------------------------------------------------------------------------
 * Everything in a manifest */

static void read_status(struct capos_process_status r)
{
    struct capos_fault f = capos_process_status_get_faulted(r);

    sum += capos_process_status_which(r) + (uint64_t)capos_process_status_get_exited(r);
    sum += capos_fault_get_vector(f) + capos_fault_get_address(f) + capos_fault_get_rip(f);
    add_text(capos_process_status_get_killed(r));
    add_text(capos_process_status_get_failed_to_start(r));
}

static void read_grant(struct capos_cap_grant r)
{
    struct capos_cap_grant_source source = capos_cap_grant_get_source(r);
    struct capos_service_export e = capos_cap_grant_source_get_service(source);

    add_text(capos_cap_grant_get_name(r));
    sum += capos_cap_grant_get_interface_id(r) + capos_cap_grant_get_badge(r);
    sum += capos_cap_grant_source_which(source) + capos_cap_grant_source_get_kernel(source);
    add_text(capos_service_export_get_service(e));
    add_text(capos_service_export_get_export(e));
}

static void read_service(struct capos_service r)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(r);
    struct capos_export_list exports = capos_service_get_exports(r);
    struct capos_restart restart = capos_service_get_restart(r);
    struct capos_ring_sizes ring = capos_service_get_ring(r);
    struct capos_limits limits = capos_service_get_limits(r);

    add_text(capos_service_get_name(r));
    add_text(capos_service_get_binary(r));
    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        read_grant(capos_cap_grant_list_at(caps, i));
    }
    for (uint32_t i = 0; i < capos_export_list_len(exports); i++) {
        add_text(capos_export_get_name(capos_export_list_at(exports, i)));
        sum += capos_export_get_interface_id(capos_export_list_at(exports, i));
    }
    sum += capos_restart_get_policy(restart) + capos_restart_get_count(restart);
    sum += capos_ring_sizes_get_sq_entries(ring) + capos_ring_sizes_get_area_bytes(ring);
    sum += capos_limits_get_frames(limits) + capos_limits_get_cap_slots(limits);
    read_status(capos_service_get_expect(r));
}

static void read_manifest(struct capos_manifest r)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(r);
    struct capos_service_list services = capos_manifest_get_services(r);
    struct capos_kernel_params params = capos_manifest_get_kernel_params(r);

    sum += capos_manifest_get_schema_version(r);
    for (uint32_t i = 0; i < capos_binary_list_len(binaries); i++) {
        add_text(capos_binary_get_name(capos_binary_list_at(binaries, i)));
        add_data(capos_binary_get_image(capos_binary_list_at(binaries, i)));
    }
    for (uint32_t i = 0; i < capos_service_list_len(services); i++) {
        read_service(capos_service_list_at(services, i));
    }
    sum += capos_kernel_params_get_tick_hz(params) + capos_kernel_params_get_plant_leak(params);
}

/* Checked and then read; read without a check; walked and copied without a schema. */
static bool use_manifest(struct capnp_message *m)
{
    bool good = capos_manifest_check(capos_manifest_read_root(m));

    read_manifest(capos_manifest_read_root(m));
    if (good) {
        struct capos_manifest r = capos_manifest_read_root(m);
        assert_true(capos_manifest_check(r));
        for (unsigned i = 0; i < 3; i++) {
            read_manifest(r);
        }
        assert_int_equal(capnp_message_error(m), CAPNP_ERROR_NONE);
    }
    return good;
}

/* ---------------------------------------------------------------------------
 * Everything in the lists of the sample */

static bool use_lists(struct capnp_message *m)
{
    struct sample_lists r = sample_lists_read_root(m);
    bool good = sample_lists_check(r);
    uint64_t words[256];
    struct capnp_arena a;

    for (uint32_t i = 0; i < capnp_bool_list_len(sample_lists_get_bools(r)); i++) {
        sum += capnp_bool_list_at(sample_lists_get_bools(r), i);
    }
    for (uint32_t i = 0; i < capnp_u16_list_len(sample_lists_get_u16s(r)); i++) {
        sum += capnp_u16_list_at(sample_lists_get_u16s(r), i);
    }
    for (uint32_t i = 0; i < capnp_text_list_len(sample_lists_get_texts(r)); i++) {
        add_text(capnp_text_list_at(sample_lists_get_texts(r), i));
    }
    for (uint32_t i = 0; i < capnp_data_list_len(sample_lists_get_datas(r)); i++) {
        add_data(capnp_data_list_at(sample_lists_get_datas(r), i));
    }
    struct sample_scalars_list scalars = sample_lists_get_scalars(r);
    for (uint32_t i = 0; i < sample_scalars_list_len(scalars); i++) {
        sum += sample_scalars_get_u64(sample_scalars_list_at(scalars, i));
        sum += sample_scalars_get_yes(sample_scalars_list_at(scalars, i));
    }
    struct capnp_any_list grid = sample_lists_get_grid(r);
    for (uint32_t i = 0; i < capnp_any_list_len(grid); i++) {
        struct capnp_u8_list row = {capnp_any_list(capnp_any_list_at(grid, i), CAPNP_ELEMENT_BYTE)};
        for (uint32_t k = 0; k < capnp_u8_list_len(row); k++) {
            sum += capnp_u8_list_at(row, k);
        }
    }
    capnp_arena_init(&a, words, sizeof words);
    struct capnp_struct_builder root = capnp_build_root(&a, 0, 1);
    (void)capnp_any_copy(capnp_slot(root, 0), (struct capnp_any){.message = m,
                                                                 .segment = m->segments,
                                                                 .slot = m->segments[0].base,
                                                                 .depth = CAPNP_DEPTH_MAX});
    sum += capnp_struct_check_pointers(sample_lists_read_root(m).s);
    return good;
}

/* ---------------------------------------------------------------------------
 * The sweep */

enum { SEGMENTS = 64 };

static bool use(const uint8_t *bytes, size_t len, bool framed,
                bool (*reader)(struct capnp_message *))
{
    struct capnp_segment segments[SEGMENTS];
    struct capnp_message m;
    bool open = framed ? capnp_message_open_framed(&m, bytes, len, segments, SEGMENTS)
                       : capnp_message_open_flat(&m, bytes, len);

    return open && m.segments[0].bytes != 0 && reader(&m);
}

static void sweep(const uint8_t *message, size_t len, bool framed,
                  bool (*reader)(struct capnp_message *))
{
    uint8_t *bytes = malloc(len);
    size_t refused = 0;

    memcpy(bytes, message, len);
    assert_true(use(bytes, len, framed, reader));
    for (size_t bit = 0; bit < len * 8u; bit++) {
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
        refused += !use(bytes, len, framed, reader);
        bytes[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
    }
    free(bytes);
    /* Some flips are in values and stay unnoticed; those in pointers do not. */
    assert_in_range(refused, len / 8u, len * 8u);
    for (size_t part = 0; part < len; part++) {
        bytes = malloc(part == 0 ? 1 : part);
        memcpy(bytes, message, part);
        use(bytes, part, framed, reader);
        free(bytes);
    }
}

static void flat_manifest(void **state)
{
    (void)state;
    sweep(manifest_flat, sizeof manifest_flat, false, use_manifest);
}

static void framed_manifest(void **state)
{
    (void)state;
    sweep(manifest_far, sizeof manifest_far, true, use_manifest);
}

static void flat_lists(void **state)
{
    (void)state;
    sweep(lists_flat, sizeof lists_flat, false, use_lists);
}

static void framed_lists(void **state)
{
    (void)state;
    sweep(lists_far, sizeof lists_far, true, use_lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_manifest),
        cmocka_unit_test(framed_manifest),
        cmocka_unit_test(flat_lists),
        cmocka_unit_test(framed_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
