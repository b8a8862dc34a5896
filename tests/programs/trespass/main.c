// SPDX-License-Identifier: MIT
/*
 * Does one forbidden thing, the one that the name of its first capability says.
 * Each must end this process by a processor exception and nothing else; an exit
 * code says that it was allowed.
 */
#include <abi/layout.h>
#include <capos.client.h>
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
INSTRUCTION(read_cr2, "mov %%cr2, %%rax")
INSTRUCTION(read_cr3, "mov %%cr3, %%rax")
INSTRUCTION(write_cr4, "xor %%eax, %%eax\n\tmov %%rax, %%cr4")
INSTRUCTION(write_cr8, "xor %%eax, %%eax\n\tmov %%rax, %%cr8")
INSTRUCTION(read_dr0, "mov %%dr0, %%rax")
INSTRUCTION(clear_task_switched, "clts")
INSTRUCTION(load_machine_status, "xor %%eax, %%eax\n\tlmsw %%ax")
INSTRUCTION(store_machine_status, "smsw %%eax")
INSTRUCTION(read_idt, "sub $16, %%rsp\n\tsidt (%%rsp)\n\tadd $16, %%rsp")
INSTRUCTION(load_idt, "sub $16, %%rsp\n\tlidt (%%rsp)\n\tadd $16, %%rsp")
INSTRUCTION(read_ldt, "sldt %%eax")
INSTRUCTION(load_ldt, "xor %%eax, %%eax\n\tlldt %%ax")
INSTRUCTION(read_task, "str %%eax")
INSTRUCTION(load_task, "mov $0x30, %%eax\n\tltr %%ax")
INSTRUCTION(read_counter, "xor %%ecx, %%ecx\n\trdpmc")
INSTRUCTION(write_caches, "wbinvd")
INSTRUCTION(drop_caches, "invd")
INSTRUCTION(set_extended_state,
            "xor %%ecx, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\txsetbv")
INSTRUCTION(open_user_memory, "stac")
INSTRUCTION(close_user_memory, "clac")
INSTRUCTION(read_protection_keys, "xor %%ecx, %%ecx\n\trdpkru")
INSTRUCTION(run_guest, "xor %%eax, %%eax\n\tvmrun")
INSTRUCTION(port_in_string, "mov $0x60, %%edx\n\tmov %%rsp, %%rdi\n\tsub $8, %%rdi\n\tinsb")
INSTRUCTION(port_out_string, "mov $0xf4, %%edx\n\tmov %%rsp, %%rsi\n\toutsb")
INSTRUCTION(read_syscall_entry, "mov $0xc0000082, %%ecx\n\trdmsr")
INSTRUCTION(write_gs_base,
            "mov $0xc0000101, %%ecx\n\txor %%eax, %%eax\n\txor %%edx, %%edx\n\twrmsr")

/* Every gate is closed to programs, those of interrupts and of vectors nobody uses too. */
INSTRUCTION(forge_divide_error, "int $0")
INSTRUCTION(forge_debug, "int $1")
INSTRUCTION(forge_nmi, "int $2")
INSTRUCTION(forge_overflow, "int $4")
INSTRUCTION(forge_double_fault, "int $8")
INSTRUCTION(forge_machine_check, "int $18")
INSTRUCTION(forge_keyboard, "int $0x21")
INSTRUCTION(forge_unused, "int $0xff")

/* POPF at ring 3 leaves the flag for interrupts and the port privilege as they are. */
static void raise_port_privilege(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq\n\torq $0x3000, (%%rsp)\n\tandq $~0x200, (%%rsp)\n\tpopfq\n\t"
                     "pushfq\n\tpopq %0"
                     : "=r"(flags)
                     :
                     : "cc");
    if ((flags & 0x3200u) == 0x200u) {
        __asm__ volatile("in $0x60, %%al" : : : "rax");
    }
}

/* Returns from an interrupt that never was, to the kernel's code segment. */
INSTRUCTION(return_to_ring_0, "mov %%rsp, %%rax\n\tpush $0x10\n\tpush %%rax\n\tpush $0x202\n\t"
                              "push $8\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tiretq\n1:")
INSTRUCTION(far_return_to_ring_0, "push $8\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:")
INSTRUCTION(return_non_canonical,
            "mov %%rsp, %%rax\n\tmov %%ss, %%ecx\n\tmov %%cs, %%edx\n\tpush %%rcx\n\tpush %%rax\n\t"
            "push $0x202\n\tpush %%rdx\n\tmov $1, %%eax\n\tshl $47, %%rax\n\tpush %%rax\n\tiretq")

/*
 * A page of code at the very end of what can be mapped, `bytes` of it before the end; the
 * address behind it is still canonical, and never mapped.
 */
static void call_at_end(const uint8_t *code, size_t bytes)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct capos_virtual_memory vm = {rt_capset_need("memory", CAPOS_VIRTUAL_MEMORY_ID)};
    uint64_t page = USER_END - USER_PAGE_BYTES;
    uint64_t got;

    if (rt_ok(capos_virtual_memory_map(ring, vm, USER_END, USER_PAGE_BYTES,
                                       CAPOS_VIRTUAL_MEMORY_PROTECTION_READ, &got))) {
        return; /* the last page of all: it was allowed */
    }
    if (!rt_ok(capos_virtual_memory_map(ring, vm, page, USER_PAGE_BYTES,
                                        CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &got))) {
        return;
    }
    memcpy((void *)(uintptr_t)(USER_END - bytes), code, bytes);
    if (rt_ok(capos_virtual_memory_protect(ring, vm, page, USER_PAGE_BYTES,
                                           CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_EXECUTE))) {
        call(USER_END - bytes);
    }
}

/* SYSCALL as the last instruction: SYSRET would go to the page that is never mapped. */
static void system_call_at_end(void)
{
    static const uint8_t code[] = {0x31, 0xc0, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05};

    call_at_end(code, sizeof code);
}

/* The same by a number that there is not. */
static void bad_system_call_at_end(void)
{
    static const uint8_t code[] = {0x83, 0xc8, 0xff, 0x0f, 0x05};

    call_at_end(code, sizeof code);
}

static void run_off_the_end(void)
{
    static const uint8_t code[] = {0x90};

    call_at_end(code, sizeof code);
}

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
    {"read-cr2", read_cr2},
    {"read-cr3", read_cr3},
    {"write-cr4", write_cr4},
    {"write-cr8", write_cr8},
    {"read-dr0", read_dr0},
    {"clear-task-switched", clear_task_switched},
    {"load-machine-status", load_machine_status},
    {"store-machine-status", store_machine_status},
    {"read-idt", read_idt},
    {"load-idt", load_idt},
    {"read-ldt", read_ldt},
    {"load-ldt", load_ldt},
    {"read-task", read_task},
    {"load-task", load_task},
    {"read-counter", read_counter},
    {"write-caches", write_caches},
    {"drop-caches", drop_caches},
    {"set-extended-state", set_extended_state},
    {"open-user-memory", open_user_memory},
    {"close-user-memory", close_user_memory},
    {"read-protection-keys", read_protection_keys},
    {"run-guest", run_guest},
    {"port-in-string", port_in_string},
    {"port-out-string", port_out_string},
    {"read-syscall-entry", read_syscall_entry},
    {"write-gs-base", write_gs_base},
    {"forge-divide-error", forge_divide_error},
    {"forge-debug", forge_debug},
    {"forge-nmi", forge_nmi},
    {"forge-overflow", forge_overflow},
    {"forge-double-fault", forge_double_fault},
    {"forge-machine-check", forge_machine_check},
    {"forge-keyboard", forge_keyboard},
    {"forge-unused", forge_unused},
    {"raise-port-privilege", raise_port_privilege},
    {"return-to-ring-0", return_to_ring_0},
    {"far-return-to-ring-0", far_return_to_ring_0},
    {"return-non-canonical", return_non_canonical},
    {"system-call-at-end", system_call_at_end},
    {"bad-system-call-at-end", bad_system_call_at_end},
    {"run-off-the-end", run_off_the_end},
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
