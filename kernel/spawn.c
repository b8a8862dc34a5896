// SPDX-License-Identifier: MIT
#include "spawn.h"

#include <abi/capset.h>
#include <abi/layout.h>
#include <lib/bits.h>

#include "cap/cap.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "string.h"

static void list_pieces(struct spawn *s)
{
    const struct elf_image *elf = &s->elf;

    for (uint32_t i = 0; i < elf->segment_count; i++) {
        s->pieces[s->piece_count++] = elf->segments[i];
    }
    if (elf->has_tls) {
        uint64_t start = elf_tls_start(elf);
        s->pieces[s->piece_count++] = (struct elf_segment){.vaddr = start,
                                                           .mem_bytes = USER_TLS_TOP - start,
                                                           .file_offset = elf->tls_file_offset,
                                                           .file_bytes = elf->tls_file_bytes,
                                                           .writable = true};
    }
    s->pieces[s->piece_count++] = (struct elf_segment){.vaddr = USER_STACK_TOP - USER_STACK_BYTES,
                                                       .mem_bytes = USER_STACK_BYTES,
                                                       .writable = true};
}

enum status spawn_begin(struct spawn *spawn, const struct spawn_params *params, const char **reason)
{
    *spawn = (struct spawn){.params = params};
    enum elf_error error = elf_parse(params->image.ptr, params->image.len, &spawn->elf);
    if (error != ELF_OK) {
        *reason = elf_error_text(error);
        return ST_INVALID;
    }
    list_pieces(spawn);
    enum status status = process_create(params->parent, &params->limits, params->on_end,
                                        params->owner, &spawn->process);
    if (status != ST_OK) {
        *reason = status_text(status);
    }
    return status;
}

/* What of the image lies in the page at va. */
static void fill_page(uint8_t *page, uint64_t va, const struct elf_segment *piece,
                      const uint8_t *image)
{
    uint64_t file_end = piece->vaddr + piece->file_bytes;
    uint64_t from = va > piece->vaddr ? va : piece->vaddr;
    uint64_t to = va + FRAME_BYTES < file_end ? va + FRAME_BYTES : file_end;

    if (from < to) {
        memcpy(page + (from - va), image + piece->file_offset + (from - piece->vaddr), to - from);
    }
}

/* Maps a frame that the process has been charged for, or gives it back. */
static enum status map_frame(struct process *p, uint64_t va, struct paddr frame, unsigned prot)
{
    enum status status = aspace_map(&p->aspace, (struct uaddr){va}, frame, prot, true);
    if (status != ST_OK) {
        frame_free(&p->account, frame);
    }
    return status;
}

static enum status map_page(struct spawn *s, const struct elf_segment *piece, uint64_t va)
{
    struct process *p = s->process;
    struct paddr frame;

    enum status status = frame_alloc_zeroed(&p->account, &frame);
    if (status != ST_OK) {
        return status;
    }
    fill_page(phys_to_virt(frame), va, piece, s->params->image.ptr);
    unsigned prot = (piece->writable ? PAGE_WRITE : 0u) | (piece->executable ? PAGE_EXEC : 0u);
    return map_frame(p, va, frame, prot);
}

/* A slice of pieces. ST_PENDING while some are left. */
static enum status map_pieces(struct spawn *s)
{
    for (unsigned n = 0; n < SPAWN_PAGES_PER_STEP; n++) {
        const struct elf_segment *piece = &s->pieces[s->piece];
        uint64_t va = s->next_page != 0 ? s->next_page : elf_segment_page_first(piece);

        enum status status = map_page(s, piece, va);
        if (status != ST_OK) {
            return status;
        }
        s->next_page = va + FRAME_BYTES;
        if (s->next_page == elf_segment_page_end(piece)) {
            s->next_page = 0;
            s->piece++;
        }
        if (s->piece == s->piece_count) {
            return ST_OK;
        }
    }
    return ST_PENDING;
}

/* FS base points to the control block, and its first word to itself. */
static enum status make_tls_control(struct spawn *s)
{
    struct process *p = s->process;
    struct paddr frame;

    if (!s->elf.has_tls) {
        return ST_OK;
    }
    uint64_t base = elf_tls_control(&s->elf);
    uint64_t page = bits_round_down(base, FRAME_BYTES);
    enum status status = aspace_find(&p->aspace, (struct uaddr){page}, &frame, NULL);
    if (status == ST_OK) {
        memcpy((uint8_t *)phys_to_virt(frame) + (base - page), &base, sizeof base);
        p->thread.fs_base = base;
    }
    return status;
}

/* A record for each completion that the ring can keep a place for. */
static enum status make_calls(struct process *p, const struct ring_layout *layout)
{
    uint32_t count = layout->cq_entries - layout->sq_entries;

    if (count != 0) {
        p->calls_storage = heap_alloc(&p->account, count * sizeof(struct call));
        if (p->calls_storage == NULL) {
            return ST_NO_MEMORY;
        }
    }
    call_pool_init(&p->thread.pool, p->calls_storage, count, &p->thread);
    return ST_OK;
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
    ring_format(region, layout);
    ring_view_init(&p->thread.ring, region, layout);
    p->thread.cq_entries = layout->cq_entries;
    p->area = (uint8_t *)region + layout->area_offset;
    p->area_vaddr = USER_RING_VADDR + layout->area_offset;
    p->area_bytes = layout->area_bytes;
    status = make_calls(p, layout);
    for (uint64_t i = 0; i < nframes && status == ST_OK; i++) {
        struct paddr frame = {p->ring_frames.v + i * FRAME_BYTES};
        struct uaddr va = {USER_RING_VADDR + i * FRAME_BYTES};
        status = aspace_map(&p->aspace, va, frame, PAGE_WRITE, false);
    }
    return status;
}

/* Grants what the parameters say and lists it, in their order. */
static enum status fill_capset(struct spawn *s, struct capset_header *header)
{
    const struct spawn_params *params = s->params;
    struct capset_entry *entries = (struct capset_entry *)(header + 1);

    *header = (struct capset_header){
        .magic = CAPSET_MAGIC, .version = CAPSET_VERSION, .count = params->grant_count};
    for (uint32_t i = 0; i < params->grant_count; i++) {
        const struct spawn_grant *grant = &params->grants[i];
        struct capset_entry *entry = &entries[i];

        enum status status = process_grant(s->process, grant->object, grant->badge, &entry->cap_id);
        if (status != ST_OK) {
            return status;
        }
        entry->interface_id = grant->object->type->interface_id;
        entry->badge = grant->badge;
        entry->name_len = (uint8_t)grant->name.len;
        memcpy(entry->name, grant->name.ptr, grant->name.len);
    }
    return ST_OK;
}

static enum status make_capset(struct spawn *s)
{
    struct process *p = s->process;
    struct paddr frame;

    enum status status = frame_alloc_zeroed(&p->account, &frame);
    if (status != ST_OK) {
        return status;
    }
    status = fill_capset(s, phys_to_virt(frame));
    if (status != ST_OK) {
        frame_free(&p->account, frame);
        return status;
    }
    return map_frame(p, USER_CAPSET_VADDR, frame, PAGE_READ);
}

static enum status step(struct spawn *s)
{
    if (s->process->state == PROCESS_DYING) {
        return ST_DENIED; /* killed meanwhile */
    }
    if (s->piece < s->piece_count) {
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
        context_init(&p->thread.context, spawn->elf.entry, USER_STACK_TOP - 8u, USER_RING_VADDR,
                     p->pid, USER_CAPSET_VADDR);
    } else if (status != ST_PENDING) {
        process_fail(p, status_text(status));
    }
    return status;
}
