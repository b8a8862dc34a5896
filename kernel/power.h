// SPDX-License-Identifier: MIT
/*
 * How a run ends. Built for QEMU (CAPOS_QEMU=1), the machine stops with a process
 * status of 2 × code + 1; built for other machines, it says that it has halted,
 * and how, and does nothing any more.
 */
#pragma once

/* QEMU's status in the remarks. 0 and 1 are never ours: QEMU uses them for itself. */
enum exit_code {
    EXIT_PASS = 0x10,     /* 33: every service ended as expected, nothing leaked */
    EXIT_FAILED = 0x11,   /* 35: a service ended otherwise than expected */
    EXIT_LEAK = 0x12,     /* 37: the recount at the end found a difference */
    EXIT_PANIC = 0x13,    /* 39: a kernel invariant broke, or the processor cannot run us */
    EXIT_MANIFEST = 0x14, /* 41: not exactly one module, or not a valid manifest */
    EXIT_MEMORY = 0x15,   /* 43: too little memory, for us or for the services, or no map of it */
    EXIT_STALLED = 0x16,  /* 45: services are left and nothing can wake any of them */
    EXIT_TIMEOUT = 0x17   /* 47: the run's deadline has passed */
};

_Noreturn void power_off(enum exit_code code);
