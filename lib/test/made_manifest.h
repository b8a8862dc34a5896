// SPDX-License-Identifier: MIT
/*
 * A valid manifest, for tests to spoil one thing in through the builders, which write in
 * place, and to look for the sentence that says so.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <capnp/build.h>
#include <capos.capnp.h>
#include <elf.h>
#include <lib/manifest.h>

#define STORE_ID 0x1111222233334444ull

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    uint8_t code[16];
};

/* One page of code; with TLS if there is something to keep there. */
static inline struct program make_program(uint64_t vaddr, uint64_t tls_bytes)
{
    struct program p = {
        .header =
            {
                .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                            EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_entry = vaddr + offsetof(struct program, code),
                .e_phoff = offsetof(struct program, segments),
                .e_ehsize = sizeof p.header,
                .e_phentsize = sizeof p.segments[0],
                .e_phnum = tls_bytes != 0 ? 2 : 1,
                .e_shentsize = sizeof(Elf64_Shdr),
            },
        .segments = {{.p_type = PT_LOAD,
                      .p_flags = PF_R | PF_X,
                      .p_vaddr = vaddr,
                      .p_filesz = sizeof p,
                      .p_memsz = sizeof p,
                      .p_align = 4096},
                     {.p_type = PT_TLS, .p_flags = PF_R, .p_memsz = tls_bytes, .p_align = 16}},
    };
    return p;
}

/*
 * binaries  prog, other (with thread-local storage)
 * services  alpha runs prog, is granted console, exports store
 *           beta runs other, is granted console, null, and alpha's store with badge 7
 */
struct made {
    struct capnp_arena arena;
    struct capos_manifest_builder manifest;
    struct capos_binary_builder binaries[2];
    struct capos_service_builder services[2];
    struct capos_export_builder store;
    struct capos_cap_grant_builder console; /* beta's, as the next two */
    struct capos_cap_grant_builder null;
    struct capos_cap_grant_builder imported;
    struct capos_service_export_builder import_source;
    uint64_t words[32768];
};

static inline struct capos_cap_grant_builder make_grant(struct capos_cap_grant_list_builder list,
                                                        uint32_t index, struct capnp_text name,
                                                        uint64_t interface_id)
{
    struct capos_cap_grant_builder grant = capos_cap_grant_list_builder_at(list, index);

    capos_cap_grant_set_name(grant, name);
    capos_cap_grant_set_interface_id(grant, interface_id);
    return grant;
}

static inline struct capos_cap_grant_builder make_object(struct capos_cap_grant_list_builder list,
                                                         uint32_t index, struct capnp_text name,
                                                         enum capos_kernel_object object,
                                                         uint64_t interface_id)
{
    struct capos_cap_grant_builder grant = make_grant(list, index, name, interface_id);

    capos_cap_grant_source_set_kernel(capos_cap_grant_init_source(grant), object);
    return grant;
}

static inline void make_alpha(struct made *m)
{
    struct capos_service_builder alpha = m->services[0];
    struct capos_cap_grant_list_builder caps = capos_service_init_caps(alpha, 1);

    capos_service_set_name(alpha, CAPNP_TEXT("alpha"));
    capos_service_set_binary(alpha, CAPNP_TEXT("prog"));
    make_object(caps, 0, CAPNP_TEXT("console"), CAPOS_KERNEL_OBJECT_CONSOLE, CAPOS_CONSOLE_ID);
    m->store = capos_export_list_builder_at(capos_service_init_exports(alpha, 1), 0);
    capos_export_set_name(m->store, CAPNP_TEXT("store"));
    capos_export_set_interface_id(m->store, STORE_ID);
}

static inline void make_beta(struct made *m)
{
    struct capos_service_builder beta = m->services[1];
    struct capos_cap_grant_list_builder caps = capos_service_init_caps(beta, 3);

    capos_service_set_name(beta, CAPNP_TEXT("beta"));
    capos_service_set_binary(beta, CAPNP_TEXT("other"));
    m->console =
        make_object(caps, 0, CAPNP_TEXT("console"), CAPOS_KERNEL_OBJECT_CONSOLE, CAPOS_CONSOLE_ID);
    m->null =
        make_object(caps, 1, CAPNP_TEXT("null"), CAPOS_KERNEL_OBJECT_NULL_CAP, CAPOS_NULL_CAP_ID);
    m->imported = make_grant(caps, 2, CAPNP_TEXT("store"), STORE_ID);
    capos_cap_grant_set_badge(m->imported, 7);
    m->import_source =
        capos_cap_grant_source_init_service(capos_cap_grant_init_source(m->imported));
    capos_service_export_set_service(m->import_source, CAPNP_TEXT("alpha"));
    capos_service_export_set_export(m->import_source, CAPNP_TEXT("store"));
}

static inline void make_binary(struct capos_binary_builder b, struct capnp_text name,
                               uint64_t vaddr, uint64_t tls_bytes)
{
    struct program program = make_program(vaddr, tls_bytes);

    capos_binary_set_name(b, name);
    capos_binary_set_image(
        b, (struct capnp_data){.ptr = (const uint8_t *)&program, .len = sizeof program});
}

static inline struct made *make(void)
{
    struct made *m = malloc(sizeof *m);

    assert_non_null(m);
    capnp_arena_init(&m->arena, m->words, sizeof m->words);
    m->manifest = capos_manifest_build_root(&m->arena);
    capos_manifest_set_schema_version(m->manifest, CAPOS_MANIFEST_VERSION);
    struct capos_binary_list_builder binaries = capos_manifest_init_binaries(m->manifest, 2);
    struct capos_service_list_builder services = capos_manifest_init_services(m->manifest, 2);
    for (uint32_t i = 0; i < 2; i++) {
        m->binaries[i] = capos_binary_list_builder_at(binaries, i);
        m->services[i] = capos_service_list_builder_at(services, i);
    }
    make_binary(m->binaries[0], CAPNP_TEXT("prog"), 0x400000, 0);
    make_binary(m->binaries[1], CAPNP_TEXT("other"), 0x5ff000, 5000);
    make_alpha(m);
    make_beta(m);
    return m;
}

/* ---------------------------------------------------------------------------
 * What becomes of it. Each of these consumes the manifest. */

static inline void assert_refused(struct made *m, enum manifest_error error, const char *sentence)
{
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault;
    char text[MANIFEST_FAULT_TEXT_ROOM];

    assert_true(capnp_arena_ok(&m->arena));
    assert_false(
        manifest_open(m->words, capnp_arena_bytes(&m->arena), &message, &manifest, &fault));
    size_t len = manifest_fault_text(&fault, text, sizeof text);
    assert_string_equal(text, sentence);
    assert_int_equal(len, strlen(sentence));
    assert_int_equal(fault.error, error);
    free(m);
}

static inline void assert_accepted(struct made *m)
{
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault = {.error = MANIFEST_OK};
    char text[MANIFEST_FAULT_TEXT_ROOM];

    assert_true(capnp_arena_ok(&m->arena));
    bool ok = manifest_open(m->words, capnp_arena_bytes(&m->arena), &message, &manifest, &fault);
    manifest_fault_text(&fault, text, sizeof text);
    assert_string_equal(text, "the manifest is valid");
    assert_true(ok);
    free(m);
}
