// SPDX-License-Identifier: MIT
#include "power.h"

#include "arch/x86_64/io.h"
#include "print.h"

/* QEMU's -device isa-debug-exit,iobase=0xf4,iosize=4. */
#define QEMU_EXIT_PORT 0xf4u

static const char *exit_text(enum exit_code code)
{
    switch (code) {
    case EXIT_PASS:
        return "all is well";
    case EXIT_FAILED:
        return "a service ended otherwise than expected";
    case EXIT_LEAK:
        return "something leaked";
    case EXIT_PANIC:
        return "the kernel cannot go on";
    case EXIT_MANIFEST:
        return "there is no valid manifest";
    case EXIT_MEMORY:
        return "there is not enough memory";
    case EXIT_STALLED:
        return "the services wait for each other";
    case EXIT_TIMEOUT:
        return "the deadline has passed";
    }
    return "unknown";
}

void power_off(enum exit_code code)
{
    if (CAPOS_QEMU) {
        io_out8(QEMU_EXIT_PORT, (uint8_t)code);
    }
    kprint("capos: halted: %s\n", exit_text(code));
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
