// SPDX-License-Identifier: MIT
/*
 * What the rows of the benchmark do: each function does its operation so many times,
 * takes each answer and compares it. None prints, and none waits for anything that
 * nobody works on.
 */
#pragma once

#include <capos.client.h>
#include <depot.client.h>
#include <rt/ring.h>
#include <stdint.h>
#include <support/check.h>

/* Calls in flight in the rows that end in -32. */
#define BATCH 32u

/* Data of the longest measured call, bytes. */
#define PAYLOAD_MAX 4096u

/* And of the short ones. */
#define ECHO_BYTES 16u

/* What rows work on. */
struct bench {
    struct rt_ring *ring;
    struct capos_null_cap null; /* the kernel's object, or another process in its stead */
    struct demo_depot bulk;     /* another process, which inverts much data */
    uint64_t served;            /* calls of its add that it has counted */
    uint8_t data[ECHO_BYTES];   /* of short calls; no compiler knows them */
    bool is_warming_up;         /* nothing is timed, so that checks may be long */
};

extern struct bench bench;

/* Calls go to this object from here on, which has served nobody. */
void bench_call(uint64_t null_cap);

/* raw.c */
void empty_cap_enter(uint32_t n);
void nop(uint32_t n);
void nop_batch(uint32_t n);
void raw_ping(uint32_t n);
void raw_ping_batch(uint32_t n);

/* calls.c */
void ping(uint32_t n);
void ping_batch(uint32_t n);
void add(uint32_t n);
void add_batch(uint32_t n);
void echo(uint32_t n);
void echo_batch(uint32_t n);

/* payload.c */
void echo_1k(uint32_t n);
void echo_4k(uint32_t n);
void invert_1k(uint32_t n);
void invert_4k(uint32_t n);

/* capability.c */
void capability_begin(void);
void move(uint32_t n);
void copy_release(uint32_t n);
void copy_release_batch(uint32_t n);

/* process.c */
void process_begin(void);
void page(uint32_t n);
void spawn(uint32_t n);
