// SPDX-License-Identifier: MIT
#include "arch/x86_64/gdt.h"

#include <stddef.h>

#include "link.h"
#include "mem/paging.h"
#include "panic.h"

/* Pages of each interrupt stack: room for a panic. */
#define IST_STACK_PAGES 2u

#define IST_COUNT       7u

/* The task-state segment. Its fields are not aligned, the hardware's doing. */
struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[IST_COUNT]; /* IST n is ist[n - 1] */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map; /* behind the limit: no port is open to ring 3 */
};

_Static_assert(sizeof(struct tss) == 104, "the hardware's layout");

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

static struct tss tss;

/* Base and limit are ignored in 64-bit mode but for the TSS, which gdt_init fills in. */
static uint64_t gdt[] = {
    [GDT_KERNEL_CODE / 8] = 0x00af9a000000ffff, /* present, ring 0, execute and read, 64-bit */
    [GDT_KERNEL_DATA / 8] = 0x00cf92000000ffff, /* present, ring 0, read and write */
    [GDT_USER_DATA / 8] = 0x00cff2000000ffff,   /* the same for ring 3 */
    [GDT_USER_CODE / 8] = 0x00affa000000ffff,   [GDT_TSS / 8] = 0, [GDT_TSS / 8 + 1] = 0,
};

/* All interrupt stacks, until memory can be mapped. Whoever uses one then panics. */
static _Alignas(16) uint8_t early_stack[FRAME_BYTES];

static void set_tss_descriptor(void)
{
    uint64_t base = (uint64_t)&tss;
    uint64_t limit = sizeof(tss) - 1;

    gdt[GDT_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[GDT_TSS / 8 + 1] = base >> 32;
}

static void load(void)
{
    struct table_pointer pointer = {.limit = sizeof(gdt) - 1, .base = (uint64_t)gdt};

    __asm__ volatile("lgdt %0" : : "m"(pointer));
    __asm__ volatile("pushq %[code]\n"
                     "leaq 1f(%%rip), %%rax\n"
                     "pushq %%rax\n"
                     "lretq\n"
                     "1:\n"
                     "movl %[data], %%eax\n"
                     "movl %%eax, %%ss\n"
                     "xorl %%eax, %%eax\n"
                     "movl %%eax, %%ds\n"
                     "movl %%eax, %%es\n"
                     "movl %%eax, %%fs\n"
                     "movl %%eax, %%gs\n"
                     :
                     : [code] "i"(GDT_KERNEL_CODE), [data] "i"(GDT_KERNEL_DATA)
                     : "rax", "memory");
    __asm__ volatile("ltr %w0" : : "r"(GDT_TSS));
}

void gdt_init(void)
{
    for (size_t i = 0; i < IST_COUNT; i++) {
        tss.ist[i] = (uint64_t)(early_stack + sizeof(early_stack));
    }
    tss.rsp[0] = gdt_boot_stack_top();
    tss.io_map = sizeof(tss);
    set_tss_descriptor();
    load();
}

void gdt_guard_stacks(void)
{
    static const unsigned used[] = {IST_DOUBLE_FAULT, IST_NMI, IST_DEBUG, IST_MACHINE_CHECK};

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        uint64_t top;
        ASSERT(kstack_alloc(IST_STACK_PAGES, &top) == ST_OK, "no memory for interrupt stack %u",
               used[i]);
        tss.ist[used[i] - 1] = top;
    }
}

uint64_t gdt_boot_stack_top(void)
{
    return (uint64_t)boot_stack_top;
}
