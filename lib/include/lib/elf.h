// SPDX-License-Identifier: MIT
/*
 * Programs: reads a static ELF64 file for x86_64 (ET_EXEC) and says what to map.
 *
 * The file is hostile until elf_parse() has returned ELF_OK. After that all that
 * a loader needs is in struct elf_image, checked, and the file's headers need not
 * be looked at again:
 *   1  each segment's file range lies inside the file
 *   2  each segment lies inside USER_IMAGE_BASE…USER_IMAGE_END
 *   3  no two segments share a page, and they are in ascending order
 *   4  no segment is both writable and executable
 *   5  the entry lies inside an executable segment
 *   6  the TLS template lies inside the file and fits PROC_TLS_MAX
 * elf_image_check() checks these on the result.
 *
 * Section headers, notes, PT_GNU_STACK and the like are not read: nothing in them
 * could give a program more than it has.
 */
#pragma once

#include <abi/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Program headers of one file, of all types. */
#define ELF_PROGRAM_HEADERS_MAX 64u

/* What lies above a thread's TLS block and counts against PROC_TLS_MAX: its control block. */
#define ELF_TLS_CONTROL_BYTES 64u
#define ELF_TLS_CONTROL_ALIGN 16u

/* The largest alignment of a TLS template, bytes. */
#define ELF_TLS_ALIGN_MAX 4096u

#define ELF_ERROR_LIST(X)                                                                          \
    X(OK, "success")                                                                               \
    X(TRUNCATED, "the file is shorter than an ELF header")                                         \
    X(MAGIC, "the file is not ELF")                                                                \
    X(CLASS, "the file is not 64-bit ELF")                                                         \
    X(ENDIAN, "the file is not little endian")                                                     \
    X(VERSION, "the ELF version is not 1")                                                         \
    X(OSABI, "the file is for another operating system's ABI")                                     \
    X(RELOCATABLE, "the program is position independent or a shared object; link it static and "   \
                   "not PIE")                                                                      \
    X(TYPE, "the file is not an executable program")                                               \
    X(MACHINE, "the program is not for x86_64")                                                    \
    X(HEADER_SIZE, "the ELF header states a wrong size of headers")                                \
    X(HEADER_COUNT, "there are no program headers or too many")                                    \
    X(HEADER_RANGE, "the program headers lie outside the file")                                    \
    X(INTERPRETER, "the program asks for an interpreter")                                          \
    X(DYNAMIC, "the program asks for dynamic linking")                                             \
    X(SEGMENT_FILE, "a segment's bytes lie outside the file")                                      \
    X(SEGMENT_SIZE, "a segment is larger in the file than in memory")                              \
    X(SEGMENT_RANGE, "a segment lies outside the range for program images")                        \
    X(SEGMENT_FLAGS, "a segment is not readable or has unknown flags")                             \
    X(SEGMENT_WX, "a segment is both writable and executable")                                     \
    X(SEGMENT_OVERLAP, "two segments share a page")                                                \
    X(SEGMENT_COUNT, "there are too many segments")                                                \
    X(NO_SEGMENTS, "there is nothing to load")                                                     \
    X(ENTRY, "the entry point is not in an executable segment")                                    \
    X(TLS_COUNT, "there is more than one TLS template")                                            \
    X(TLS_FILE, "the TLS template lies outside the file")                                          \
    X(TLS_SIZE, "the TLS template is larger in the file than in memory, or too large")             \
    X(TLS_ALIGN, "the TLS template's alignment is not a power of two, too large or not kept")

enum elf_error {
#define ELF_ERROR_ENUM(name, sentence) ELF_##name,
    ELF_ERROR_LIST(ELF_ERROR_ENUM)
#undef ELF_ERROR_ENUM
        ELF_ERROR_COUNT
};

struct elf_segment {
    uint64_t vaddr;     /* first byte; need not be page aligned */
    uint64_t mem_bytes; /* not 0; what lies behind file_bytes is zero */
    uint64_t file_offset;
    uint64_t file_bytes;
    bool writable;
    bool executable;
};

struct elf_image {
    uint64_t entry;
    uint64_t pages;                                /* of USER_PAGE_BYTES, that the segments touch */
    uint32_t segment_count;                        /* 1…ELF_SEGMENTS_MAX */
    struct elf_segment segments[ELF_SEGMENTS_MAX]; /* by address, ascending */
    bool has_tls;
    uint64_t tls_file_offset; /* 0, as the others, without TLS */
    uint64_t tls_file_bytes;
    uint64_t tls_mem_bytes;
    uint64_t tls_align; /* at least 1 */
};

/* Checks the file and says what to map. Writes *out only with ELF_OK. */
enum elf_error elf_parse(const void *file, size_t bytes, struct elf_image *out);

/* The sentence for an error. Never NULL; borrowed for ever. */
const char *elf_error_text(enum elf_error error);

/* First page address of a segment, and the first page address behind it. */
uint64_t elf_segment_page_first(const struct elf_segment *segment);
uint64_t elf_segment_page_end(const struct elf_segment *segment);

/*
 * How far the pages from `va` on, a page of the segment, are all alike: either each is just
 * a page of the file, read-only, which can be mapped from where it lies if the file lies at
 * `file_at`; or none is. Says which, and the address behind the last.
 */
bool elf_segment_shares(const struct elf_segment *segment, uint64_t va, uint64_t file_at,
                        uint64_t *end);

/* Pages of the image that can be mapped from a file that lies at `file_at`. */
uint64_t elf_shared_pages(const struct elf_image *image, uint64_t file_at);

/*
 * Where the TLS of a thread lies that ends at USER_TLS_TOP (variant II of the ELF TLS
 * specification): its block's first byte, and the control block right above the block,
 * whose address is the thread pointer. Only for an image that has TLS. No more than
 * PROC_TLS_MAX bytes lie from the one to USER_TLS_TOP.
 */
uint64_t elf_tls_start(const struct elf_image *image);
uint64_t elf_tls_control(const struct elf_image *image);

/* Whether invariants 1 to 6 hold for an image of a file of so many bytes. */
bool elf_image_check(const struct elf_image *image, size_t file_bytes);
