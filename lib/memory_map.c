// SPDX-License-Identifier: MIT
#include <lib/memory_map.h>

#include <lib/bits.h>
#include <stddef.h>

static uint64_t region_end(const struct memory_region *region)
{
    return region->base + region->bytes;
}

static bool kind_is_free(enum memory_kind kind)
{
    return kind == MEMORY_USABLE || kind == MEMORY_RECLAIMABLE;
}

/* Puts a region behind the others, or makes the last one longer. False: full. */
static bool append(struct memory_map *map, uint32_t max, struct memory_region region)
{
    struct memory_region *last = map->count == 0 ? NULL : &map->region[map->count - 1];

    if (last != NULL && last->kind == region.kind && region_end(last) == region.base) {
        last->bytes += region.bytes;
        return true;
    }
    if (map->count == max) {
        return false;
    }
    map->region[map->count++] = region;
    return true;
}

bool memory_map_add(struct memory_map *raw, uint64_t base, uint64_t bytes, enum memory_kind kind,
                    uint64_t limit)
{
    uint64_t end = base + bytes;
    bool wraps = end < base;

    if (bytes == 0 || base >= limit || (wraps && kind_is_free(kind))) {
        return true;
    }
    if (wraps || end > limit) {
        end = limit;
    }
    if (kind_is_free(kind)) {
        base = bits_round_up(base, MEMORY_MAP_PAGE);
        end = bits_round_down(end, MEMORY_MAP_PAGE);
    } else {
        base = bits_round_down(base, MEMORY_MAP_PAGE);
        end = bits_round_up(end, MEMORY_MAP_PAGE);
    }
    if (base >= end) {
        return true;
    }
    return append(raw, MEMORY_MAP_RAW_MAX,
                  (struct memory_region){.base = base, .bytes = end - base, .kind = kind});
}

/* The first boundary of any entry at or behind `from`. False: there is none. */
static bool next_boundary(const struct memory_map *raw, uint64_t from, uint64_t *boundary)
{
    bool found = false;

    for (uint32_t i = 0; i < raw->count; i++) {
        const uint64_t ends[2] = {raw->region[i].base, region_end(&raw->region[i])};
        for (uint32_t j = 0; j < 2; j++) {
            if (ends[j] >= from && (!found || ends[j] < *boundary)) {
                *boundary = ends[j];
                found = true;
            }
        }
    }
    return found;
}

/* The kind that wins at an address, the lowest if none does. False: no entry lists it. */
static bool kind_at(const struct memory_map *raw, uint64_t address, enum memory_kind *kind)
{
    bool found = false;

    *kind = MEMORY_USABLE;
    for (uint32_t i = 0; i < raw->count; i++) {
        const struct memory_region *region = &raw->region[i];
        if (address < region->base || address >= region_end(region)) {
            continue;
        }
        if (region->kind > *kind) {
            *kind = region->kind;
        }
        found = true;
    }
    return found;
}

void memory_map_normalise(const struct memory_map *raw, struct memory_map *out)
{
    uint64_t at;
    uint64_t next;

    out->count = 0;
    if (!next_boundary(raw, 0, &at)) {
        return;
    }
    /* Between two boundaries that follow each other, the same entries apply throughout. */
    for (; next_boundary(raw, at + 1, &next); at = next) {
        enum memory_kind kind;
        if (kind_at(raw, at, &kind)) {
            (void)append(out, MEMORY_MAP_MAX,
                         (struct memory_region){.base = at, .bytes = next - at, .kind = kind});
        }
    }
}

bool memory_map_covers(const struct memory_map *map, uint64_t base, uint64_t bytes,
                       enum memory_kind kind)
{
    uint64_t end = base + bytes;

    for (uint32_t i = 0; i < map->count && base < end; i++) {
        const struct memory_region *region = &map->region[i];
        if (region->kind == kind && region->base <= base && base < region_end(region)) {
            base = region_end(region);
        }
    }
    return base >= end;
}

uint64_t memory_map_bytes(const struct memory_map *map, enum memory_kind kind)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < map->count; i++) {
        bytes += map->region[i].kind == kind ? map->region[i].bytes : 0;
    }
    return bytes;
}

bool memory_map_check(const struct memory_map *map)
{
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_region *region = &map->region[i];
        if (region->bytes == 0 || region->kind >= MEMORY_KINDS ||
            region->base % MEMORY_MAP_PAGE != 0 || region->bytes % MEMORY_MAP_PAGE != 0) {
            return false;
        }
        if (i == 0) {
            continue;
        }
        const struct memory_region *before = region - 1;
        if (region->base < region_end(before) ||
            (region->base == region_end(before) && region->kind == before->kind)) {
            return false;
        }
    }
    return map->count <= MEMORY_MAP_MAX;
}
