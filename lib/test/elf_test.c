// SPDX-License-Identifier: MIT
/*
 * The ELF reader: one good file, built here, and then every way to spoil it, each
 * with the error it must give. Files lie in blocks of exactly their size, at every
 * alignment.
 */
#include "catch_assert.h"

#include <abi/layout.h>
#include <lib/elf.h>
#include <string.h>

#define HEADER_BYTES ((size_t)64)
#define PH_BYTES     ((size_t)56)
#define PH_MAX       80u

/* Offsets in the ELF header. */
#define EH_TYPE      16u
#define EH_MACHINE   18u
#define EH_VERSION   20u
#define EH_ENTRY     24u
#define EH_PHOFF     32u
#define EH_EHSIZE    52u
#define EH_PHENTSIZE 54u
#define EH_PHNUM     56u

#define LOAD         1u
#define TLS          7u
#define X            1u
#define W            2u
#define R            4u
#define BODY         8192u
#define BASE         USER_IMAGE_BASE
#define ALIGN        4096u

struct ph {
    uint32_t type;
    uint32_t flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct file {
    uint8_t bytes[HEADER_BYTES + PH_MAX * PH_BYTES + BODY];
    size_t size;
    unsigned phnum;
};

static void put(struct file *f, size_t at, uint64_t value, size_t bytes)
{
    assert_true(at + bytes <= sizeof(f->bytes));
    memcpy(&f->bytes[at], &value, bytes);
}

static size_t ph_at(unsigned i)
{
    return HEADER_BYTES + i * PH_BYTES;
}

static void put_ph(struct file *f, unsigned i, struct ph ph)
{
    _Static_assert(sizeof(ph) == PH_BYTES, "as in the file");
    memcpy(&f->bytes[ph_at(i)], &ph, sizeof(ph));
}

static void add_ph(struct file *f, struct ph ph)
{
    put_ph(f, f->phnum, ph);
    f->phnum++;
    put(f, EH_PHNUM, f->phnum, 2);
}

static const struct ph text = {LOAD, R | X, 4608, BASE + 0x1200, 0, 300, 300, ALIGN};
static const struct ph data = {LOAD, R | W, 5000, BASE + 0x3388, 0, 100, 9000, ALIGN};
static const struct ph tls = {TLS, R, 5000, BASE + 0x3390, 0, 20, 50, 16};

static struct file empty_file(void)
{
    struct file f = {.size = HEADER_BYTES + PH_MAX * PH_BYTES + BODY};

    memcpy(f.bytes, "\177ELF\2\1\1", 7);
    put(&f, EH_TYPE, 2, 2);
    put(&f, EH_MACHINE, 62, 2);
    put(&f, EH_VERSION, 1, 4);
    put(&f, EH_ENTRY, BASE + 0x1200, 8);
    put(&f, EH_PHOFF, HEADER_BYTES, 8);
    put(&f, EH_EHSIZE, HEADER_BYTES, 2);
    put(&f, EH_PHENTSIZE, PH_BYTES, 2);
    return f;
}

static struct file good_file(void)
{
    struct file f = empty_file();

    add_ph(&f, text);
    add_ph(&f, data);
    return f;
}

/* Parses a copy that has nothing in front or behind; *out is as before unless ELF_OK. */
static enum elf_error parse_at(const struct file *f, size_t size, size_t offset,
                               struct elf_image *out)
{
    uint8_t *block = malloc(size + offset == 0 ? 1 : size + offset);
    struct elf_image untouched;
    enum elf_error error;

    assert_non_null(block);
    memset(out, 0x5a, sizeof(*out));
    untouched = *out;
    memcpy(block + offset, f->bytes, size);
    error = elf_parse(block + offset, size, out);
    if (error == ELF_OK) {
        assert_true(elf_image_check(out, size));
    } else {
        assert_memory_equal(out, &untouched, sizeof(*out));
    }
    free(block);
    return error;
}

static enum elf_error parse(const struct file *f)
{
    struct elf_image image;

    return parse_at(f, f->size, 0, &image);
}

static void expect(enum elf_error expected, const struct file *f)
{
    enum elf_error error = parse(f);

    if (error != expected) {
        fail_msg("wanted %s, not %s", elf_error_text(expected), elf_error_text(error));
    }
}

static void test_good_file(void **state)
{
    struct file f = good_file();

    (void)state;
    add_ph(&f, tls);
    for (size_t offset = 0; offset < 8; offset++) {
        struct elf_image image;
        const struct elf_segment *s = image.segments;

        assert_int_equal(parse_at(&f, f.size, offset, &image), ELF_OK);
        assert_int_equal(image.entry, BASE + 0x1200);
        assert_int_equal(image.segment_count, 2);
        assert_int_equal(image.pages, 1 + 3);
        assert_int_equal(s[0].vaddr, text.vaddr);
        assert_int_equal(s[0].file_offset, text.offset);
        assert_int_equal(s[0].file_bytes, text.filesz);
        assert_int_equal(s[0].mem_bytes, text.memsz);
        assert_true(s[0].executable && !s[0].writable);
        assert_true(!s[1].executable && s[1].writable);
        assert_int_equal(elf_segment_page_first(&s[1]), BASE + 0x3000);
        assert_int_equal(elf_segment_page_end(&s[1]), BASE + 0x6000);
        assert_true(image.has_tls);
        assert_int_equal(image.tls_file_offset, tls.offset);
        assert_int_equal(image.tls_file_bytes, tls.filesz);
        assert_int_equal(image.tls_mem_bytes, tls.memsz);
        assert_int_equal(image.tls_align, tls.align);
    }
}

static void test_header_fields(void **state)
{
    static const struct {
        size_t at;
        uint64_t value;
        size_t bytes;
        enum elf_error expected;
    } cases[] = {
        {0, 0x7e, 1, ELF_MAGIC},
        {3, 'f', 1, ELF_MAGIC},
        {4, 1, 1, ELF_CLASS},
        {5, 2, 1, ELF_ENDIAN},
        {6, 0, 1, ELF_VERSION},
        {7, 3, 1, ELF_OK},
        {7, 9, 1, ELF_OSABI},
        {EH_TYPE, 3, 2, ELF_RELOCATABLE},
        {EH_TYPE, 1, 2, ELF_TYPE},
        {EH_TYPE, 4, 2, ELF_TYPE},
        {EH_MACHINE, 3, 2, ELF_MACHINE},
        {EH_VERSION, 2, 4, ELF_VERSION},
        {EH_EHSIZE, 63, 2, ELF_HEADER_SIZE},
        {EH_PHENTSIZE, 55, 2, ELF_HEADER_SIZE},
        {EH_PHENTSIZE, 0, 2, ELF_HEADER_SIZE},
        {EH_PHNUM, 0, 2, ELF_HEADER_COUNT},
        {EH_PHNUM, ELF_PROGRAM_HEADERS_MAX + 1, 2, ELF_HEADER_COUNT},
        {EH_PHNUM, 0xffff, 2, ELF_HEADER_COUNT},
        {EH_PHOFF, UINT64_MAX, 8, ELF_HEADER_RANGE},
        {EH_PHOFF, UINT64_MAX - 2 * PH_BYTES + 1, 8, ELF_HEADER_RANGE},
        {EH_PHOFF, sizeof(((struct file *)0)->bytes) - 2 * PH_BYTES + 1, 8, ELF_HEADER_RANGE},
        {EH_ENTRY, 0, 8, ELF_ENTRY},
        {EH_ENTRY, BASE + 0x11ff, 8, ELF_ENTRY},
        {EH_ENTRY, BASE + 0x1200 + 299, 8, ELF_OK},
        {EH_ENTRY, BASE + 0x1200 + 300, 8, ELF_ENTRY},
        {EH_ENTRY, BASE + 0x3388, 8, ELF_ENTRY},
        {EH_ENTRY, UINT64_MAX, 8, ELF_ENTRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file f = good_file();

        put(&f, cases[i].at, cases[i].value, cases[i].bytes);
        expect(cases[i].expected, &f);
    }
}

/* Every length of file: short ones are refused, none is read beyond its end. */
static void test_every_truncation(void **state)
{
    struct file f = good_file();

    (void)state;
    for (size_t size = 0; size < f.size; size++) {
        struct elf_image image;
        enum elf_error expected = size < HEADER_BYTES   ? ELF_TRUNCATED
                                  : size < ph_at(2)     ? ELF_HEADER_RANGE
                                  : size < 4608u + 300u ? ELF_SEGMENT_FILE
                                  : size < 5000u + 100u ? ELF_SEGMENT_FILE
                                                        : ELF_OK;

        assert_int_equal(parse_at(&f, size, 0, &image), expected);
    }
}

static void test_segments(void **state)
{
    const uint64_t size = sizeof(((struct file *)0)->bytes);
    const uint64_t end = USER_IMAGE_END;
    const struct {
        struct ph ph;
        enum elf_error expected;
    } cases[] = {
        /* File range: to the last byte, one beyond, empty at the end, overflowing. */
        {{LOAD, R, size - 10, BASE + 0x8000, 0, 10, 10, 0}, ELF_OK},
        {{LOAD, R, size - 10, BASE + 0x8000, 0, 11, 11, 0}, ELF_SEGMENT_FILE},
        {{LOAD, R, size, BASE + 0x8000, 0, 0, 10, 0}, ELF_OK},
        {{LOAD, R, size + 1, BASE + 0x8000, 0, 0, 10, 0}, ELF_SEGMENT_FILE},
        {{LOAD, R, UINT64_MAX, BASE + 0x8000, 0, 2, 2, 0}, ELF_SEGMENT_FILE},
        {{LOAD, R, 2, BASE + 0x8000, 0, UINT64_MAX, UINT64_MAX, 0}, ELF_SEGMENT_FILE},
        {{LOAD, R, 0, BASE + 0x8000, 0, 11, 10, 0}, ELF_SEGMENT_SIZE},
        {{LOAD, R, 0, BASE + 0x8000, 0, 1, 0, 0}, ELF_SEGMENT_SIZE},
        /* Address range. */
        {{LOAD, R, 0, BASE, 0, 0, 1, 0}, ELF_OK},
        {{LOAD, R, 0, BASE - 1, 0, 0, 1, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, 0, 0, 0, 1, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, end - 1, 0, 0, 1, 0}, ELF_OK},
        {{LOAD, R, 0, end - 1, 0, 0, 2, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, end, 0, 0, 1, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, BASE + 0x8000, 0, 0, end - BASE - 0x8000, 0}, ELF_OK},
        {{LOAD, R, 0, BASE + 0x8000, 0, 0, UINT64_MAX, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, UINT64_MAX, 0, 0, 2, 0}, ELF_SEGMENT_RANGE},
        {{LOAD, R, 0, 0xffff800000000000, 0, 0, 1, 0}, ELF_SEGMENT_RANGE},
        /* Flags. */
        {{LOAD, R | W | X, 0, BASE + 0x8000, 0, 0, 1, 0}, ELF_SEGMENT_WX},
        {{LOAD, W, 0, BASE + 0x8000, 0, 0, 1, 0}, ELF_SEGMENT_FLAGS},
        {{LOAD, X, 0, BASE + 0x8000, 0, 0, 1, 0}, ELF_SEGMENT_FLAGS},
        {{LOAD, 0, 0, BASE + 0x8000, 0, 0, 1, 0}, ELF_SEGMENT_FLAGS},
        {{LOAD, R | 8, 0, BASE + 0x8000, 0, 0, 1, 0}, ELF_SEGMENT_FLAGS},
        /* Sharing a page with text (page 1) or data (pages 3 to 5), from either side. */
        {{LOAD, R, 0, BASE, 0, 0, 0x1000, 0}, ELF_OK},
        {{LOAD, R, 0, BASE, 0, 0, 0x1001, 0}, ELF_SEGMENT_OVERLAP},
        {{LOAD, R, 0, BASE + 0x1fff, 0, 0, 1, 0}, ELF_SEGMENT_OVERLAP},
        {{LOAD, R, 0, BASE + 0x2000, 0, 0, 0x1000, 0}, ELF_OK},
        {{LOAD, R, 0, BASE + 0x2000, 0, 0, 0x1001, 0}, ELF_SEGMENT_OVERLAP},
        {{LOAD, R, 0, BASE + 0x4000, 0, 0, 1, 0}, ELF_SEGMENT_OVERLAP},
        {{LOAD, R, 0, BASE, 0, 0, 0x100000, 0}, ELF_SEGMENT_OVERLAP},
        {{LOAD, R, 0, BASE + 0x6000, 0, 0, 1, 0}, ELF_OK},
        /* Nothing in memory: checked, and then without effect. */
        {{LOAD, R, 0, BASE + 0x3000, 0, 0, 0, 0}, ELF_OK},
        /* Other types. */
        {{2, R, 0, BASE, 0, 0, 0, 0}, ELF_DYNAMIC},
        {{3, R, 0, BASE, 0, 0, 0, 0}, ELF_INTERPRETER},
        {{4, 99, UINT64_MAX, UINT64_MAX, 0, UINT64_MAX, 0, 3}, ELF_OK},
        {{0x6474e551, R | W | X, 0, 0, 0, 0, 0, 16}, ELF_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file last = good_file();
        struct file first = empty_file();

        add_ph(&last, cases[i].ph);
        expect(cases[i].expected, &last);
        add_ph(&first, cases[i].ph);
        add_ph(&first, data);
        add_ph(&first, text);
        expect(cases[i].expected, &first);
    }
}

static void test_nothing_to_load(void **state)
{
    struct file f = empty_file();

    (void)state;
    add_ph(&f, tls);
    expect(ELF_NO_SEGMENTS, &f);
}

/* Any order in the file gives ascending order in the image, up to the limit. */
static void test_segment_count_and_order(void **state)
{
    struct file f = empty_file();
    struct elf_image image;

    (void)state;
    add_ph(&f, text);
    for (uint64_t i = 1; i < ELF_SEGMENTS_MAX; i++) {
        struct ph ph = {LOAD, R, 0, BASE + 0x10000 + i * 7 % 16 * 0x2000, 0, 1, 0x2000, 0};

        add_ph(&f, ph);
    }
    assert_int_equal(parse_at(&f, f.size, 0, &image), ELF_OK);
    assert_int_equal(image.segment_count, ELF_SEGMENTS_MAX);
    assert_int_equal(image.pages, 1 + 2 * (ELF_SEGMENTS_MAX - 1));
    add_ph(&f, (struct ph){LOAD, R, 0, BASE + 0x100000, 0, 0, 0, 0});
    expect(ELF_OK, &f);
    add_ph(&f, (struct ph){LOAD, R, 0, BASE + 0x100000, 0, 0, 1, 0});
    expect(ELF_SEGMENT_COUNT, &f);
}

static void test_most_program_headers(void **state)
{
    struct file f = good_file();

    (void)state;
    while (f.phnum < ELF_PROGRAM_HEADERS_MAX) {
        add_ph(&f, (struct ph){.type = 4});
    }
    expect(ELF_OK, &f);
    add_ph(&f, (struct ph){.type = 4});
    expect(ELF_HEADER_COUNT, &f);
}

static void test_tls(void **state)
{
    const uint64_t size = sizeof(((struct file *)0)->bytes);
    const uint64_t most = PROC_TLS_MAX - ELF_TLS_CONTROL_BYTES;
    const struct {
        struct ph ph;
        enum elf_error expected;
    } cases[] = {
        {{TLS, R, size - 8, BASE, 0, 8, 8, 8}, ELF_OK},
        {{TLS, R, size - 8, BASE, 0, 9, 9, 8}, ELF_TLS_FILE},
        {{TLS, R, UINT64_MAX, BASE, 0, 2, 2, 8}, ELF_TLS_FILE},
        {{TLS, R, 0, BASE, 0, 9, 8, 8}, ELF_TLS_SIZE},
        {{TLS, R, 0, BASE, 0, 0, most, 1}, ELF_OK},
        {{TLS, R, 0, BASE, 0, 0, most + 1, 1}, ELF_TLS_SIZE},
        {{TLS, R, 0, BASE, 0, 0, PROC_TLS_MAX - 4096, 4096}, ELF_OK},
        {{TLS, R, 0, BASE, 0, 0, PROC_TLS_MAX - 4095, 4096}, ELF_TLS_SIZE},
        {{TLS, R, 0, BASE, 0, 0, UINT64_MAX, 4096}, ELF_TLS_SIZE},
        {{TLS, R, 0, BASE, 0, 0, 0, 0}, ELF_OK},
        {{TLS, R, 0, BASE, 0, 0, 8, 3}, ELF_TLS_ALIGN},
        {{TLS, R, 0, BASE, 0, 0, 8, 8192}, ELF_TLS_ALIGN},
        {{TLS, R, 0, BASE, 0, 0, 8, UINT64_MAX}, ELF_TLS_ALIGN},
        {{TLS, R, 0, BASE + 8, 0, 0, 8, 16}, ELF_TLS_ALIGN},
    };
    struct file two = good_file();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file f = good_file();

        add_ph(&f, cases[i].ph);
        expect(cases[i].expected, &f);
    }
    add_ph(&two, tls);
    add_ph(&two, tls);
    expect(ELF_TLS_COUNT, &two);
}

/* Where a thread's TLS lies, at every alignment, from the smallest to the largest. */
static void test_tls_place(void **state)
{
    (void)state;
    for (uint64_t align = 1; align <= ELF_TLS_ALIGN_MAX; align *= 2) {
        uint64_t control_span = align < ELF_TLS_CONTROL_BYTES ? ELF_TLS_CONTROL_BYTES : align;
        const uint64_t sizes[] = {0, 1, 50, 4096, PROC_TLS_MAX - control_span};

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct file f = good_file();
            struct elf_image image;

            add_ph(&f, (struct ph){TLS, R, 0, BASE, 0, 0, sizes[i], align});
            assert_int_equal(elf_parse(f.bytes, f.size, &image), ELF_OK);
            uint64_t start = elf_tls_start(&image);
            uint64_t control = elf_tls_control(&image);
            assert_int_equal(control, USER_TLS_TOP - control_span);
            assert_int_equal(control - start, (sizes[i] + align - 1) / align * align);
            assert_true(start >= USER_TLS_TOP - PROC_TLS_MAX);
        }
    }
}

/* By its definition, byte by byte: read-only, all of it in the file, aligned there. */
static bool page_is_shared(const struct elf_segment *s, uint64_t va, uint64_t file_at)
{
    uint64_t in_file = file_at + s->file_offset + (va - s->vaddr);

    return !s->writable && va >= s->vaddr && va + ALIGN <= s->vaddr + s->file_bytes &&
           in_file % ALIGN == 0;
}

static void test_pages_that_need_no_copy(void **state)
{
    static const uint64_t starts[] = {0, 8, 0x800, 0xff8};
    static const uint64_t lengths[] = {1, 0x800, 0xfff, 0x1000, 0x1001, 0x1800, 0x2000, 0x3008};

    (void)state;
    for (unsigned i = 0; i < 4u * 8u * 4u * 4u * 2u; i++) {
        struct elf_image image = {.segment_count = 1};
        struct elf_segment *s = &image.segments[0];
        uint64_t file_at = starts[i / 128 % 4];
        uint64_t end;

        s->vaddr = BASE + starts[i % 4];
        s->file_bytes = lengths[i / 4 % 8];
        s->mem_bytes = s->file_bytes + (i % 3 == 0 ? 0x1800 : 0);
        s->file_offset = 0x1000 + starts[i / 32 % 4];
        s->writable = i / 512 != 0;
        uint64_t shared = 0;
        for (uint64_t va = elf_segment_page_first(s); va < elf_segment_page_end(s); va += ALIGN) {
            bool expected = page_is_shared(s, va, file_at);
            assert_int_equal(elf_segment_shares(s, va, file_at, &end), expected);
            assert_true(end > va && end <= elf_segment_page_end(s) && end % ALIGN == 0);
            for (uint64_t of = va; of < end; of += ALIGN) {
                assert_int_equal(page_is_shared(s, of, file_at), expected);
            }
            shared += expected ? 1 : 0;
        }
        assert_int_equal(elf_shared_pages(&image, file_at), shared);
    }
}

/* Any bytes anywhere; what is accepted must stand the check. */
static void test_random_damage(void **state)
{
    uint64_t seed = 17;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct file f = good_file();

        add_ph(&f, tls);
        for (unsigned i = 0; i < 1 + round % 4; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            f.bytes[(seed >> 33) % ph_at(3)] = (uint8_t)(seed >> 24);
        }
        (void)parse(&f);
    }
}

static void test_check_sees_damage(void **state)
{
    struct file f = good_file();
    struct elf_image image;

    (void)state;
    add_ph(&f, tls);
    assert_int_equal(parse_at(&f, f.size, 0, &image), ELF_OK);
#define SEES(member, value)                                                                        \
    do {                                                                                           \
        __typeof__(image.member) was = image.member;                                               \
        image.member = (value);                                                                    \
        assert_false(elf_image_check(&image, f.size));                                             \
        image.member = was;                                                                        \
        assert_true(elf_image_check(&image, f.size));                                              \
    } while (0)
    SEES(segment_count, 0);
    SEES(segment_count, ELF_SEGMENTS_MAX + 1);
    SEES(pages, 3);
    SEES(entry, BASE);
    SEES(segments[0].mem_bytes, 0);
    SEES(segments[0].file_bytes, 301);
    SEES(segments[0].file_offset, f.size);
    SEES(segments[0].vaddr, BASE - 1);
    SEES(segments[0].writable, true);
    SEES(segments[0].mem_bytes, 0x2000);
    SEES(segments[1].mem_bytes, USER_IMAGE_END);
    SEES(segments[1].vaddr, BASE);
    SEES(has_tls, false);
    SEES(tls_file_offset, f.size);
    SEES(tls_file_bytes, 51);
    SEES(tls_mem_bytes, PROC_TLS_MAX);
    SEES(tls_align, 3);
    SEES(tls_align, 8192);
#undef SEES
}

static void test_each_error_has_a_sentence(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= ELF_ERROR_COUNT; i++) {
        const char *sentence = elf_error_text((enum elf_error)i);

        assert_true(sentence != NULL && strlen(sentence) > 0);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(sentence, elf_error_text((enum elf_error)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_file),
        cmocka_unit_test(test_header_fields),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_nothing_to_load),
        cmocka_unit_test(test_segment_count_and_order),
        cmocka_unit_test(test_most_program_headers),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_place),
        cmocka_unit_test(test_pages_that_need_no_copy),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_check_sees_damage),
        cmocka_unit_test(test_each_error_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
