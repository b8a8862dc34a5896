// SPDX-License-Identifier: MIT
#include "mem/frame.h"

#include <lib/bits.h>
#include <lib/frame_bitmap.h>
#include <stddef.h>

#include "arch/x86_64/clear.h"
#include "mem/fault.h"
#include "panic.h"
#include "sanitize.h"

_Static_assert(PHYS_LIMIT >> FRAME_SHIFT <= FRAME_BITMAP_FRAMES_MAX, "the bitmap counts all RAM");
_Static_assert(MEMORY_MAP_PAGE == FRAME_BYTES, "the boot map is made of frames");
_Static_assert(CLEAR_BYTES == FRAME_BYTES, "a frame is a page");

static struct frame_bitmap bitmap;

/*
 * Free frames that are all zeros, as page tables are that were emptied: whoever needs a
 * zeroed frame next takes the last of them. In the bitmap they are used.
 */
#define ZEROED_MAX 8u

static struct paddr zeroed[ZEROED_MAX];
static uint32_t zeroed_count;

/* The frame behind the last region of a kind that may ever be opened. */
static uint64_t frames_needed(const struct memory_map *map)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->region[i];
        if (region->kind == MEMORY_USABLE || region->kind == MEMORY_RECLAIMABLE) {
            end = region->base + region->bytes;
        }
    }
    return end >> FRAME_SHIFT;
}

/* Makes the part of a region that lies in from…to free. */
static void open_part(const struct memory_region *region, uint64_t from, uint64_t to)
{
    uint64_t base = region->base > from ? region->base : from;
    uint64_t end = region->base + region->bytes < to ? region->base + region->bytes : to;

    if (base >= end) {
        return;
    }
    enum status status =
        frame_bitmap_release_range(&bitmap, base >> FRAME_SHIFT, (end - base) >> FRAME_SHIFT);
    ASSERT(status == ST_OK, "region %lx has no frames in the bitmap", region->base);
}

/* Takes the first usable memory that the boot page tables reach for the bitmap's words. */
static enum status find_room(const struct memory_map *map, uint64_t bytes, uint64_t *room)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->region[i];
        uint64_t base = region->base > LOW_MEMORY_END ? region->base : LOW_MEMORY_END;
        if (region->kind == MEMORY_USABLE && base + bytes <= region->base + region->bytes &&
            base + bytes <= BOOT_MAPPED_END) {
            *room = base;
            return ST_OK;
        }
    }
    return ST_NO_MEMORY;
}

enum status frame_init(const struct boot_info *info)
{
    const struct memory_map *map = &info->map;
    uint64_t nframes = frames_needed(map);
    uint64_t bytes = bits_round_up(frame_bitmap_storage_bytes(nframes), FRAME_BYTES);
    uint64_t room;

    if (memory_map_bytes(map, MEMORY_USABLE) < MEMORY_MIN_BYTES ||
        find_room(map, bytes, &room) != ST_OK ||
        frame_bitmap_init(&bitmap, phys_to_virt((struct paddr){room}), nframes) != ST_OK) {
        return ST_NO_MEMORY;
    }
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->region[i];
        if (region->kind == MEMORY_USABLE) {
            /* The bitmap lies at the start of its region, or at the start of what counts of it. */
            uint64_t from = room >= region->base && room < region->base + region->bytes
                                ? room + bytes
                                : LOW_MEMORY_END;
            open_part(region, from, BOOT_MAPPED_END);
        }
    }
    return ST_OK;
}

void frame_open_all(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->map.count; i++) {
        const struct memory_region *region = &info->map.region[i];
        if (region->kind == MEMORY_USABLE) {
            open_part(region, BOOT_MAPPED_END, PHYS_LIMIT);
        } else if (region->kind == MEMORY_RECLAIMABLE) {
            open_part(region, LOW_MEMORY_END, PHYS_LIMIT);
        }
    }
}

static enum status charge(struct account *payer, uint64_t n)
{
    return payer == NULL ? ST_OK : account_charge(payer, ACCOUNT_FRAMES, n);
}

static inline void release_charge(struct account *payer, uint64_t n)
{
    if (payer != NULL) {
        account_release(payer, ACCOUNT_FRAMES, n);
    }
}

void frame_release_charge(struct account *payer, uint64_t n)
{
    release_charge(payer, n);
}

/* Makes the zeroed frames free like others. False: there was none. */
static bool mix_zeroed(void)
{
    bool any = zeroed_count != 0;

    while (zeroed_count != 0) {
        zeroed_count--;
        frame_give_back(zeroed[zeroed_count]);
    }
    return any;
}

/* Takes a frame that is paid for. */
static inline enum status take(struct paddr *out)
{
    uint64_t frame;
    enum status status = frame_bitmap_alloc(&bitmap, &frame);

    if (__builtin_expect(status != ST_OK, 0) && mix_zeroed()) {
        status = frame_bitmap_alloc(&bitmap, &frame);
    }
    if (status == ST_OK) {
        *out = (struct paddr){frame << FRAME_SHIFT};
        sanitize_mark(phys_to_virt(*out), FRAME_BYTES, SANITIZE_NOTHING);
    }
    return status;
}

enum status frame_alloc(struct account *payer, struct paddr *out)
{
    if (alloc_fails(__builtin_return_address(0))) {
        return ST_NO_MEMORY;
    }
    enum status status = charge(payer, 1);

    if (status != ST_OK) {
        return status;
    }
    status = take(out);
    if (status != ST_OK) {
        frame_release_charge(payer, 1);
    }
    return status;
}

enum status frame_alloc_zeroed(struct account *payer, struct paddr *out)
{
    if (alloc_fails(__builtin_return_address(0))) {
        return ST_NO_MEMORY;
    }
    enum status status = charge(payer, 1);

    if (status != ST_OK) {
        return status;
    }
    if (zeroed_count != 0) {
        zeroed_count--;
        *out = zeroed[zeroed_count];
        sanitize_mark(phys_to_virt(*out), FRAME_BYTES, SANITIZE_NOTHING);
        return ST_OK;
    }
    status = take(out);
    if (status != ST_OK) {
        frame_release_charge(payer, 1);
        return status;
    }
    clear_page(phys_to_virt(*out));
    return ST_OK;
}

enum status frame_alloc_many(struct account *payer, uint64_t n, struct paddr out[])
{
    enum status status = ST_OK;

    if (alloc_fails(__builtin_return_address(0))) {
        return ST_NO_MEMORY;
    }
    if (charge(payer, n) != ST_OK) {
        return ST_OVER_BUDGET;
    }
    for (uint64_t i = 0; i < n; i++) {
        status = take(&out[i]);
        if (status != ST_OK) {
            while (i > 0) {
                frame_give_back(out[--i]);
            }
            frame_release_charge(payer, n);
            break;
        }
    }
    return status;
}

enum status frame_alloc_contiguous(struct account *payer, uint64_t n, struct paddr *out)
{
    uint64_t first;

    if (alloc_fails(__builtin_return_address(0))) {
        return ST_NO_MEMORY;
    }
    enum status status = charge(payer, n);

    if (status != ST_OK) {
        return status;
    }
    status = frame_bitmap_alloc_run(&bitmap, n, &first);
    if (status != ST_OK && mix_zeroed()) {
        status = frame_bitmap_alloc_run(&bitmap, n, &first);
    }
    if (status != ST_OK) {
        frame_release_charge(payer, n);
        return status;
    }
    *out = (struct paddr){first << FRAME_SHIFT};
    sanitize_mark(phys_to_virt(*out), n << FRAME_SHIFT, SANITIZE_NOTHING);
    return ST_OK;
}

static inline void give_back(struct paddr frame)
{
    ASSERT(frame_bitmap_free(&bitmap, frame.v >> FRAME_SHIFT) == ST_OK,
           "frame %lx was freed twice, or never handed out", frame.v);
    sanitize_mark(phys_to_virt(frame), FRAME_BYTES, SANITIZE_FREE_FRAME);
}

void frame_give_back(struct paddr frame)
{
    give_back(frame);
}

/* Whether a frame is one of the zeroed ones. */
static bool is_zeroed(struct paddr frame)
{
    for (uint32_t i = 0; i < zeroed_count; i++) {
        if (zeroed[i].v == frame.v) {
            return true;
        }
    }
    return false;
}

void frame_give_back_zeroed(struct paddr frame)
{
    if (zeroed_count == ZEROED_MAX) {
        frame_give_back(frame);
        return;
    }
    ASSERT(!is_zeroed(frame) && !frame_bitmap_is_free(&bitmap, frame.v >> FRAME_SHIFT),
           "frame %lx was freed twice, or never handed out", frame.v);
    zeroed[zeroed_count] = frame;
    zeroed_count++;
    sanitize_mark(phys_to_virt(frame), FRAME_BYTES, SANITIZE_FREE_FRAME);
}

void frame_free(struct account *payer, struct paddr frame)
{
    give_back(frame);
    release_charge(payer, 1);
}

void frame_free_contiguous(struct account *payer, struct paddr first, uint64_t n)
{
    ASSERT(frame_bitmap_free_run(&bitmap, first.v >> FRAME_SHIFT, n) == ST_OK,
           "one of %lu frames at %lx was freed twice, or never handed out", n, first.v);
    sanitize_mark(phys_to_virt(first), n << FRAME_SHIFT, SANITIZE_FREE_FRAME);
    frame_release_charge(payer, n);
}

uint64_t frame_free_count(void)
{
    return frame_bitmap_free_count(&bitmap) + zeroed_count;
}

/* Whether a zeroed frame is what it should be. */
static bool zeroed_is_sound(struct paddr frame)
{
    const uint64_t *words = phys_to_virt(frame);
    uint64_t any = 0;

    sanitize_mark(words, FRAME_BYTES, SANITIZE_NOTHING);
    for (size_t i = 0; i < FRAME_BYTES / sizeof *words; i++) {
        any |= words[i];
    }
    sanitize_mark(words, FRAME_BYTES, SANITIZE_FREE_FRAME);
    return any == 0 && !frame_bitmap_is_free(&bitmap, frame.v >> FRAME_SHIFT);
}

uint64_t frame_recount(void)
{
    for (uint32_t i = 0; i < zeroed_count; i++) {
        ASSERT(zeroed_is_sound(zeroed[i]), "frame %lx is used, or is not all zeros", zeroed[i].v);
    }
    return zeroed_count + frame_bitmap_recount(&bitmap);
}

uint64_t frame_total(void)
{
    return bitmap.nframes;
}

bool frame_is_free(struct paddr frame)
{
    return frame_bitmap_is_free(&bitmap, frame.v >> FRAME_SHIFT);
}

bool frame_check(void)
{
    return frame_bitmap_check(&bitmap);
}
