// SPDX-License-Identifier: MIT
/*
 * Bytes as the JSON that mkmanifest reads, from the parser to the validated message.
 * No file is read: every binary is the same smallest program. What is refused is
 * refused in one line.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/mkmanifest/cue.h"
#include "../tools/mkmanifest/embed.h"
#include "../tools/mkmanifest/encode.h"
#include "../tools/mkmanifest/json.h"

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0x400000u

static struct program {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    uint8_t code[8];
} program = {
    .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
               .e_type = ET_EXEC,
               .e_machine = EM_X86_64,
               .e_version = EV_CURRENT,
               .e_entry = BASE + offsetof(struct program, code),
               .e_phoff = offsetof(struct program, segment),
               .e_ehsize = sizeof(Elf64_Ehdr),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 1,
               .e_shentsize = sizeof(Elf64_Shdr)},
    .segment = {.p_type = PT_LOAD,
                .p_flags = PF_R | PF_X,
                .p_vaddr = BASE,
                .p_filesz = sizeof(struct program),
                .p_memsz = sizeof(struct program),
                .p_align = 4096},
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool pack(struct report *report, const struct cue_manifest *manifest)
{
    struct embed embed = {.images = calloc(manifest->binary_count + 1, sizeof *embed.images),
                          .count = manifest->binary_count};
    uint8_t *bytes = NULL;
    size_t len = 0;

    require(embed.images != NULL);
    for (size_t i = 0; i < embed.count; i++) {
        embed.images[i] = (struct embed_image){.bytes = (uint8_t *)&program, .len = sizeof program};
    }
    bool ok = encode_manifest(report, manifest, &embed, &bytes, &len);
    require(!ok || (len > sizeof program && len % 8 == 0));
    free(bytes);
    free(embed.images);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report report = {.file = "fuzz.json"};
    struct cue_manifest manifest;
    json_t *document;

    bool ok = json_parse(&report, data, size, &document);
    if (ok) {
        ok = cue_read(&report, document, &manifest) && pack(&report, &manifest);
        cue_fini(&manifest);
        json_decref(document);
    }
    require(ok == (report.outcome == OUTCOME_OK));
    require(ok || strncmp(report.text, "fuzz.json: ", strlen("fuzz.json: ")) == 0);
    return 0;
}
