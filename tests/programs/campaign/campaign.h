// SPDX-License-Identifier: MIT
/*
 * Processes that fight each other: what its parts have in common.
 *
 *   main.c      which part this process has: the general, or a soldier
 *   general.c   spawns soldiers, respawns those that have ended, counts in the end
 *   soldier.c   submits entries until its time is up, it dies, or is killed
 *   entries.c   makes the entries: mostly right, some spoilt
 *   stock.c     what a soldier holds, as far as it knows
 *   tally.c     what became of the entries, in memory that all of them share
 */
#pragma once

#include <abi/limits.h>
#include <abi/ring.h>
#include <rt/ring.h>
#include <stdbool.h>
#include <stdint.h>

/* ---------------------------------------------------------------------------
 * Tally */

/* What an entry is: a call of a kind of capability, or another opcode. */
#define ROW_LIST(X)                                                                                \
    X(CLIENT, "call client")                                                                       \
    X(OWNER, "call Endpoint")                                                                      \
    X(FACTORY, "call EndpointFactory")                                                             \
    X(FRAMES, "call FrameAllocator")                                                               \
    X(MEMORY, "call MemoryObject")                                                                 \
    X(READER, "call MemoryReader")                                                                 \
    X(VM, "call VirtualMemory")                                                                    \
    X(SPAWNER, "call ProcessSpawner")                                                              \
    X(HANDLE, "call ProcessHandle")                                                                \
    X(MANAGER, "call CapabilityManager")                                                           \
    X(CONSOLE, "call Console")                                                                     \
    X(NOP, "NOP")                                                                                  \
    X(RECV, "RECV")                                                                                \
    X(RETURN, "RETURN")                                                                            \
    X(AGAIN, "RETURN again")                                                                       \
    X(RELEASE, "RELEASE")                                                                          \
    X(CANCEL, "CANCEL")                                                                            \
    X(COPY, "COPY")                                                                                \
    X(NOISE, "noise")

enum row {
#define ROW_ENUM(name, text) ROW_##name,
    ROW_LIST(ROW_ENUM)
#undef ROW_ENUM
        ROWS
};

/* Kinds of capabilities are the rows that stand for calls of them. */
#define KINDS ROW_NOP

/* Columns: done, each CAP_ERR_* by its number, and exceptions by their type behind those. */
#define COLUMN_EXCEPTIONS 13u
#define COLUMNS           (COLUMN_EXCEPTIONS + 5u)

/* Opcodes are counted by what was submitted in the end, those that there are not in one. */
#define OPCODES (CAP_OP_COUNT + 1u)

struct tally {
    uint64_t completed;
    uint64_t corruptions; /* SYS_ERR_RING_CORRUPT */
    uint64_t soldiers;    /* that began to fight */
    uint64_t exits;
    uint64_t traps;
    uint64_t seen[ROWS][COLUMNS];
    uint64_t opcodes[OPCODES][COLUMNS];
};

_Static_assert(sizeof(struct tally) <= 4096, "a tally is one page");

/* Where each process has it mapped, out of the way of whatever else is mapped. */
#define TALLY_ADDRESS 0x0000700000000000ull

static inline struct tally *tally(void)
{
    return (struct tally *)TALLY_ADDRESS;
}

/*
 * Maps the page, and lets go of the capability, so that nobody else comes by it and maps it
 * too. Without one, a fresh page that nobody reads. False: it could not be.
 */
bool tally_take(struct rt_ring *ring, uint64_t vm);

/* Maps the page. */
bool tally_map(struct rt_ring *ring, uint64_t vm, uint64_t memory);

#define TALLY_NAME "tally"

void tally_completion(enum row row, const struct cap_cqe *cqe);

/* The same by opcode, for those of whose entries nobody but themselves has changed anything. */
void tally_opcode(uint8_t opcode, const struct cap_cqe *cqe);

/* Adds one, whoever else does so at the same time. */
static inline void tally_add(uint64_t *count)
{
    (void)__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

/* Prints a line for each row, and each opcode. */
void tally_print(void);

/* ---------------------------------------------------------------------------
 * Stock */

/* Puts a capability with the others; one of them is forgotten, and still held, if they are many. */
void stock_add(uint64_t id, uint64_t interface_id);

/* The same for a copy of one that is there. */
void stock_add_copy(uint64_t of, uint64_t id);

/* Forgets it. */
void stock_remove(uint64_t id);

/* One of that kind, or any if there is none, and its kind; CAP_ID_NONE if there is nothing. */
uint64_t stock_of(enum row kind, enum row *actual);

/* Any, and its kind. */
uint64_t stock_any(enum row *kind);

/* Whether there are many, and next to none. */
bool stock_is_rich(void);
bool stock_is_poor(void);

/* Calls that were received and not yet answered, as far as is known. */
void stock_add_call(uint64_t call_id);
bool stock_has_call(void);
uint64_t stock_call(void); /* mostly forgotten then */

/* ---------------------------------------------------------------------------
 * Entries */

/* What every client facet is known as, where nothing else is. */
#define CAMPAIGN_INTERFACE 0xca39a19e0f1ec7edull

/* What the name begins with that a soldier has its address space under, and its orders in. */
#define ORDERS_PREFIX "o."

struct orders {
    uint64_t seed;
    uint32_t depth; /* 0: spawned by the general */
    uint64_t vm;    /* its address space, once it reads them */
    char name[CAP_NAME_MAX + 1u];
};

struct orders orders_new(uint64_t seed, uint32_t depth);

/* Memory that entries refer to; what is written there harms nobody. */
void entries_begin(const struct rt_ring *ring, uint32_t depth);

/* An entry and what it is, with user data that entries_completed understands. */
struct cap_sqe entries_any(void);

/* Counts a completion, and learns what it has brought. */
void entries_completed(const struct cap_cqe *cqe);

/* ---------------------------------------------------------------------------
 * Parts */

int soldier(struct orders orders);
int general(uint64_t seed, uint64_t entries);
