// SPDX-License-Identifier: MIT
/*
 * The instructions that may fault are written here and nowhere else. Each has an
 * entry in the fix-up table, whose addresses link.ld collects: where it is, and
 * where to go on if it faults. After a faulting string instruction the count
 * register says how much was left, so going on behind it is enough.
 */
#include "mem/validate.h"

#include <abi/layout.h>

#include "arch/x86_64/smap.h"
#include "panic.h"
#include "sanitize.h"

struct fixup {
    uint64_t instruction;
    uint64_t resume;
};

extern const struct fixup fixup_start[];
extern const struct fixup fixup_end[];

#define FIXUP(instruction, resume)                                                                 \
    ".pushsection .fixup, \"a\"\n"                                                                 \
    ".quad " #instruction ", " #resume "\n"                                                        \
    ".popsection\n"

bool user_range_ok(struct uaddr start, size_t n)
{
    return start.v >= USER_BASE && start.v <= USER_END && n <= USER_END - start.v;
}

/* Copies until done or faulted; true if done. One of the sides is user memory. */
static bool copy(void *dst, const void *src, size_t n)
{
    size_t words = n / 8;
    size_t rest = n % 8;

    user_access_begin();
    __asm__ volatile("1: rep movsq\n"
                     "2:\n" FIXUP(1b, 2b)
                     : "+D"(dst), "+S"(src), "+c"(words)
                     :
                     : "memory");
    if (words == 0 && rest != 0) {
        __asm__ volatile("1: rep movsb\n"
                         "2:\n" FIXUP(1b, 2b)
                         : "+D"(dst), "+S"(src), "+c"(rest)
                         :
                         : "memory");
    }
    user_access_end();
    return words == 0 && (n % 8 == 0 || rest == 0);
}

enum status user_copy_in(const struct aspace *as, void *dst, struct uaddr src, size_t n)
{
    ASSERT(aspace_is_active(as), "user copy in an address space that is not active");

    if (!user_range_ok(src, n)) {
        return ST_FAULT;
    }
    sanitize_check((uint64_t)dst, n);
    /* The one place where a user address becomes a pointer; so too below. */
    return copy(dst, (const void *)src.v, n) ? ST_OK : ST_FAULT;
}

enum status user_copy_out(const struct aspace *as, struct uaddr dst, const void *src, size_t n)
{
    ASSERT(aspace_is_active(as), "user copy in an address space that is not active");

    if (!user_range_ok(dst, n)) {
        return ST_FAULT;
    }
    sanitize_check((uint64_t)src, n);
    return copy((void *)dst.v, src, n) ? ST_OK : ST_FAULT;
}

bool kernel_read_word(uint64_t addr, uint64_t *out)
{
    uint64_t value = 0;
    uint64_t failed = 1;

    if (addr < DIRECT_MAP_BASE) {
        return false;
    }
    __asm__ volatile("1: movq (%[addr]), %[value]\n"
                     "   xorl %k[failed], %k[failed]\n"
                     "2:\n" FIXUP(1b, 2b)
                     : [value] "=&r"(value), [failed] "+r"(failed)
                     : [addr] "r"(addr)
                     : "memory", "cc");
    *out = value;
    return failed == 0;
}

uint64_t fixup_find(uint64_t rip)
{
    for (const struct fixup *f = fixup_start; f < fixup_end; f++) {
        if (f->instruction == rip) {
            return f->resume;
        }
    }
    return 0;
}
