// SPDX-License-Identifier: MIT
/*
 * Bytes as a program file. What elf_parse accepts is loaded as the kernel would load
 * it, byte by byte, so that a range that does not hold is a read out of bounds (T-20).
 */
#include <abi/layout.h>
#include <lib/elf.h>
#include <stdlib.h>
#include <string.h>

/* Loading stops here: a segment may have a gigabyte of zeros behind its bytes. */
#define LOAD_BYTES_MAX (1u << 20)

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void load(const uint8_t *file, uint64_t offset, uint64_t file_bytes, uint64_t mem_bytes)
{
    uint64_t bytes = mem_bytes < LOAD_BYTES_MAX ? mem_bytes : LOAD_BYTES_MAX;
    uint8_t *memory = calloc(1, bytes == 0 ? 1 : (size_t)bytes);

    require(memory != NULL);
    memcpy(memory, file + offset, (size_t)(file_bytes < bytes ? file_bytes : bytes));
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_image image;
    enum elf_error error = elf_parse(data, size, &image);

    require(strlen(elf_error_text(error)) > 0);
    if (error != ELF_OK) {
        return 0;
    }
    require(elf_image_check(&image, size));
    for (uint32_t i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];

        require(elf_segment_page_first(s) >= USER_IMAGE_BASE);
        require(elf_segment_page_end(s) <= USER_IMAGE_END);
        load(data, s->file_offset, s->file_bytes, s->mem_bytes);
    }
    if (image.has_tls) {
        load(data, image.tls_file_offset, image.tls_file_bytes, image.tls_mem_bytes);
    }
    return 0;
}
