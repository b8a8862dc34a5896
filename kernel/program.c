// SPDX-License-Identifier: MIT
#include "program.h"

#include "mem/heap.h"
#include "panic.h"

static struct {
    struct program *list; /* owned */
    uint32_t count;
} programs;

void program_init(struct capos_manifest manifest)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(manifest);

    programs.count = capos_binary_list_len(binaries);
    if (programs.count == 0) {
        return;
    }
    programs.list = heap_alloc(NULL, programs.count * sizeof *programs.list);
    ASSERT(programs.list != NULL, "a fresh machine has no memory for a list of programs");
    for (uint32_t i = 0; i < programs.count; i++) {
        struct capos_binary binary = capos_binary_list_at(binaries, i);
        struct program *p = &programs.list[i];

        p->name = capos_binary_get_name(binary);
        p->image = capos_binary_get_image(binary);
        enum elf_error error = elf_parse(p->image.ptr, p->image.len, &p->elf);
        ASSERT(error == ELF_OK, "the manifest has an image that is refused: %s",
               elf_error_text(error));
    }
}

const struct program *program_find(struct capnp_text name)
{
    for (uint32_t i = 0; i < programs.count; i++) {
        if (capnp_text_equal(programs.list[i].name, name)) {
            return &programs.list[i];
        }
    }
    return NULL;
}
