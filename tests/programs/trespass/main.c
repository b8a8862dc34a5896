// SPDX-License-Identifier: MIT
/*
 * Does one forbidden thing, the one that the name of its first capability says.
 * Each must end this process by a processor exception and nothing else; an exit
 * code says that it was allowed.
 */
#include <abi/layout.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <rt/syscall.h>
#include <stddef.h>
#include <stdint.h>

static const char constant[] = "read-only";
static uint8_t code_in_data[] = {0xc3}; /* ret */

/* An address that the compiler knows nothing about. */
static volatile uint8_t *at(uint64_t address)
{
    volatile uint8_t *p;

    __asm__("" : "=r"(p) : "0"(address));
    return p;
}

static void call(uint64_t address)
{
    __asm__ volatile("call *%0" : : "r"(address) : "memory");
}

static void read_null(void)
{
    (void)*at(0);
}

static void read_kernel(void)
{
    (void)*at(0xffffffff80200000ull);
}

static void read_direct_map(void)
{
    (void)*at(0xffff800000100000ull);
}

static void read_non_canonical(void)
{
    (void)*at(0x0000800000000000ull);
}

static void read_below_stack(void)
{
    (void)*at(USER_STACK_TOP - USER_STACK_BYTES - 1);
}

static void write_capset(void)
{
    *at(USER_CAPSET_VADDR) = 0;
}

static void write_text(void)
{
    *at((uint64_t)(uintptr_t)call) = 0;
}

static void write_constant(void)
{
    *at((uint64_t)(uintptr_t)constant) = 0;
}

static void write_kernel(void)
{
    *at(0xffffffff80200000ull) = 0;
}

static void execute_data(void)
{
    call((uint64_t)(uintptr_t)code_in_data);
}

static void execute_stack(void)
{
    volatile uint8_t code[] = {0xc3};

    call((uint64_t)(uintptr_t)code);
}

static void execute_ring(void)
{
    call(USER_RING_VADDR);
}

static void execute_kernel(void)
{
    call(0xffffffff80200000ull);
}

static void jump_non_canonical(void)
{
    call(0x0000800000000000ull);
}

static void push_non_canonical(void)
{
    __asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"(0x0000800000000010ull) : "memory");
}

#define INSTRUCTION(name, text)                                                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        __asm__ volatile(text : : : "rax", "rcx", "rdx", "memory", "cc");                          \
    }

INSTRUCTION(divide_by_zero, "xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tdiv %%ecx")
INSTRUCTION(undefined, "ud2")
INSTRUCTION(breakpoint, "int3")
INSTRUCTION(forge_timer, "int $0x20")
INSTRUCTION(forge_page_fault, "int $14")
INSTRUCTION(old_system_call, "int $0x80")
INSTRUCTION(fast_system_call, "sysenter")
INSTRUCTION(halt, "hlt")
INSTRUCTION(disable_interrupts, "cli")
INSTRUCTION(enable_interrupts, "sti")
INSTRUCTION(port_in, "in $0x60, %%al")
INSTRUCTION(port_out, "mov $0x10, %%al\n\tout %%al, $0xf4")
INSTRUCTION(read_cr0, "mov %%cr0, %%rax")
INSTRUCTION(write_cr3, "xor %%eax, %%eax\n\tmov %%rax, %%cr3")
INSTRUCTION(write_dr7, "xor %%eax, %%eax\n\tmov %%rax, %%dr7")
INSTRUCTION(read_msr, "mov $0xc0000080, %%ecx\n\trdmsr")
INSTRUCTION(write_msr, "mov $0xc0000082, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\twrmsr")
INSTRUCTION(read_gdt, "sub $16, %%rsp\n\tsgdt (%%rsp)\n\tadd $16, %%rsp")
INSTRUCTION(load_gdt, "sub $16, %%rsp\n\tlgdt (%%rsp)\n\tadd $16, %%rsp")
INSTRUCTION(load_kernel_segment, "mov $0x10, %%eax\n\tmov %%eax, %%ss")
INSTRUCTION(swap_gs, "swapgs")
INSTRUCTION(write_fs_base, "xor %%eax, %%eax\n\twrfsbase %%rax")
INSTRUCTION(avx, "vzeroall")
INSTRUCTION(single_step, "pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop")
INSTRUCTION(invalidate, "invlpg (%%rsp)")
INSTRUCTION(return_from_system_call, "sysretq")

/* Unmasks the x87 division by zero, and divides. */
static void x87_error(void)
{
    uint16_t control = 0x037b;

    __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
}

/* Calls itself without end, in assembler, since the compiler will have none of it. */
INSTRUCTION(overflow_stack, "1:\n\tcall 1b")

/* A debug exception held back by MOV SS until the kernel has been entered. */
static void step_into_kernel(void)
{
    __asm__ volatile("mov %%ss, %%ecx\n\t"
                     "pushfq\n\torl $0x100, (%%rsp)\n\t"
                     "xor %%eax, %%eax\n\txor %%edi, %%edi\n\txor %%esi, %%esi\n\t"
                     "popfq\n\t"
                     "mov %%ecx, %%ss\n\tsyscall\n\tnop"
                     :
                     :
                     : "rax", "rdi", "rsi", "rdx", RT_SYSCALL_CLOBBERS);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"read-null", read_null},
    {"read-kernel", read_kernel},
    {"read-direct-map", read_direct_map},
    {"read-non-canonical", read_non_canonical},
    {"read-below-stack", read_below_stack},
    {"write-capset", write_capset},
    {"write-text", write_text},
    {"write-constant", write_constant},
    {"write-kernel", write_kernel},
    {"execute-data", execute_data},
    {"execute-stack", execute_stack},
    {"execute-ring", execute_ring},
    {"execute-kernel", execute_kernel},
    {"jump-non-canonical", jump_non_canonical},
    {"push-non-canonical", push_non_canonical},
    {"overflow-stack", overflow_stack},
    {"divide-by-zero", divide_by_zero},
    {"undefined", undefined},
    {"breakpoint", breakpoint},
    {"forge-timer", forge_timer},
    {"forge-page-fault", forge_page_fault},
    {"old-system-call", old_system_call},
    {"fast-system-call", fast_system_call},
    {"halt", halt},
    {"disable-interrupts", disable_interrupts},
    {"enable-interrupts", enable_interrupts},
    {"port-in", port_in},
    {"port-out", port_out},
    {"read-cr0", read_cr0},
    {"write-cr3", write_cr3},
    {"write-dr7", write_dr7},
    {"read-msr", read_msr},
    {"write-msr", write_msr},
    {"read-gdt", read_gdt},
    {"load-gdt", load_gdt},
    {"load-kernel-segment", load_kernel_segment},
    {"swap-gs", swap_gs},
    {"write-fs-base", write_fs_base},
    {"avx", avx},
    {"single-step", single_step},
    {"invalidate", invalidate},
    {"return-from-system-call", return_from_system_call},
    {"x87-error", x87_error},
    {"step-into-kernel", step_into_kernel},
};

int main(void)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (rt_capset_has(rt_capset(), acts[i].name)) {
            acts[i].act();
            return 1; /* it was allowed */
        }
    }
    return 2; /* no such act */
}
