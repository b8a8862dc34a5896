// SPDX-License-Identifier: MIT
#include "spawn.h"

#include <abi/capset.h>
#include <abi/layout.h>
#include <lib/bits.h>

#include "arch/x86_64/clear.h"
#include "cap/capability_manager.h"
#include "cap/matching.h"
#include "cap/virtual_memory.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "string.h"

static uint32_t piece_count(const struct spawn *s)
{
    const struct elf_image *elf = &s->params->program->elf;

    return elf->segment_count + (elf->has_tls ? 1u : 0u) + 1u;
}

/* The image's segments, the TLS block if there is one, the stack. */
static struct elf_segment piece_at(const struct spawn *s, uint32_t i)
{
    const struct elf_image *elf = &s->params->program->elf;

    if (i < elf->segment_count) {
        return elf->segments[i];
    }
    if (i + 1u < piece_count(s)) {
        uint64_t start = elf_tls_start(elf);
        return (struct elf_segment){.vaddr = start,
                                    .mem_bytes = USER_TLS_TOP - start,
                                    .file_offset = elf->tls_file_offset,
                                    .file_bytes = elf->tls_file_bytes,
                                    .writable = true};
    }
    return (struct elf_segment){.vaddr = USER_STACK_TOP - USER_STACK_BYTES,
                                .mem_bytes = USER_STACK_BYTES,
                                .writable = true};
}

struct process_limits spawn_limits(struct capos_limits limits, const struct ring_layout *ring)
{
    uint32_t calls = capos_limits_get_calls(limits);

    return (struct process_limits){
        .frames = capos_limits_get_frames(limits),
        .slots = capos_limits_get_cap_slots(limits),
        .calls = calls != 0 ? calls : ring->cq_entries - ring->sq_entries,
        .processes = capos_limits_get_processes(limits),
    };
}

enum status spawn_begin(struct spawn *spawn, const struct spawn_params *params, const char **reason)
{
    *spawn = (struct spawn){.params = params};
    enum status status = process_create(params->parent, &params->limits, params->on_end,
                                        params->owner, &spawn->process);
    if (status != ST_OK) {
        *reason = status_text(status);
        return status;
    }
    memcpy(spawn->process->name, params->name, sizeof params->name);
    return ST_OK;
}

/* What of the image lies in the page at va, and zeros. */
static void fill_page(uint8_t *page, uint64_t va, const struct elf_segment *piece,
                      const uint8_t *image)
{
    uint64_t file_end = piece->vaddr + piece->file_bytes;
    uint64_t from = va > piece->vaddr ? va : piece->vaddr;
    uint64_t to = va + FRAME_BYTES < file_end ? va + FRAME_BYTES : file_end;

    if (to < from + FRAME_BYTES) {
        clear_page(page);
    }
    if (from < to) {
        memcpy(page + (from - va), image + piece->file_offset + (from - piece->vaddr), to - from);
    }
}

/* Maps pages of the file itself: the process pays for none of them. */
static enum status map_shared(struct spawn *s, const struct elf_segment *piece, uint64_t va,
                              uint64_t n, unsigned prot)
{
    const uint8_t *file = s->params->program->image.ptr;
    struct paddr frames[SPAWN_PAGES_PER_STEP];
    struct paddr first = virt_to_phys(file + piece->file_offset + (va - piece->vaddr));

    for (uint64_t i = 0; i < n; i++) {
        frames[i] = (struct paddr){first.v + i * FRAME_BYTES};
    }
    return aspace_map_pages(&s->process->aspace, (struct uaddr){va}, frames, n, prot, false);
}

/* Maps frames that the process has been charged for, or gives them back. */
static enum status map_frames(struct process *p, uint64_t va, const struct paddr frames[],
                              uint64_t n, unsigned prot)
{
    enum status status = aspace_map_pages(&p->aspace, (struct uaddr){va}, frames, n, prot, true);

    for (uint64_t i = 0; status != ST_OK && i < n; i++) {
        frame_free(&p->account, frames[i]);
    }
    return status;
}

/* Maps pages that are the process's own. */
static enum status map_own(struct spawn *s, const struct elf_segment *piece, uint64_t va,
                           uint64_t n, unsigned prot)
{
    struct paddr frames[SPAWN_PAGES_PER_STEP];

    enum status status = frame_alloc_many(&s->process->account, n, frames);
    if (status != ST_OK) {
        return status;
    }
    for (uint64_t i = 0; i < n; i++) {
        fill_page(phys_to_virt(frames[i]), va + i * FRAME_BYTES, piece,
                  s->params->program->image.ptr);
    }
    return map_frames(s->process, va, frames, n, prot);
}

/* Maps a run of pages from `va` on, `most` at the most; *end is the address behind them. */
static enum status map_run(struct spawn *s, const struct elf_segment *piece, uint64_t va,
                           uint64_t most, uint64_t *end)
{
    unsigned prot = (piece->writable ? PAGE_WRITE : 0u) | (piece->executable ? PAGE_EXEC : 0u);
    uint64_t file_at = (uint64_t)s->params->program->image.ptr;
    bool shared = elf_segment_shares(piece, va, file_at, end);
    uint64_t n = (*end - va) / FRAME_BYTES;

    if (n > most) {
        n = most;
        *end = va + n * FRAME_BYTES;
    }
    return shared ? map_shared(s, piece, va, n, prot) : map_own(s, piece, va, n, prot);
}

/* A slice of pieces. ST_PENDING while some are left. */
static enum status map_pieces(struct spawn *s)
{
    uint64_t left = SPAWN_PAGES_PER_STEP;

    while (s->piece < piece_count(s)) {
        struct elf_segment piece = piece_at(s, s->piece);
        uint64_t va = s->next_page != 0 ? s->next_page : elf_segment_page_first(&piece);

        if (left == 0) {
            return ST_PENDING;
        }
        enum status status = map_run(s, &piece, va, left, &s->next_page);
        if (status != ST_OK) {
            return status;
        }
        left -= (s->next_page - va) / FRAME_BYTES;
        if (s->next_page == elf_segment_page_end(&piece)) {
            s->next_page = 0;
            s->piece++;
        }
    }
    return ST_OK;
}

/* FS base points to the control block, and its first word to itself. */
static enum status make_tls_control(struct spawn *s)
{
    const struct elf_image *elf = &s->params->program->elf;
    struct process *p = s->process;
    struct paddr frame;

    if (!elf->has_tls) {
        return ST_OK;
    }
    uint64_t base = elf_tls_control(elf);
    uint64_t page = bits_round_down(base, FRAME_BYTES);
    enum status status = aspace_find(&p->aspace, (struct uaddr){page}, &frame, NULL);
    if (status == ST_OK) {
        memcpy((uint8_t *)phys_to_virt(frame) + (base - page), &base, sizeof base);
        p->thread.fs_base = base;
    }
    return status;
}

/* A record for each completion that the ring can keep a place for, as far as the limit goes. */
static enum status make_calls(struct spawn *s)
{
    const struct ring_layout *layout = &s->params->ring;
    struct process *p = s->process;
    uint32_t count = layout->cq_entries - layout->sq_entries;

    if (count > s->params->limits.calls) {
        count = s->params->limits.calls;
    }
    if (count != 0) {
        p->calls_storage = heap_alloc(&p->account, count * sizeof(struct call));
        if (p->calls_storage == NULL) {
            return ST_NO_MEMORY;
        }
    }
    enum status status = account_charge(&p->account, ACCOUNT_CALLS, count);
    if (status == ST_OK) {
        call_pool_init(&p->thread.pool, p->calls_storage, count, &p->thread);
    }
    return status;
}

/* Words of an area at which a message of so many bytes may begin. */
static uint64_t places_for(uint32_t area_bytes, uint32_t bytes)
{
    return area_bytes < bytes ? 0 : (area_bytes - bytes) / 8u + 1u;
}

static enum status map_ring(struct process *p)
{
    struct paddr frames[USER_RING_BYTES / FRAME_BYTES];

    for (uint64_t i = 0; i < p->ring_nframes; i++) {
        frames[i] = (struct paddr){p->ring_frames.v + i * FRAME_BYTES};
    }
    return aspace_map_pages(&p->aspace, (struct uaddr){USER_RING_VADDR}, frames, p->ring_nframes,
                            PAGE_WRITE, false);
}

/* At most USER_RING_BYTES, in one slice. */
static enum status make_ring(struct spawn *s)
{
    const struct ring_layout *layout = &s->params->ring;
    struct process *p = s->process;
    uint64_t nframes = layout->region_bytes / FRAME_BYTES;

    enum status status = frame_alloc_contiguous(&p->account, nframes, &p->ring_frames);
    if (status != ST_OK) {
        return status;
    }
    p->ring_nframes = nframes;
    void *region = phys_to_virt(p->ring_frames);
    for (uint64_t i = 0; i < nframes; i++) {
        clear_page((uint8_t *)region + i * FRAME_BYTES);
    }
    ring_format(region, layout);
    ring_view_init(&p->thread.ring, region, layout);
    p->thread.cq_entries = layout->cq_entries;
    p->area = (uint8_t *)region + layout->area_offset;
    p->area_vaddr = USER_RING_VADDR + layout->area_offset;
    p->area_bytes = layout->area_bytes;
    p->area_delta = (uint64_t)p->area - p->area_vaddr;
    p->area_short_places = places_for(layout->area_bytes, SHORT_MESSAGE_BYTES);
    p->area_long_places = places_for(layout->area_bytes, LONG_MESSAGE_BYTES);
    status = make_calls(s);
    return status == ST_OK ? map_ring(p) : status;
}

/* Makes, once each, the objects that the grants ask for; what is there belongs to the caller. */
static enum status make_objects(const struct spawn *s, struct cap_object *made[SPAWN_SOURCES])
{
    const struct spawn_params *params = s->params;
    enum status status = ST_OK;

    for (uint32_t i = 0; i < params->grant_count && status == ST_OK; i++) {
        enum spawn_source source = params->grants[i].source;

        if (source == SPAWN_HOLD || made[source] != NULL) {
            continue;
        }
        status = source == SPAWN_VIRTUAL_MEMORY
                     ? virtual_memory_create(s->process, &made[source])
                     : capability_manager_create(s->process, &made[source]);
    }
    return status;
}

static struct cap_hold hold_of_made(struct cap_object *object)
{
    cap_hold(object);
    return (struct cap_hold){
        .object = object, .interface_id = object->type->interface_id, .transferable = true};
}

/* Lists the grants under their reserved ids, in their order, and puts in place what was made. */
static void fill_capset(struct spawn *s, struct cap_object *const made[SPAWN_SOURCES],
                        struct capset_header *header)
{
    const struct spawn_params *params = s->params;
    struct capset_entry *entries = (struct capset_entry *)(header + 1);

    *header = (struct capset_header){
        .magic = CAPSET_MAGIC, .version = CAPSET_VERSION, .count = params->grant_count};
    for (uint32_t i = 0; i < params->grant_count; i++) {
        const struct spawn_grant *grant = &params->grants[i];
        struct cap_hold hold = grant->hold;

        if (grant->source != SPAWN_HOLD) {
            hold = hold_of_made(made[grant->source]);
            cap_table_commit(&s->process->caps, grant->id, &hold);
        }
        entries[i] = (struct capset_entry){.cap_id = grant->id,
                                           .interface_id = hold.interface_id,
                                           .name_len = (uint8_t)grant->name.len,
                                           .badge = hold.badge};
        memcpy(entries[i].name, grant->name.ptr, grant->name.len);
    }
}

static enum status map_capset(struct process *p)
{
    struct paddr frame;

    enum status status = frame_alloc_zeroed(&p->account, &frame);
    if (status == ST_OK) {
        status = map_frames(p, USER_CAPSET_VADDR, &frame, 1, PAGE_READ);
    }
    if (status == ST_OK) {
        p->capset = phys_to_virt(frame);
    }
    return status;
}

static enum status reserve_ids(struct spawn *s)
{
    const struct spawn_params *params = s->params;
    uint64_t ids[MANIFEST_CAPS_MAX];

    enum status status = process_reserve_caps(s->process, params->grant_count, ids);
    if (status != ST_OK) {
        return status;
    }
    for (uint32_t i = 0; i < params->grant_count; i++) {
        params->grants[i].id = ids[i];
    }
    s->reserved = true;
    return ST_OK;
}

static enum status make_capset(struct spawn *s)
{
    struct cap_object *made[SPAWN_SOURCES] = {NULL};
    struct process *p = s->process;

    enum status status = map_capset(p);
    if (status == ST_OK) {
        status = make_objects(s, made);
    }
    if (status == ST_OK) {
        status = reserve_ids(s);
    }
    if (status == ST_OK) {
        fill_capset(s, made, p->capset);
    }
    for (unsigned i = 0; i < SPAWN_SOURCES; i++) {
        if (made[i] != NULL) {
            cap_drop(made[i]);
        }
    }
    return status;
}

static enum status step(struct spawn *s)
{
    if (s->process->state == PROCESS_DYING) {
        return ST_DENIED; /* killed meanwhile */
    }
    if (s->piece < piece_count(s)) {
        enum status status = map_pieces(s);
        return status == ST_OK ? ST_PENDING : status;
    }
    enum status status = make_tls_control(s);
    if (status == ST_OK) {
        status = make_ring(s);
    }
    if (status == ST_OK) {
        status = make_capset(s);
    }
    return status;
}

enum status spawn_step(struct spawn *spawn)
{
    struct process *p = spawn->process;

    enum status status = step(spawn);
    if (status == ST_OK) {
        context_init(&p->thread.context, spawn->params->program->elf.entry, USER_STACK_TOP - 8u,
                     USER_RING_VADDR, p->pid, USER_CAPSET_VADDR);
    } else if (status != ST_PENDING) {
        spawn_abandon(spawn, status_text(status));
    }
    return status;
}

void spawn_start(struct spawn *spawn)
{
    const struct spawn_params *params = spawn->params;
    struct process *p = spawn->process;

    for (uint32_t i = 0; i < params->grant_count; i++) {
        if (params->grants[i].source == SPAWN_HOLD) {
            cap_table_commit(&p->caps, params->grants[i].id, &params->grants[i].hold);
        }
    }
    process_start(p);
}

void spawn_abandon(struct spawn *spawn, const char *reason)
{
    const struct spawn_params *params = spawn->params;

    for (uint32_t i = spawn->reserved ? params->grant_count : 0; i > 0; i--) {
        if (params->grants[i - 1].source == SPAWN_HOLD) {
            process_cancel_caps(spawn->process, 1, &params->grants[i - 1].id);
        }
    }
    process_fail(spawn->process, reason);
}
