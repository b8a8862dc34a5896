// SPDX-License-Identifier: MIT
#define _GNU_SOURCE

#include "test/host/host.h"

#include <asm/prctl.h>
#include <lib/assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/pic.h"
#include "arch/x86_64/pit.h"
#include "panic.h"
#include "print.h"
#include "process.h"
#include "sched.h"
#include "serial.h"
#include "words.h"

#define STI 0xfbu
#define CLI 0xfau
#define HLT 0xf4u

struct host host;

static struct cpu cpu;

void host_observe(const void *address, size_t bytes)
{
    if (host.observe != NULL) {
        host.observe(address, bytes);
    }
}

void host_copy_words(void *to, const void *from, size_t bytes)
{
    if (bytes != 0) {
        host_observe(from, bytes);
        memmove(to, from, bytes); /* a program that calls itself may have them overlap */
    }
}

/* Steps over what only a kernel may execute. */
static void step_over(int number, siginfo_t *info, void *context)
{
    ucontext_t *c = context;
    const uint8_t *at = (const uint8_t *)c->uc_mcontext.gregs[REG_RIP];

    (void)info;
    if (*at != STI && *at != CLI && *at != HLT) {
        signal(number, SIG_DFL); /* it is what it looks like */
        return;
    }
    c->uc_mcontext.gregs[REG_RIP]++;
    if (*at == HLT) {
        sched_tick();
    }
}

void host_start(void)
{
    struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO | SA_NODEFER};

    cpu = (struct cpu){.self = &cpu};
    lazy_buffer_init(&cpu.scratch, CPU_SCRATCH_BYTES);
    lazy_buffer_init(&cpu.transfer, CPU_TRANSFER_BYTES);
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu) != 0 || sigaction(SIGSEGV, &action, NULL) != 0) {
        perror("the host's machine");
        abort();
    }
}

void panic(const char *fmt, ...)
{
    char sentence[512];
    va_list list;

    va_start(list, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, list);
    va_end(list);
    fprintf(stderr, "panic: %s\n", sentence);
    if (host.panicked != NULL) {
        host.panicked(sentence);
    }
    abort();
}

void lib_assert_failed(const char *sentence, const char *file, int line)
{
    panic("%s (%s:%d)", sentence, file, line);
}

void kprint(const char *fmt, ...)
{
    va_list list;

    va_start(list, fmt);
    vfprintf(stderr, fmt, list);
    va_end(list);
}

void serial_write(const char *text, size_t len)
{
    (void)text;
    (void)len;
}

uint64_t pit_start(uint32_t hz)
{
    return 1000000000ull / hz;
}

void pit_stop(void)
{
}

void pic_unmask(unsigned irq)
{
    (void)irq;
}

void pic_mask(unsigned irq)
{
    (void)irq;
}

/* In place of kernel/thread.c: there are no registers to change. */

void thread_init(struct thread *t, struct process *process)
{
    t->process = process;
    t->state = THREAD_NEW;
    list_init(&t->ready);
    timer_init(&t->timeout);
}

void thread_load(struct thread *t)
{
    aspace_activate(&t->process->aspace);
    cpu.loaded = t;
}

void thread_unload_dead(const struct thread *t)
{
    if (cpu.loaded == t) {
        cpu.loaded = NULL;
        paging_activate_kernel();
    }
}

/* sched_run ends in this, which is entry.S; nothing here calls it. */
_Noreturn void resume_current(void);
_Noreturn void resume_current(void)
{
    panic("a hosted thread has no program to go on with");
}
