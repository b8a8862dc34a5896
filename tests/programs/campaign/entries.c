// SPDX-License-Identifier: MIT
/*
 * A message is built aside and copied to where the entry says it is, if that is one of
 * the places that are always there: the message area and the playground. The others are
 * the pages of a window of the address space that entries map and unmap, everybody in
 * everybody's, so that a buffer may come and go while it is referred to.
 *
 * User data is the row, the opcode, and a serial number by which the entry is remembered,
 * with a sum over these: what was never submitted like that, but has come of noise over the
 * queues, is not counted.
 */
#include <abi/layout.h>
#include <capos.capnp.h>
#include <rt/string.h>
#include <support/chance.h>

#include "campaign.h"

#define PLAYGROUND_BYTES 16384u
#define WINDOW_PAGES     48u
#define REMEMBERED       256u
#define MESSAGE_BYTES    4096u

static struct {
    _Alignas(4096) uint8_t bytes[PLAYGROUND_BYTES];
    uint8_t behind[CAP_TRANSFER_MAX * 4u * sizeof(struct cap_transfer)]; /* read, never written */
} playground;

static struct {
    uint64_t words[MESSAGE_BYTES / 8u];
    uint32_t bytes;
    struct cap_transfer transfers[255];
    uint32_t count;
} message;

static struct {
    uint64_t user_data;
    uint64_t result_addr;
    uint64_t cap_id;
    bool is_due;
} remembered[REMEMBERED];

static uint64_t serial;
static uint8_t *area;
static uint32_t area_bytes;
static uint32_t own_depth;
static bool is_reckless; /* has results written over its own queues */

static uint64_t at(const void *p)
{
    return (uintptr_t)p;
}

void entries_begin(const struct rt_ring *ring, uint32_t depth)
{
    area = ring->area;
    area_bytes = ring->header->area_bytes;
    own_depth = depth;
    is_reckless = chance_one_in(4);
}

/* ---------------------------------------------------------------------------
 * Places */

static uint64_t window_page(void)
{
    return USER_MAP_BASE + chance_below(WINDOW_PAGES) * (uint64_t)USER_PAGE_BYTES;
}

/*
 * A page that is mapped and unmapped in turn, as far as is known, and that calls are received
 * in: so that it goes while a receiver waits, or waits again.
 */
#define LENT_PAGE (USER_MAP_BASE + WINDOW_PAGES * (uint64_t)USER_PAGE_BYTES)

static bool is_lent;
static bool ends_loan; /* by the next entry */

static bool is_in(uint64_t address, uint64_t length, const void *from, uint64_t bytes)
{
    return address >= at(from) && length <= bytes && address - at(from) <= bytes - length;
}

/* Whether so many bytes there are the program's to write, whatever has been unmapped. */
static bool is_safe(uint64_t address, uint64_t length)
{
    return is_in(address, length, area, area_bytes) ||
           is_in(address, length, playground.bytes, PLAYGROUND_BYTES);
}

static uint64_t odd_place(void)
{
    const uint64_t odd[] = {0,
                            USER_BASE,
                            USER_IMAGE_BASE,
                            USER_STACK_TOP - 8u,
                            USER_STACK_TOP,
                            USER_CAPSET_VADDR,
                            USER_RING_VADDR + USER_RING_BYTES,
                            at(area) + area_bytes - 8u,
                            USER_END - 8u,
                            USER_END,
                            0x0000800000000000ull,
                            0xffff800000001000ull,
                            UINT64_MAX - 7u};

    return odd[chance_below(sizeof odd / sizeof *odd)] + (chance_one_in(4) ? chance_below(16) : 0);
}

static uint64_t place(void)
{
    switch (chance_below(16)) {
    case 0:
        return odd_place();
    case 1:
    case 2:
    case 3:
        return window_page() + chance_below(USER_PAGE_BYTES / 64u) * 64u;
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        return at(playground.bytes) + chance_below(PLAYGROUND_BYTES / 64u) * 64u;
    default:
        return at(area) + chance_below(area_bytes / 64u) * 64u;
    }
}

static uint32_t room(void)
{
    static const uint32_t rooms[] = {0, 8, 16, 24, 32, 40, 64, 128, 256, 264, 512, 1024, 4096};

    if (chance_one_in(32)) {
        return chance_one_in(4) ? CAP_ROOM_MAX : CAP_ROOM_MAX + 8u;
    }
    return rooms[chance_below(sizeof rooms / sizeof *rooms)];
}

/* Whether the kernel may write there without harm: it is not the program's own, or nothing is. */
static bool result_is_harmless(uint64_t address, uint64_t length)
{
    bool in_image = address < USER_MAP_BASE && address + length > USER_IMAGE_BASE;
    bool in_tally = address + length > TALLY_ADDRESS && address < TALLY_ADDRESS + USER_PAGE_BYTES;

    return is_safe(address, length) || address + length < address || !(in_image || in_tally);
}

/* ---------------------------------------------------------------------------
 * Messages */

static struct capnp_arena begin(void)
{
    struct capnp_arena arena;

    capnp_arena_init(&arena, message.words, sizeof message.words);
    return arena;
}

static void end(const struct capnp_arena *arena)
{
    message.bytes = capnp_arena_ok(arena) ? capnp_arena_bytes(arena) : 0;
}

static uint64_t some_interface(void)
{
    switch (chance_below(12)) {
    case 0:
        return 0;
    case 1:
        return CAPOS_ENDPOINT_ID;
    case 2:
        return CAPOS_PROCESS_SPAWNER_ID;
    default:
        return CAMPAIGN_INTERFACE;
    }
}

/* Says how one more capability goes along, and as what number. */
static struct capnp_capability give(uint64_t id, uint32_t mode)
{
    struct cap_transfer *t = &message.transfers[message.count];

    *t = (struct cap_transfer){.cap_id = id, .mode = mode};
    if (mode == CAP_TRANSFER_MINT) {
        t->badge = chance();
        t->interface_id = some_interface();
    }
    if (mode == CAP_TRANSFER_MOVE && !chance_one_in(4)) {
        stock_remove(id);
    }
    if (chance_one_in(64)) {
        chance_flip(t, sizeof *t, 1);
    }
    return (struct capnp_capability){.there = true, .index = message.count++};
}

static struct capnp_capability give_any(void)
{
    enum row kind;
    uint64_t id = stock_any(&kind);
    uint32_t mode = CAP_TRANSFER_COPY;

    if (kind == ROW_HANDLE && !chance_one_in(8)) {
        id = stock_of(ROW_CLIENT, &kind); /* which can be handed on */
    }

    if (kind == ROW_OWNER && chance_one_in(2)) {
        mode = CAP_TRANSFER_MINT;
    } else if (chance_one_in(8)) {
        mode = CAP_TRANSFER_MOVE;
    } else if (chance_one_in(32)) {
        mode = CAP_TRANSFER_MINT;
    }
    return give(id, mode);
}

static void give_some(void)
{
    uint32_t n = 0;

    if (chance_one_in(3)) {
        n = 1u + chance_below(3);
    } else if (chance_one_in(48)) {
        n = chance_below(CAP_TRANSFER_MAX + 2u);
    }
    while (n-- > 0) {
        (void)give_any();
    }
}

static struct capnp_capability give_memory(void)
{
    enum row kind = chance_one_in(2) ? ROW_MEMORY : ROW_READER;

    uint64_t id = stock_of(kind, &kind);

    return give(id, chance_one_in(3) ? CAP_TRANSFER_MOVE : CAP_TRANSFER_COPY);
}

static uint64_t some_size(void)
{
    return chance_one_in(64) ? chance() >> chance_below(64)
                             : (1u + chance_below(8)) * (uint64_t)USER_PAGE_BYTES;
}

static enum capos_virtual_memory_protection some_protection(void)
{
    uint32_t n = chance_below(8);

    return n < 4 ? CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE
                 : (enum capos_virtual_memory_protection)(n - 4u);
}

static uint16_t call_vm_for_loan(void)
{
    struct capnp_arena arena = begin();
    struct capos_virtual_memory_map_params_builder map;
    struct capos_virtual_memory_unmap_params_builder unmap;

    if (is_lent) {
        unmap = capos_virtual_memory_unmap_params_build_root(&arena);
        capos_virtual_memory_unmap_params_set_address(unmap, LENT_PAGE);
        capos_virtual_memory_unmap_params_set_size(unmap, USER_PAGE_BYTES);
    } else {
        map = capos_virtual_memory_map_params_build_root(&arena);
        capos_virtual_memory_map_params_set_hint(map, LENT_PAGE);
        capos_virtual_memory_map_params_set_size(map, USER_PAGE_BYTES);
        capos_virtual_memory_map_params_set_protection(map,
                                                       CAPOS_VIRTUAL_MEMORY_PROTECTION_READ_WRITE);
    }
    end(&arena);
    is_lent = !is_lent;
    ends_loan = false;
    return is_lent ? CAPOS_VIRTUAL_MEMORY_MAP : CAPOS_VIRTUAL_MEMORY_UNMAP;
}

static uint16_t call_vm(void)
{
    struct capnp_arena arena = begin();
    struct capos_virtual_memory_map_params_builder map;
    struct capos_virtual_memory_unmap_params_builder unmap;
    struct capos_virtual_memory_protect_params_builder protect;
    struct capos_virtual_memory_map_object_params_builder object;
    uint32_t n = chance_below(8);
    uint16_t method = n < 4   ? (uint16_t)n
                      : n < 6 ? CAPOS_VIRTUAL_MEMORY_MAP
                              : CAPOS_VIRTUAL_MEMORY_MAP_OBJECT;

    switch (method) {
    case CAPOS_VIRTUAL_MEMORY_MAP:
        map = capos_virtual_memory_map_params_build_root(&arena);
        capos_virtual_memory_map_params_set_hint(map, chance_one_in(4) ? 0 : window_page());
        capos_virtual_memory_map_params_set_size(map, some_size());
        capos_virtual_memory_map_params_set_protection(map, some_protection());
        break;
    case CAPOS_VIRTUAL_MEMORY_UNMAP:
        unmap = capos_virtual_memory_unmap_params_build_root(&arena);
        capos_virtual_memory_unmap_params_set_address(unmap, window_page());
        capos_virtual_memory_unmap_params_set_size(unmap, some_size());
        break;
    case CAPOS_VIRTUAL_MEMORY_PROTECT:
        protect = capos_virtual_memory_protect_params_build_root(&arena);
        capos_virtual_memory_protect_params_set_address(protect, window_page());
        capos_virtual_memory_protect_params_set_size(protect, some_size());
        capos_virtual_memory_protect_params_set_protection(protect, some_protection());
        break;
    default:
        object = capos_virtual_memory_map_object_params_build_root(&arena);
        capos_virtual_memory_map_object_params_set_memory(object, give_memory());
        capos_virtual_memory_map_object_params_set_offset(
            object, chance_one_in(4) ? chance_below(4) * (uint64_t)USER_PAGE_BYTES : 0);
        capos_virtual_memory_map_object_params_set_hint(object, window_page());
        capos_virtual_memory_map_object_params_set_size(object, chance_one_in(2) ? USER_PAGE_BYTES
                                                                                 : some_size());
        capos_virtual_memory_map_object_params_set_protection(object, some_protection());
        break;
    }
    end(&arena);
    return method;
}

static uint16_t call_frames(void)
{
    struct capnp_arena arena = begin();
    struct capos_frame_allocator_free_frame_params_builder free;
    struct capos_frame_allocator_alloc_contiguous_params_builder contiguous;
    uint16_t method = (uint16_t)chance_below(3);

    switch (method) {
    case CAPOS_FRAME_ALLOCATOR_FREE_FRAME:
        free = capos_frame_allocator_free_frame_params_build_root(&arena);
        capos_frame_allocator_free_frame_params_set_memory(
            free, (struct capos_memory_object_cap){give_memory()});
        break;
    case CAPOS_FRAME_ALLOCATOR_ALLOC_CONTIGUOUS:
        contiguous = capos_frame_allocator_alloc_contiguous_params_build_root(&arena);
        capos_frame_allocator_alloc_contiguous_params_set_count(
            contiguous, chance_one_in(16) ? chance_below(2000) : chance_below(9));
        break;
    default:
        break;
    }
    end(&arena);
    return method;
}

static uint16_t call_owner(void)
{
    struct capnp_arena arena = begin();
    struct capos_endpoint_mint_params_builder mint = capos_endpoint_mint_params_build_root(&arena);

    capos_endpoint_mint_params_set_badge(mint, chance());
    capos_endpoint_mint_params_set_interface_id(mint, some_interface());
    end(&arena);
    return CAPOS_ENDPOINT_MINT;
}

static uint16_t call_manager(void)
{
    struct capnp_arena arena = begin();
    struct capos_capability_manager_list_params_builder list =
        capos_capability_manager_list_params_build_root(&arena);

    capos_capability_manager_list_params_set_first(list, chance_below(64));
    end(&arena);
    return (uint16_t)chance_below(2);
}

/* Writes nothing, since what it writes would be among what others say. */
static uint16_t call_console(void)
{
    struct capnp_arena arena = begin();
    struct capos_console_write_params_builder write = capos_console_write_params_build_root(&arena);

    capos_console_write_params_set_data(write, (struct capnp_data){.len = 0});
    end(&arena);
    return CAPOS_CONSOLE_WRITE;
}

static void grant_something(struct capos_spawn_grant_builder grant, uint32_t i)
{
    static char names[16][8];
    struct capos_spawn_grant_source_builder source = capos_spawn_grant_init_source(grant);
    struct capos_fresh_endpoint_builder fresh;

    names[i][0] = 'g';
    names[i][1] = (char)('a' + (chance_one_in(64) ? 0 : i));
    capos_spawn_grant_set_name(grant, (struct capnp_text){.ptr = names[i], .len = 2});
    switch (chance_below(8)) {
    case 0:
    case 1:
        fresh = capos_spawn_grant_source_init_endpoint(source);
        capos_fresh_endpoint_set_badge(fresh, chance());
        capos_fresh_endpoint_set_interface_id(fresh, some_interface());
        return;
    case 2:
        capos_spawn_grant_source_set_capability_manager(source);
        return;
    case 3:
        capos_spawn_grant_source_set_virtual_memory(source);
        return;
    default:
        capos_spawn_grant_source_set_capability(source, give_any());
        return;
    }
}

/* One more soldier, as long as there are not many generations. */
static uint16_t call_spawner(void)
{
    struct capnp_arena arena = begin();
    struct capos_process_spawner_spawn_params_builder spawn =
        capos_process_spawner_spawn_params_build_root(&arena);
    struct orders orders = orders_new(chance(), own_depth + 1u);
    uint32_t count = 1u + chance_below(8);

    capos_process_spawner_spawn_params_set_name(spawn, CAPNP_TEXT("soldier"));
    capos_process_spawner_spawn_params_set_binary(spawn, own_depth < 2 ? CAPNP_TEXT("campaign")
                                                                       : CAPNP_TEXT("leave"));
    struct capos_spawn_grant_list_builder grants =
        capos_process_spawner_spawn_params_init_grants(spawn, count);
    struct capos_spawn_grant_builder first = capos_spawn_grant_list_builder_at(grants, 0);
    capos_spawn_grant_set_name(first, capnp_text_from(orders.name));
    capos_spawn_grant_source_set_virtual_memory(capos_spawn_grant_init_source(first));
    for (uint32_t i = 1; i < count; i++) {
        grant_something(capos_spawn_grant_list_builder_at(grants, i), i);
    }
    struct capos_ring_sizes_builder sizes = capos_process_spawner_spawn_params_init_ring(spawn);
    capos_ring_sizes_set_sq_entries(sizes, 2u << chance_below(4));
    capos_ring_sizes_set_cq_entries(sizes, 16u << chance_below(3));
    capos_ring_sizes_set_area_bytes(sizes, 1024u << chance_below(4));
    struct capos_limits_builder limits = capos_process_spawner_spawn_params_init_limits(spawn);
    capos_limits_set_frames(limits, 8u + chance_below(160));
    capos_limits_set_cap_slots(limits, 4u + chance_below(40));
    capos_limits_set_processes(limits, chance_below(2));
    capos_limits_set_calls(limits, chance_one_in(2) ? 0 : chance_below(64));
    end(&arena);
    return CAPOS_PROCESS_SPAWNER_SPAWN;
}

/* Builds the message and chooses the method of a call. */
static uint16_t build(enum row kind)
{
    message.bytes = 0;
    message.count = 0;
    switch (kind) {
    case ROW_CLIENT:
        message.bytes = chance_one_in(16) ? room() & ~7u : 8u * chance_below(80);
        give_some();
        return (uint16_t)chance();
    case ROW_OWNER:
        return call_owner();
    case ROW_FRAMES:
        return call_frames();
    case ROW_VM:
        return ends_loan || !is_lent || chance_one_in(16) ? call_vm_for_loan() : call_vm();
    case ROW_SPAWNER:
        return call_spawner();
    case ROW_MANAGER:
        return call_manager();
    case ROW_CONSOLE:
        return call_console();
    case ROW_MEMORY:
        return (uint16_t)chance_below(2);
    case ROW_HANDLE:
        return chance_one_in(3) ? CAPOS_PROCESS_HANDLE_KILL : CAPOS_PROCESS_HANDLE_WAIT;
    default:
        return 0;
    }
}

static uint64_t interface_of(enum row kind)
{
    static const uint64_t interfaces[KINDS] = {
        [ROW_CLIENT] = CAMPAIGN_INTERFACE,         [ROW_OWNER] = CAPOS_ENDPOINT_ID,
        [ROW_FACTORY] = CAPOS_ENDPOINT_FACTORY_ID, [ROW_FRAMES] = CAPOS_FRAME_ALLOCATOR_ID,
        [ROW_MEMORY] = CAPOS_MEMORY_OBJECT_ID,     [ROW_READER] = CAPOS_MEMORY_READER_ID,
        [ROW_VM] = CAPOS_VIRTUAL_MEMORY_ID,        [ROW_SPAWNER] = CAPOS_PROCESS_SPAWNER_ID,
        [ROW_HANDLE] = CAPOS_PROCESS_HANDLE_ID,    [ROW_MANAGER] = CAPOS_CAPABILITY_MANAGER_ID,
        [ROW_CONSOLE] = CAPOS_CONSOLE_ID,
    };

    return interfaces[kind];
}

/* ---------------------------------------------------------------------------
 * Entries */

/* Puts what was built where the entry says, if that is a place to write to. */
static void put_message(struct cap_sqe *sqe)
{
    uint32_t behind = message.count * (uint32_t)sizeof message.transfers[0];
    uint32_t text = message.bytes < sizeof message.words ? message.bytes : 0;

    sqe->params_addr = place();
    if (!is_safe(sqe->params_addr, message.bytes + behind) && !chance_one_in(8)) {
        sqe->params_addr = at(playground.bytes) + chance_below(64) * 64u;
    }
    sqe->params_len = message.bytes;
    sqe->cap_count = (uint8_t)message.count;
    if (is_safe(sqe->params_addr, message.bytes + behind)) {
        uint8_t *to = (uint8_t *)(uintptr_t)sqe->params_addr;
        memcpy(to, message.words, text);
        memcpy(to + message.bytes, message.transfers, behind);
    }
}

static uint64_t safe_place(void)
{
    if (chance_one_in(2) || area_bytes < 4096) {
        return at(playground.bytes) + chance_below(PLAYGROUND_BYTES / 64u - 16u) * 64u;
    }
    return at(area) + chance_below(area_bytes / 64u - 16u) * 64u;
}

static void put_room(struct cap_sqe *sqe, uint32_t least)
{
    sqe->result_addr = chance_one_in(2) ? place() : safe_place();
    sqe->result_len = chance_one_in(4) ? room() : least + 64u * chance_below(4);
    sqe->cap_room = chance_one_in(8) ? 0 : chance_one_in(16) ? CAP_TRANSFER_MAX : 8u;
}

static struct cap_sqe call(enum row kind, uint64_t id)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_CALL, .cap_id = id, .interface_id = interface_of(kind)};

    sqe.method_id = build(kind);
    put_message(&sqe);
    put_room(&sqe, 256);
    return sqe;
}

static struct cap_sqe answer(enum row row)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_RETURN, .interface_id = stock_call()};

    message.bytes = chance_one_in(16) ? room() & ~7u : 8u * chance_below(32);
    message.count = 0;
    if (chance_one_in(6)) {
        sqe.flags |= CAP_SQE_F_EXCEPTION;
        sqe.method_id = (uint16_t)chance_below(6);
    } else {
        give_some();
    }
    if (row == ROW_AGAIN) {
        sqe.flags |= CAP_SQE_F_AGAIN;
        ends_loan = is_lent && chance_one_in(3);
    }
    put_message(&sqe);
    return sqe;
}

#define SUM_BITS 24u

static uint64_t sum_of(uint64_t rest)
{
    return rest * 0x9e3779b97f4a7c15ull >> (64u - SUM_BITS);
}

static uint64_t tag(enum row row, uint8_t opcode)
{
    uint64_t rest = (uint64_t)row << 32 | (uint64_t)opcode << 24 | (serial & 0xffffffu);

    return sum_of(rest) << 40 | rest;
}

/* What tag was made of. False: it was not made so. */
static bool read_tag(uint64_t user_data, uint64_t *row, uint8_t *opcode)
{
    uint64_t rest = user_data & ((1ull << 40) - 1u);

    *row = rest >> 32;
    *opcode = (uint8_t)(rest >> 24);
    return user_data >> 40 == sum_of(rest) && *row < ROWS;
}

/* What an entry is known by that is in flight, as far as is known. */
static uint64_t some_tag(void)
{
    uint32_t from = chance_below(REMEMBERED);

    for (uint32_t n = 0; n < REMEMBERED && !chance_one_in(REMEMBERED); n++) {
        uint32_t i = (from + n) % REMEMBERED;
        if (remembered[i].is_due) {
            return remembered[i].user_data;
        }
    }
    return remembered[from].user_data;
}

static struct cap_sqe right(enum row *row)
{
    struct cap_sqe sqe = {.opcode = CAP_OP_NOP};
    uint64_t id;

    if (ends_loan) {
        id = stock_of(ROW_VM, row);
        ends_loan = *row == ROW_VM;
        return call(*row, id);
    }
    switch (chance_below(17)) {
    case 0:
        *row = ROW_NOP;
        return sqe;
    case 11:
        id = stock_any(row);
        if (!chance_one_in(stock_is_rich() ? 12 : 4)) {
            return call(*row, id);
        }
        *row = ROW_COPY;
        return (struct cap_sqe){.opcode = CAP_OP_COPY, .cap_id = id};
    case 1:
    case 2:
    case 3:
        id = stock_of(ROW_OWNER, row);
        if (*row != ROW_OWNER && !chance_one_in(16)) {
            return call(*row, id);
        }
        *row = ROW_RECV;
        sqe = (struct cap_sqe){.opcode = CAP_OP_RECV, .cap_id = id};
        put_room(&sqe, 512);
        if (is_lent && chance_one_in(2)) {
            sqe.result_addr = LENT_PAGE;
        }
        return sqe;
    case 4:
    case 5:
    case 6:
        *row = chance_one_in(2) ? ROW_RETURN : ROW_AGAIN;
        if (stock_has_call() || chance_one_in(16)) {
            return answer(*row);
        }
        id = stock_of(ROW_CLIENT, row);
        return call(*row, id);
    case 7:
    case 8:
        if (chance_one_in(stock_is_rich() ? 3 : 12)) {
            id = stock_any(row);
            *row = ROW_RELEASE;
            return (struct cap_sqe){.opcode = CAP_OP_RELEASE, .cap_id = id};
        }
        *row = ROW_CANCEL;
        return (struct cap_sqe){.opcode = CAP_OP_CANCEL, .params_addr = some_tag()};
    case 9:
    case 10:
        id = stock_of(ROW_CLIENT, row);
        return call(*row, id);
    default:
        id = stock_of((enum row)chance_below(KINDS), row);
        return call(*row, id);
    }
}

/* Lengths at the limits and a little beside them, of a word and of what fits in 32 bits. */
static uint32_t odd_length(void)
{
    static const uint32_t edges[] = {0,
                                     8,
                                     16,
                                     32,
                                     USER_PAGE_BYTES,
                                     CAP_KERNEL_MESSAGE_MAX,
                                     CAP_MESSAGE_MAX,
                                     CAP_ROOM_MAX,
                                     1u << 31,
                                     UINT32_MAX - 7u};
    uint32_t edge = edges[chance_below(sizeof edges / sizeof *edges)];

    switch (chance_below(4)) {
    case 0:
        return edge;
    case 1:
        return edge + 8u;
    case 2:
        return edge - 8u;
    default:
        return chance_one_in(2) ? edge + chance_below(8) : (uint32_t)chance() >> chance_below(32);
    }
}

/* One that was never given out, or is not any more: another generation, or another slot. */
static uint64_t forged(uint64_t id)
{
    switch (chance_below(6)) {
    case 0:
        return CAP_ID_NONE;
    case 1:
        return id + (1ull << CAP_ID_INDEX_BITS);
    case 2:
        return id - (1ull << CAP_ID_INDEX_BITS);
    case 3:
        return id + 1u;
    case 4:
        return UINT64_MAX >> chance_below(64);
    default:
        return chance();
    }
}

static void spoil(struct cap_sqe *sqe)
{
    enum row kind;

    switch (chance_below(13)) {
    case 0:
        chance_flip(sqe, sizeof *sqe, 1);
        return;
    case 1:
        sqe->params_addr = odd_place();
        return;
    case 2:
        sqe->result_addr = odd_place();
        return;
    case 3:
        sqe->params_len = odd_length();
        return;
    case 4:
        sqe->result_len = odd_length();
        return;
    case 5:
        sqe->cap_id = stock_any(&kind);
        return;
    case 6:
        sqe->interface_id = interface_of((enum row)chance_below(KINDS));
        return;
    case 7:
        sqe->method_id = (uint16_t)chance_below(6);
        return;
    case 8:
        sqe->cap_count = (uint8_t)chance();
        return;
    case 9:
        sqe->cap_id = forged(sqe->cap_id);
        return;
    case 10:
        sqe->flags ^= (uint16_t)(1u << chance_below(4));
        return;
    case 11:
        sqe->cap_room = chance_one_in(2) ? CAP_TRANSFER_MAX + chance_below(3) - 1u : odd_length();
        return;
    default:
        sqe->opcode = (uint8_t)chance_below(CAP_OP_COUNT + 1u);
        return;
    }
}

struct cap_sqe entries_any(void)
{
    enum row row = ROW_NOISE;
    struct cap_sqe sqe;

    if (chance_one_in(64)) {
        chance_scribble(&sqe, sizeof sqe);
        sqe.opcode = (uint8_t)chance_below(CAP_OP_COUNT + 1u);
    } else {
        sqe = right(&row);
        for (uint32_t n = chance_one_in(6) ? 1u + chance_below(2) : 0; n > 0; n--) {
            spoil(&sqe);
        }
    }
    if ((sqe.opcode == CAP_OP_CALL || sqe.opcode == CAP_OP_RECV) &&
        !result_is_harmless(sqe.result_addr, sqe.result_len) &&
        !(is_reckless && sqe.result_addr >= USER_RING_VADDR && chance_one_in(16))) {
        sqe.result_addr = at(playground.bytes) + (sqe.result_addr & 7u);
        sqe.result_len %= PLAYGROUND_BYTES / 2u;
    }
    sqe.user_data = tag(row, sqe.opcode);
    remembered[serial % REMEMBERED].user_data = sqe.user_data;
    remembered[serial % REMEMBERED].result_addr = sqe.result_addr;
    remembered[serial % REMEMBERED].cap_id = sqe.cap_id;
    remembered[serial % REMEMBERED].is_due = true;
    serial++;
    return sqe;
}

/* ---------------------------------------------------------------------------
 * Completions */

static void learn_capabilities(uint64_t from, uint32_t n)
{
    if (n > CAP_TRANSFER_MAX || !is_safe(from, n * sizeof(struct cap_record))) {
        return; /* they are held and not known of */
    }
    for (uint32_t i = 0; i < n; i++) {
        struct cap_record record;
        memcpy(&record, (const uint8_t *)(uintptr_t)from + i * sizeof record, sizeof record);
        stock_add(record.cap_id, record.interface_id);
    }
}

void entries_completed(const struct cap_cqe *cqe)
{
    uint32_t i = (uint32_t)cqe->user_data % REMEMBERED;
    uint64_t row;
    uint8_t opcode;

    if (!read_tag(cqe->user_data, &row, &opcode)) {
        return;
    }
    tally_completion((enum row)row, cqe);
    if (!is_reckless) {
        tally_opcode(opcode, cqe);
    }
    bool is_known = remembered[i].user_data == cqe->user_data;
    if (is_known) {
        remembered[i].is_due = false;
    }
    if (cqe->result >= 0 && is_known && cqe->cap_count != 0 && row != ROW_AGAIN) {
        learn_capabilities(remembered[i].result_addr + (uint32_t)cqe->result, cqe->cap_count);
    }
    if (cqe->result >= 0 && (row == ROW_RECV || row == ROW_AGAIN) && cqe->detail != 0) {
        stock_add_call(cqe->detail);
    }
    if (is_known && row == ROW_COPY && cqe->result == 0) {
        stock_add_copy(remembered[i].cap_id, cqe->detail);
    }
    if (is_known && ((row == ROW_RELEASE && cqe->result == 0) ||
                     (row < KINDS && cqe->result == CAP_ERR_INVOKE_FAILED))) {
        stock_remove(remembered[i].cap_id);
    }
}
