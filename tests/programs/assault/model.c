// SPDX-License-Identifier: MIT
#include "model.h"

#include <capos.capnp.h>
#include <rt/capset.h>
#include <rt/string.h>
#include <support/check.h>

_Alignas(USER_PAGE_BYTES) uint8_t
    model_decoy[USER_PAGE_BYTES + MODEL_DECOY_BYTES + USER_PAGE_BYTES];

struct model_cap model_caps[MODEL_CAPS_MAX];
uint32_t model_cap_count;

uint64_t model_take_capset(void)
{
    const struct rt_capset *set = rt_capset();

    CHECK(set->count <= MODEL_CAPS_MAX);
    for (model_cap_count = 0; model_cap_count < set->count; model_cap_count++) {
        const struct capset_entry *entry = &set->entries[model_cap_count];
        model_caps[model_cap_count].id = entry->cap_id;
        model_caps[model_cap_count].interface = entry->interface_id;
        model_caps[model_cap_count].kept = memcmp(entry->name, "spare-", 6) != 0;
        model_caps[model_cap_count].live = true;
    }
    CHECK(model_cap_count > 0 && model_caps[0].interface == CAPOS_NULL_CAP_ID);
    uint64_t seed = 0;
    for (uint32_t i = 0; i < set->entries[0].name_len; i++) {
        seed = seed * 31u + (uint8_t)set->entries[0].name[i];
    }
    return seed;
}

/* Index of a capability that is still there; model_cap_count: there is none with this id. */
uint32_t model_find_cap(uint64_t id)
{
    uint32_t i = 0;

    while (i < model_cap_count && (model_caps[i].id != id || !model_caps[i].live)) {
        i++;
    }
    return i;
}

struct model_ring model_ring;
struct cap_ring_header model_header;

enum access { NO, YES, UNKNOWN };

struct region {
    uint64_t start;
    uint64_t end;
    enum access read;
    enum access write;
};

#define REGIONS 6u

static void list_regions(struct region regions[REGIONS])
{
    regions[0] = (struct region){USER_IMAGE_BASE, USER_IMAGE_BASE + USER_PAGE_BYTES, YES, NO};
    regions[1] = (struct region){USER_IMAGE_BASE + USER_PAGE_BYTES, (uintptr_t)model_decoy, UNKNOWN,
                                 UNKNOWN};
    regions[2] = (struct region){(uintptr_t)model_decoy,
                                 (uintptr_t)model_decoy + sizeof model_decoy, YES, YES};
    regions[3] = (struct region){USER_STACK_TOP - USER_STACK_BYTES, USER_STACK_TOP, YES, YES};
    regions[4] = (struct region){USER_CAPSET_VADDR, USER_CAPSET_VADDR + USER_PAGE_BYTES, YES, NO};
    regions[5] = (struct region){USER_RING_VADDR, model_ring.end, YES, YES};
}

/* Behind the model_decoy lies the rest of the image, of unknown length. */
static enum access access_of(uint64_t address, uint32_t len, bool write)
{
    struct region regions[REGIONS];
    enum access result = YES;
    uint64_t at = address;

    list_regions(regions);
    if (len == 0) {
        return YES;
    }
    if (address > USER_END || len > USER_END - address) {
        return NO;
    }
    while (at < address + len) {
        uint32_t i = 0;
        while (i < REGIONS && (at < regions[i].start || at >= regions[i].end)) {
            i++;
        }
        if (i == REGIONS) {
            bool image = at >= USER_IMAGE_BASE && at < USER_IMAGE_END;
            return image ? UNKNOWN : NO;
        }
        enum access here = write ? regions[i].write : regions[i].read;
        if (here == NO) {
            return NO;
        }
        result = here == UNKNOWN ? UNKNOWN : result;
        at = regions[i].end;
    }
    return result;
}

static bool touches(uint64_t address, uint32_t len, uint64_t start, uint64_t end)
{
    return len != 0 && address < end && address + len > start;
}

/* Whether a result there could harm the program itself, beyond its model_ring. */
bool model_harms_program(const struct cap_sqe *sqe)
{
    uint64_t a = sqe->result_addr;
    uint32_t len = sqe->result_len;

    return touches(a, len, USER_IMAGE_BASE + USER_PAGE_BYTES, MODEL_DECOY) ||
           touches(a, len, MODEL_DECOY + MODEL_DECOY_BYTES, USER_IMAGE_END) ||
           touches(a, len, USER_STACK_TOP - USER_STACK_BYTES, USER_STACK_TOP);
}

bool model_harms_ring(const struct cap_sqe *sqe)
{
    return sqe->opcode == CAP_OP_CALL && touches(sqe->result_addr, sqe->result_len, USER_RING_VADDR,
                                                 USER_RING_VADDR + model_ring.area_offset);
}

static bool unused_are_zero(const struct cap_sqe *s)
{
    return s->cap_count == 0 && s->flags == 0 && s->method_id == 0 && s->pointer_index == 0 &&
           s->interface_id == 0 && s->params_addr == 0 && s->result_addr == 0 &&
           s->params_len == 0 && s->result_len == 0 && s->cap_room == 0 && s->reserved == 0;
}

static bool misshapen(uint64_t address, uint32_t len, uint32_t most)
{
    return address % 8u != 0 || len % 8u != 0 || len > most;
}

/*
 * Of the descriptors behind the parameters; 0: there are none. What lies where they
 * should be is never a descriptor of anything.
 */
static uint32_t descriptors_verdict(const struct cap_sqe *s)
{
    if (s->cap_count == 0) {
        return 0;
    }
    if (s->cap_count > CAP_TRANSFER_MAX) {
        return MAY(CAP_ERR_BAD_TRANSFER);
    }
    uint32_t bytes = s->cap_count * (uint32_t)sizeof(struct cap_transfer);
    switch (access_of(s->params_addr + s->params_len, bytes, false)) {
    case NO:
        return MAY(CAP_ERR_BAD_PARAMS);
    case UNKNOWN:
        return MAY(CAP_ERR_BAD_PARAMS) | MAY(CAP_ERR_BAD_TRANSFER);
    case YES:
        break;
    }
    return MAY(CAP_ERR_BAD_TRANSFER);
}

/* Of the buffers; 0: nothing is wrong with them. */
static uint32_t buffers_verdict(const struct cap_sqe *s)
{
    uint32_t perhaps = 0;

    if (misshapen(s->params_addr, s->params_len, CAP_MESSAGE_MAX)) {
        return MAY(CAP_ERR_BAD_PARAMS);
    }
    if (misshapen(s->result_addr, s->result_len, CAP_ROOM_MAX)) {
        return MAY(CAP_ERR_BAD_RESULT);
    }
    switch (access_of(s->result_addr, s->result_len, true)) {
    case NO:
        return MAY(CAP_ERR_BAD_RESULT);
    case UNKNOWN:
        perhaps |= MAY(CAP_ERR_BAD_RESULT);
        break;
    case YES:
        break;
    }
    if (s->params_len > CAP_KERNEL_MESSAGE_MAX) {
        return perhaps | MAY(CAP_ERR_BAD_PARAMS);
    }
    if (s->cap_count != 0) {
        return perhaps | descriptors_verdict(s);
    }
    switch (access_of(s->params_addr, s->params_len, false)) {
    case NO:
        return perhaps | MAY(CAP_ERR_BAD_PARAMS);
    case UNKNOWN:
        return perhaps | MAY(CAP_ERR_BAD_PARAMS) | BY_OBJECT;
    case YES:
        break;
    }
    return perhaps == 0 ? 0 : perhaps | BY_OBJECT;
}

static uint32_t call_verdict(const struct cap_sqe *s)
{
    bool room = s->cap_room <= CAP_TRANSFER_MAX;

    if (s->flags == CAP_SQE_F_PIPELINE && s->reserved == 0 && room) {
        return MAY(CAP_ERR_UNSUPPORTED_OPCODE);
    }
    if (s->flags != 0 || s->pointer_index != 0 || s->reserved != 0 || !room) {
        return MAY(CAP_ERR_INVALID_REQUEST);
    }
    uint32_t cap = model_find_cap(s->cap_id);
    if (cap == model_cap_count) {
        return MAY(CAP_ERR_INVOKE_FAILED);
    }
    if (s->interface_id != model_caps[cap].interface) {
        return MAY(CAP_ERR_WRONG_INTERFACE);
    }
    uint32_t buffers = buffers_verdict(s);
    if (buffers != 0) {
        return buffers;
    }
    bool console = model_caps[cap].interface == CAPOS_CONSOLE_ID;
    uint32_t methods = console ? CAPOS_CONSOLE_METHOD_COUNT : CAPOS_NULL_CAP_METHOD_COUNT;
    if (s->method_id >= methods) {
        return MAY(CAP_ERR_EXCEPTION);
    }
    bool silent = console || s->method_id == CAPOS_NULL_CAP_PING; /* no results to have room for */
    return s->params_len == 0 && silent ? SUCCESS : BY_OBJECT;
}

/* Of an entry that needs an owner facet: there is none. */
static uint32_t recv_verdict(const struct cap_sqe *s)
{
    if (s->cap_count != 0 || s->flags != 0 || s->method_id != 0 || s->pointer_index != 0 ||
        s->interface_id != 0 || s->params_addr != 0 || s->params_len != 0 ||
        s->cap_room > CAP_TRANSFER_MAX || s->reserved != 0) {
        return MAY(CAP_ERR_INVALID_REQUEST);
    }
    return model_find_cap(s->cap_id) == model_cap_count ? MAY(CAP_ERR_INVOKE_FAILED)
                                                        : MAY(CAP_ERR_WRONG_INTERFACE);
}

/* Of an entry that needs a call in service: there is none. */
static uint32_t return_verdict(const struct cap_sqe *s)
{
    bool exception = (s->flags & CAP_SQE_F_EXCEPTION) != 0;
    bool right = (s->flags & ~(CAP_SQE_F_EXCEPTION | CAP_SQE_F_AGAIN)) == 0 &&
                 s->pointer_index == 0 && s->cap_id == 0 && s->result_addr == 0 &&
                 s->result_len == 0 && s->cap_room == 0 && s->reserved == 0 &&
                 s->method_id <= (exception ? CAP_EXC_INVALID_ARGUMENT : 0) &&
                 (!exception || s->cap_count == 0);

    return right ? MAY(CAP_ERR_NOT_FOUND) : MAY(CAP_ERR_INVALID_REQUEST);
}

/* Of an entry that needs another in flight: there is none. */
static uint32_t cancel_verdict(const struct cap_sqe *s)
{
    struct cap_sqe rest = *s;

    rest.params_addr = 0;
    return unused_are_zero(&rest) && s->cap_id == 0 ? MAY(CAP_ERR_NOT_FOUND)
                                                    : MAY(CAP_ERR_INVALID_REQUEST);
}

/* Of a COPY, none of which names a capability that is there. */
static uint32_t copy_verdict(const struct cap_sqe *s)
{
    return unused_are_zero(s) ? MAY(CAP_ERR_INVOKE_FAILED) : MAY(CAP_ERR_INVALID_REQUEST);
}

/* With the effect it has: a RELEASE that works takes the capability away. */
uint32_t model_verdict(const struct cap_sqe *s)
{
    uint32_t cap;

    switch (s->opcode) {
    case CAP_OP_NOP:
        return unused_are_zero(s) && s->cap_id == 0 ? SUCCESS : MAY(CAP_ERR_INVALID_REQUEST);
    case CAP_OP_CALL:
        return call_verdict(s);
    case CAP_OP_RELEASE:
        if (!unused_are_zero(s)) {
            return MAY(CAP_ERR_INVALID_REQUEST);
        }
        cap = model_find_cap(s->cap_id);
        if (cap == model_cap_count) {
            return MAY(CAP_ERR_INVOKE_FAILED);
        }
        model_caps[cap].live = false;
        return SUCCESS;
    case CAP_OP_RECV:
        return recv_verdict(s);
    case CAP_OP_RETURN:
        return return_verdict(s);
    case CAP_OP_CANCEL:
        return cancel_verdict(s);
    case CAP_OP_COPY:
        return copy_verdict(s);
    case CAP_OP_FINISH:
        return MAY(CAP_ERR_UNSUPPORTED_OPCODE);
    default:
        return MAY(CAP_ERR_INVALID_REQUEST);
    }
}
