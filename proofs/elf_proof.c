// SPDX-License-Identifier: MIT
/*
 * Any file as a program. What is accepted has all the properties of the header's list,
 * which a loader relies on: each program header, whatever it says, leaves an image that has
 * them, if the one before it had them, so that any number of headers does. And reading
 * stays inside the file: the header that is accepted says so of all that follow.
 */
#include "proof.h"

#include "../lib/elf.c"

#define SEGMENTS_MOST 2u

/* The properties of an image whose program headers have not all been read. */
static bool is_sound(const struct elf_image *image, size_t bytes)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];

        if (!segment_is_sound(s, bytes) ||
            (i > 0 && elf_segment_page_first(s) < elf_segment_page_end(s - 1))) {
            return false;
        }
        pages += (elf_segment_page_end(s) - elf_segment_page_first(s)) / USER_PAGE_BYTES;
    }
    return pages == image->pages && tls_is_sound(image, bytes);
}

/* CBMC: --unwind 5 */
void prove_program_header(void)
{
    struct elf_image image;
    struct elf_program_header ph;
    size_t bytes = nondet_u64();

    __CPROVER_havoc_object(&image);
    __CPROVER_havoc_object(&ph);
    ASSUME(image.segment_count <= SEGMENTS_MOST);
    ASSUME(is_sound(&image, bytes));
    uint32_t count = image.segment_count;
    if (add_program_header(&image, &ph, bytes) == ELF_OK) {
        PROVE(image.segment_count == count || image.segment_count == count + 1);
        PROVE(is_sound(&image, bytes));
    }
}

/* CBMC: --unwind 5 */
void prove_header(void)
{
    struct elf_header header;
    size_t bytes = nondet_u64();

    __CPROVER_havoc_object(&header);
    if (check_header(&header, bytes) == ELF_OK) {
        PROVE(header.phnum >= 1 && header.phnum <= ELF_PROGRAM_HEADERS_MAX);
        uint32_t i = any_below(header.phnum);
        uint64_t at = header.phoff + i * sizeof(struct elf_program_header);
        PROVE(header.phoff <= bytes && at >= header.phoff);
        PROVE(at <= bytes && sizeof(struct elf_program_header) <= bytes - at);
    }
}
