// SPDX-License-Identifier: MIT
#include "cap/buffer.h"

#include "mem/paging.h"
#include "mem/validate.h"

/* Bytes from an address to the end of its page. */
static uint64_t to_page_end(uint64_t addr)
{
    return FRAME_BYTES - (addr & (FRAME_BYTES - 1u));
}

/*
 * Where the kernel reaches the byte at `offset` of a buffer, and how many from there
 * on lie together. NULL: it is not mapped, or not as it must be.
 */
static uint8_t *reach(const struct thread *t, const struct call_buffer *b, uint32_t offset,
                      enum page_prot prot, uint64_t *together)
{
    uint64_t addr = b->addr + offset;
    struct paddr frame;
    unsigned found;

    if (b->area != NULL) {
        *together = b->len - offset;
        return b->area + offset;
    }
    uint64_t page = bits_round_down(addr, FRAME_BYTES);
    if (aspace_find(&t->process->aspace, (struct uaddr){page}, &frame, &found) != ST_OK ||
        (found & prot) != prot) {
        return NULL;
    }
    *together = to_page_end(addr);
    return (uint8_t *)phys_to_virt(frame) + (addr - page);
}

bool buffer_pages_are_writable(const struct thread *t, const struct call_buffer *b)
{
    if (!user_range_ok((struct uaddr){b->addr}, b->len)) {
        return false;
    }
    for (uint64_t done = 0; done < b->len;) {
        uint64_t together;
        if (reach(t, b, (uint32_t)done, PAGE_WRITE, &together) == NULL) {
            return false;
        }
        done += together;
    }
    return true;
}

bool buffer_copy_in_user(const struct thread *t, void *to, const struct call_buffer *from,
                         uint32_t len)
{
    return user_copy_in(&t->process->aspace, to, (struct uaddr){from->addr}, len) == ST_OK;
}

bool buffer_copy_out_user(const struct thread *t, const struct call_buffer *to, const void *from,
                          uint32_t len)
{
    if (aspace_is_active(&t->process->aspace)) {
        return user_copy_out(&t->process->aspace, (struct uaddr){to->addr}, from, len) == ST_OK;
    }
    if (!user_range_ok((struct uaddr){to->addr}, len)) {
        return false;
    }
    for (uint32_t done = 0; done < len;) {
        uint64_t together;
        uint8_t *target = reach(t, to, done, PAGE_WRITE, &together);
        if (target == NULL) {
            return false;
        }
        uint32_t n = together < len - done ? (uint32_t)together : len - done;
        memcpy_words(target, (const uint8_t *)from + done, n);
        done += n;
    }
    return true;
}

enum buffer_copied buffer_copy_pages(const struct thread *source, const struct call_buffer *from,
                                     const struct thread *target, const struct call_buffer *to,
                                     uint32_t len)
{
    if (from->area == NULL && !user_range_ok((struct uaddr){from->addr}, len)) {
        return BUFFER_BAD_SOURCE;
    }
    for (uint32_t done = 0; done < len;) {
        uint64_t together;
        const uint8_t *piece = reach(source, from, done, PAGE_READ, &together);
        if (piece == NULL) {
            return BUFFER_BAD_SOURCE;
        }
        uint32_t n = together < len - done ? (uint32_t)together : len - done;
        struct call_buffer rest = buffer_from(to, done);
        if (!buffer_copy_out(target, &rest, piece, n)) {
            return BUFFER_BAD_TARGET;
        }
        done += n;
    }
    return BUFFER_COPIED;
}
