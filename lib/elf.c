// SPDX-License-Identifier: MIT
/*
 * Reading ELF. The file may lie at any address and be of any content, so headers
 * are copied out of it by memcpy, and every sum of two of its numbers is replaced
 * by a comparison that cannot overflow (bits_range_fits).
 *
 * The layout and numbers are those of the System V ABI, edition 4.1, and its AMD64
 * supplement.
 */
#include <lib/elf.h>

#include <abi/layout.h>
#include <lib/bits.h>
#include <lib/mem.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint64_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};

struct elf_program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    uint64_t align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF header is as the ABI says");
_Static_assert(sizeof(struct elf_program_header) == 56, "program header is as the ABI says");

#define IDENT_CLASS    4
#define IDENT_DATA     5
#define IDENT_VERSION  6
#define IDENT_OSABI    7

#define CLASS_64       2
#define DATA_LITTLE    1
#define VERSION_1      1
#define OSABI_SYSV     0
#define OSABI_GNU      3 /* what GNU ld writes for a program with GNU's kinds of symbol */

#define TYPE_EXEC      2
#define TYPE_DYN       3
#define MACHINE_X86_64 62

#define PT_LOAD        1
#define PT_DYNAMIC     2
#define PT_INTERP      3
#define PT_TLS         7

#define PF_EXEC        1u
#define PF_WRITE       2u
#define PF_READ        4u

static enum elf_error check_ident(const uint8_t ident[16])
{
    if (memcmp(ident, "\177ELF", 4) != 0) {
        return ELF_MAGIC;
    }
    if (ident[IDENT_CLASS] != CLASS_64) {
        return ELF_CLASS;
    }
    if (ident[IDENT_DATA] != DATA_LITTLE) {
        return ELF_ENDIAN;
    }
    if (ident[IDENT_VERSION] != VERSION_1) {
        return ELF_VERSION;
    }
    if (ident[IDENT_OSABI] != OSABI_SYSV && ident[IDENT_OSABI] != OSABI_GNU) {
        return ELF_OSABI;
    }
    return ELF_OK;
}

static enum elf_error check_header(const struct elf_header *header, size_t bytes)
{
    enum elf_error error = check_ident(header->ident);

    if (error != ELF_OK) {
        return error;
    }
    if (header->type == TYPE_DYN) {
        return ELF_RELOCATABLE;
    }
    if (header->type != TYPE_EXEC) {
        return ELF_TYPE;
    }
    if (header->machine != MACHINE_X86_64) {
        return ELF_MACHINE;
    }
    if (header->version != VERSION_1) {
        return ELF_VERSION;
    }
    if (header->ehsize != sizeof(struct elf_header) ||
        header->phentsize != sizeof(struct elf_program_header)) {
        return ELF_HEADER_SIZE;
    }
    if (header->phnum == 0 || header->phnum > ELF_PROGRAM_HEADERS_MAX) {
        return ELF_HEADER_COUNT;
    }
    if (!bits_range_fits(header->phoff, header->phnum * sizeof(struct elf_program_header), bytes)) {
        return ELF_HEADER_RANGE;
    }
    return ELF_OK;
}

/* Checks one PT_LOAD by itself. */
static enum elf_error check_segment(const struct elf_program_header *ph, size_t bytes)
{
    if (!bits_range_fits(ph->offset, ph->filesz, bytes)) {
        return ELF_SEGMENT_FILE;
    }
    if (ph->filesz > ph->memsz) {
        return ELF_SEGMENT_SIZE;
    }
    if (ph->vaddr < USER_IMAGE_BASE || !bits_range_fits(ph->vaddr, ph->memsz, USER_IMAGE_END)) {
        return ELF_SEGMENT_RANGE;
    }
    if ((ph->flags & PF_READ) == 0 || (ph->flags & ~(PF_READ | PF_WRITE | PF_EXEC)) != 0) {
        return ELF_SEGMENT_FLAGS;
    }
    if ((ph->flags & PF_WRITE) != 0 && (ph->flags & PF_EXEC) != 0) {
        return ELF_SEGMENT_WX;
    }
    return ELF_OK;
}

/* Adds one PT_LOAD at its place by address. One without memory has no effect. */
static enum elf_error add_segment(struct elf_image *image, const struct elf_program_header *ph,
                                  size_t bytes)
{
    enum elf_error error = check_segment(ph, bytes);
    struct elf_segment segment = {.vaddr = ph->vaddr,
                                  .mem_bytes = ph->memsz,
                                  .file_offset = ph->offset,
                                  .file_bytes = ph->filesz,
                                  .writable = (ph->flags & PF_WRITE) != 0,
                                  .executable = (ph->flags & PF_EXEC) != 0};
    uint32_t at;

    if (error != ELF_OK || ph->memsz == 0) {
        return error;
    }
    if (image->segment_count == ELF_SEGMENTS_MAX) {
        return ELF_SEGMENT_COUNT;
    }
    for (at = image->segment_count; at > 0; at--) {
        const struct elf_segment *below = &image->segments[at - 1];

        if (elf_segment_page_end(below) <= elf_segment_page_first(&segment)) {
            break;
        }
        if (elf_segment_page_first(below) < elf_segment_page_end(&segment)) {
            return ELF_SEGMENT_OVERLAP;
        }
        image->segments[at] = *below;
    }
    image->segments[at] = segment;
    image->segment_count++;
    image->pages +=
        (elf_segment_page_end(&segment) - elf_segment_page_first(&segment)) / USER_PAGE_BYTES;
    return ELF_OK;
}

/*
 * Whether a TLS block fits a thread. The linker counts offsets from the block's
 * end, rounded up to the alignment, where the control block begins.
 */
static bool tls_fits(uint64_t mem_bytes, uint64_t align)
{
    return mem_bytes <= PROC_TLS_MAX &&
           bits_round_up(mem_bytes, align) + ELF_TLS_CONTROL_BYTES <= PROC_TLS_MAX;
}

static enum elf_error add_tls(struct elf_image *image, const struct elf_program_header *ph,
                              size_t bytes)
{
    uint64_t align = ph->align == 0 ? 1 : ph->align;

    if (image->has_tls) {
        return ELF_TLS_COUNT;
    }
    if (!bits_range_fits(ph->offset, ph->filesz, bytes)) {
        return ELF_TLS_FILE;
    }
    if (!bits_is_power_of_two(align) || align > ELF_TLS_ALIGN_MAX || ph->vaddr % align != 0) {
        return ELF_TLS_ALIGN;
    }
    if (ph->filesz > ph->memsz || !tls_fits(ph->memsz, align)) {
        return ELF_TLS_SIZE;
    }
    image->has_tls = true;
    image->tls_file_offset = ph->offset;
    image->tls_file_bytes = ph->filesz;
    image->tls_mem_bytes = ph->memsz;
    image->tls_align = align;
    return ELF_OK;
}

static enum elf_error add_program_header(struct elf_image *image,
                                         const struct elf_program_header *ph, size_t bytes)
{
    switch (ph->type) {
    case PT_LOAD:
        return add_segment(image, ph, bytes);
    case PT_TLS:
        return add_tls(image, ph, bytes);
    case PT_INTERP:
        return ELF_INTERPRETER;
    case PT_DYNAMIC:
        return ELF_DYNAMIC;
    default:
        return ELF_OK;
    }
}

/* Whether an address lies in an executable segment. */
static bool is_executable(const struct elf_image *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];

        if (s->executable && address >= s->vaddr && address - s->vaddr < s->mem_bytes) {
            return true;
        }
    }
    return false;
}

enum elf_error elf_parse(const void *file, size_t bytes, struct elf_image *out)
{
    const uint8_t *from = file;
    struct elf_image image = {.entry = 0};
    struct elf_header header;
    enum elf_error error;

    if (bytes < sizeof(header)) {
        return ELF_TRUNCATED;
    }
    memcpy(&header, from, sizeof(header));
    error = check_header(&header, bytes);
    for (uint32_t i = 0; error == ELF_OK && i < header.phnum; i++) {
        struct elf_program_header ph;

        memcpy(&ph, from + header.phoff + i * sizeof(ph), sizeof(ph));
        error = add_program_header(&image, &ph, bytes);
    }
    if (error != ELF_OK) {
        return error;
    }
    if (image.segment_count == 0) {
        return ELF_NO_SEGMENTS;
    }
    if (!is_executable(&image, header.entry)) {
        return ELF_ENTRY;
    }
    image.entry = header.entry;
    *out = image;
    return ELF_OK;
}

const char *elf_error_text(enum elf_error error)
{
    static const char *const sentences[] = {
#define ELF_SENTENCE(name, sentence) [ELF_##name] = (sentence),
        ELF_ERROR_LIST(ELF_SENTENCE)
#undef ELF_SENTENCE
    };

    return error < ELF_ERROR_COUNT ? sentences[error] : "an ELF error that does not exist";
}

uint64_t elf_segment_page_first(const struct elf_segment *segment)
{
    return bits_round_down(segment->vaddr, USER_PAGE_BYTES);
}

uint64_t elf_segment_page_end(const struct elf_segment *segment)
{
    return bits_round_up(segment->vaddr + segment->mem_bytes, USER_PAGE_BYTES);
}

bool elf_segment_shares(const struct elf_segment *segment, uint64_t va, uint64_t file_at,
                        uint64_t *end)
{
    uint64_t whole = bits_round_up(segment->vaddr, USER_PAGE_BYTES);
    uint64_t whole_end = bits_round_down(segment->vaddr + segment->file_bytes, USER_PAGE_BYTES);
    bool fits = (file_at + segment->file_offset - segment->vaddr) % USER_PAGE_BYTES == 0;

    if (segment->writable || !fits || va >= whole_end) {
        *end = elf_segment_page_end(segment);
        return false;
    }
    *end = va < whole ? whole : whole_end;
    return va >= whole;
}

uint64_t elf_shared_pages(const struct elf_image *image, uint64_t file_at)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        uint64_t end;

        for (uint64_t va = elf_segment_page_first(s); va != elf_segment_page_end(s); va = end) {
            if (elf_segment_shares(s, va, file_at, &end)) {
                pages += (end - va) / USER_PAGE_BYTES;
            }
        }
    }
    return pages;
}

uint64_t elf_tls_control(const struct elf_image *image)
{
    uint64_t align = image->tls_align;

    if (align < ELF_TLS_CONTROL_ALIGN) {
        align = ELF_TLS_CONTROL_ALIGN;
    }
    return bits_round_down(USER_TLS_TOP - ELF_TLS_CONTROL_BYTES, align);
}

uint64_t elf_tls_start(const struct elf_image *image)
{
    return elf_tls_control(image) - bits_round_up(image->tls_mem_bytes, image->tls_align);
}

static bool segment_is_sound(const struct elf_segment *s, size_t file_bytes)
{
    return s->mem_bytes > 0 && s->file_bytes <= s->mem_bytes &&
           bits_range_fits(s->file_offset, s->file_bytes, file_bytes) &&
           s->vaddr >= USER_IMAGE_BASE && bits_range_fits(s->vaddr, s->mem_bytes, USER_IMAGE_END) &&
           !(s->writable && s->executable);
}

static bool tls_is_sound(const struct elf_image *image, size_t file_bytes)
{
    if (!image->has_tls) {
        return image->tls_file_offset == 0 && image->tls_file_bytes == 0 &&
               image->tls_mem_bytes == 0 && image->tls_align == 0;
    }
    return bits_range_fits(image->tls_file_offset, image->tls_file_bytes, file_bytes) &&
           image->tls_file_bytes <= image->tls_mem_bytes &&
           bits_is_power_of_two(image->tls_align) && image->tls_align <= ELF_TLS_ALIGN_MAX &&
           tls_fits(image->tls_mem_bytes, image->tls_align);
}

bool elf_image_check(const struct elf_image *image, size_t file_bytes)
{
    uint64_t pages = 0;

    if (image->segment_count == 0 || image->segment_count > ELF_SEGMENTS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];

        if (!segment_is_sound(s, file_bytes)) {
            return false;
        }
        if (i > 0 && elf_segment_page_first(s) < elf_segment_page_end(s - 1)) {
            return false;
        }
        pages += (elf_segment_page_end(s) - elf_segment_page_first(s)) / USER_PAGE_BYTES;
    }
    return pages == image->pages && is_executable(image, image->entry) &&
           tls_is_sound(image, file_bytes);
}
