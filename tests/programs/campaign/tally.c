// SPDX-License-Identifier: MIT
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/print.h>

#include "campaign.h"

static const char *const row_names[] = {
#define ROW_NAME(name, text) text,
    ROW_LIST(ROW_NAME)
#undef ROW_NAME
};

static const char *const opcode_names[OPCODES] = {
    [CAP_OP_NOP] = "NOP",       [CAP_OP_CALL] = "CALL",       [CAP_OP_RECV] = "RECV",
    [CAP_OP_RETURN] = "RETURN", [CAP_OP_RELEASE] = "RELEASE", [CAP_OP_CANCEL] = "CANCEL",
    [CAP_OP_FINISH] = "FINISH", [CAP_OP_COPY] = "COPY",       [CAP_OP_COUNT] = "unknown",
};

static const char *const exception_names[] = {"failed", "overloaded", "disconnected",
                                              "unimplemented", "invalid"};

bool tally_map(struct rt_ring *ring, uint64_t vm, uint64_t memory)
{
    uint64_t address;

    return rt_ok(capos_virtual_memory_map_object(
        ring, (struct capos_virtual_memory){vm}, rt_copy(memory), 0, TALLY_ADDRESS, 4096,
        CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE, &address));
}

bool tally_take(struct rt_ring *ring, uint64_t vm)
{
    uint64_t memory;
    uint64_t address;

    if (rt_capset_find(rt_capset(), TALLY_NAME, CAPOS_MEMORY_OBJECT_ID, &memory) ==
        RT_CAPSET_FOUND) {
        return tally_map(ring, vm, memory) && rt_ok(rt_release(ring, memory));
    }
    return rt_ok(capos_virtual_memory_map(ring, (struct capos_virtual_memory){vm}, TALLY_ADDRESS,
                                          4096, CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE,
                                          &address));
}

static uint32_t column_of(const struct cap_cqe *cqe)
{
    if (cqe->result >= 0) {
        return 0;
    }
    if (cqe->result == CAP_ERR_EXCEPTION) {
        return COLUMN_EXCEPTIONS + (cqe->flags & CAP_CQE_F_EXC_MASK);
    }
    return (uint32_t)-cqe->result;
}

void tally_completion(enum row row, const struct cap_cqe *cqe)
{
    uint32_t column = column_of(cqe);

    if (column < COLUMNS) { /* or it has been scribbled over */
        tally_add(&tally()->completed);
        tally_add(&tally()->seen[row][column]);
    }
}

void tally_opcode(uint8_t opcode, const struct cap_cqe *cqe)
{
    uint32_t column = column_of(cqe);

    if (column < COLUMNS) {
        tally_add(&tally()->opcodes[opcode < CAP_OP_COUNT ? opcode : CAP_OP_COUNT][column]);
    }
}

static void print_line(const char *what, const char *name, const uint64_t seen[COLUMNS])
{
    rt_printf("campaign: %s%s: done %lu", what, name, seen[0]);
    for (uint32_t column = 1; column < COLUMNS; column++) {
        if (seen[column] == 0) {
            continue;
        }
        if (column >= COLUMN_EXCEPTIONS) {
            rt_printf(", %s %lu", exception_names[column - COLUMN_EXCEPTIONS], seen[column]);
        } else {
            rt_printf(", -%u %lu", column, seen[column]);
        }
    }
    rt_printf("\n");
}

void tally_print(void)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        print_line("", row_names[row], tally()->seen[row]);
    }
    for (uint32_t opcode = 0; opcode < OPCODES; opcode++) {
        print_line("opcode ", opcode_names[opcode], tally()->opcodes[opcode]);
    }
}
