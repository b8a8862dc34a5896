// SPDX-License-Identifier: MIT
#include "panic.h"

#include <lib/assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/context.h"
#include "arch/x86_64/cr.h"
#include "ksyms.h"
#include "mem/validate.h"
#include "power.h"
#include "print.h"
#include "serial.h"

/* Return addresses that a backtrace shows. */
#define BACKTRACE_MAX 24

/* How often we have been here; the first time is the one that matters. */
static unsigned depth;

static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    kprint_to(serial_write_emergency, fmt, args);
    va_end(args);
}

/* `address` is shown; `inside` is an address of the function to be named. */
static void print_address(uint64_t address, uint64_t inside)
{
    uint64_t offset;
    const char *name = ksyms_find(inside, &offset);

    if (name == NULL) {
        print("  %016lx\n", address);
    } else {
        print("  %016lx %s+0x%lx\n", address, name, offset + (address - inside));
    }
}

/*
 * Frames are linked by saved RBP, each above the one before; entry.S ends the
 * chain with zero. A link that does not fit ends it as well.
 */
static void print_backtrace(uint64_t rbp)
{
    for (int i = 0; i < BACKTRACE_MAX && rbp != 0; i++) {
        uint64_t next;
        uint64_t address;
        if (rbp % 8 != 0 || !kernel_read_word(rbp, &next) || !kernel_read_word(rbp + 8, &address)) {
            print("  (the stack is damaged at %016lx)\n", rbp);
            return;
        }
        if (address == 0) {
            return;
        }
        print_address(address, address - 1); /* a call may be a function's last instruction */
        if (next != 0 && next <= rbp) {
            print("  (the next frame, %016lx, is not above this one)\n", next);
            return;
        }
        rbp = next;
    }
}

static void print_registers(const struct trap_frame *f)
{
    print("rip %016lx  cs %04lx  flags %08lx  vector %lu  error %lx\n", f->rip, f->cs, f->rflags,
          f->vector, f->error);
    print("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    print("rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
    print("r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
    print("r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
    print("cr0 %08lx  cr2 %016lx  cr3 %016lx  cr4 %08lx\n", cr0_read(), cr2_read(), cr3_read(),
          cr4_read());
}

/* What whoever reads this does next. */
static void print_advice(void)
{
    print("capos: this is a bug of the kernel's; `make debug` stops where it happens, and\n"
          "capos: docs/debugging.md says how to read the lines above\n");
}

/* Interrupts off; the second panic ends here, the third does not even speak. */
static void enter(void)
{
    __asm__ volatile("cli");
    depth++;
    if (depth == 1) {
        return;
    }
    if (depth == 2) {
        print("\ncapos: panic within a panic\n");
    }
    power_off(EXIT_PANIC);
}

static void say(const char *fmt, va_list args)
{
    print("\ncapos: panic: ");
    kprint_to(serial_write_emergency, fmt, args);
    print("\n");
}

void panic(const char *fmt, ...)
{
    va_list args;

    enter();
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    print_backtrace((uint64_t)__builtin_frame_address(0));
    print_advice();
    power_off(EXIT_PANIC);
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
    va_list args;

    enter();
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    print_registers(frame);
    print_address(frame->rip, frame->rip);
    print_backtrace(frame->rbp);
    print_advice();
    power_off(EXIT_PANIC);
}

/* Replaces lib's own, which only stops. */
void lib_assert_failed(const char *sentence, const char *file, int line)
{
    panic("%s (%s:%d)", sentence, file, line);
}
