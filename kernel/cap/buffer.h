// SPDX-License-Identifier: MIT
/*
 * A program's claim about a buffer, checked, and copies in and out of it.
 *
 * A buffer in the message area is reached through the direct map, whoever runs.
 * One elsewhere lies in its program's address space: while that is the active one
 * the processor checks each access; otherwise the page tables are walked, and the
 * pages reached through the direct map. Nothing a program does to its mappings can
 * fault the kernel, so every copy may fail, even after a check that it would not.
 *
 * Lengths are multiples of 8.
 */
#pragma once

#include <abi/limits.h>
#include <lib/bits.h>
#include <lib/call.h>
#include <stdbool.h>
#include <stdint.h>

#include "process.h"
#include "thread.h"
#include "words.h"

/* Where a range of addresses lies, if it is aligned; whether it is mapped is found out later. */
static inline bool buffer_locate(const struct thread *t, uint64_t addr, uint32_t len,
                                 struct call_buffer *out)
{
    if (__builtin_expect(((addr | len) & 7u) != 0, 0)) {
        return false;
    }
    uint64_t offset = addr - t->process->area_vaddr;
    bool inside = bits_range_fits(offset, len, t->process->area_bytes);
    *out = (struct call_buffer){
        .area = inside ? t->process->area + offset : NULL,
        .addr = addr,
        .len = len,
        .near = inside ? len : 0,
    };
    return true;
}

/* A message as abi/ring.h wants it, and so many bytes of descriptors behind it. */
static inline bool buffer_decode_message(const struct thread *t, uint64_t addr, uint32_t len,
                                         uint32_t behind, struct call_buffer *out)
{
    return __builtin_expect(len <= CAP_MESSAGE_MAX, 1) && buffer_locate(t, addr, len + behind, out);
}

/* Room for a message and what comes around it. */
static inline bool buffer_decode_room(const struct thread *t, uint64_t addr, uint32_t len,
                                      struct call_buffer *out)
{
    return __builtin_expect(len <= CAP_ROOM_MAX, 1) && buffer_locate(t, addr, len, out);
}

/* The part of a buffer from `offset` on, which is at most its length. */
static inline struct call_buffer buffer_from(const struct call_buffer *b, uint32_t offset)
{
    return (struct call_buffer){
        .area = b->area != NULL ? b->area + offset : NULL,
        .addr = b->addr + offset,
        .len = b->len - offset,
        .near = b->area != NULL ? b->len - offset : 0,
    };
}

/* The slow part of buffer_is_writable. */
bool buffer_pages_are_writable(const struct thread *t, const struct call_buffer *b);

/* Before a call, so that one which had an effect can be answered unless it unmaps the buffer. */
static inline bool buffer_is_writable(const struct thread *t, const struct call_buffer *b)
{
    return __builtin_expect(b->area != NULL || b->len == 0, 1) || buffer_pages_are_writable(t, b);
}

/* The slow parts of the next two. */
bool buffer_copy_in_user(const struct thread *t, void *to, const struct call_buffer *from,
                         uint32_t len);
bool buffer_copy_out_user(const struct thread *t, const struct call_buffer *to, const void *from,
                          uint32_t len);

/* Copies the first `len` bytes, at most its length, of the thread that runs. False: not mapped. */
static inline bool buffer_copy_in(const struct thread *t, void *to, const struct call_buffer *from,
                                  uint32_t len)
{
    if (__builtin_expect(from->area == NULL && len != 0, 0)) {
        return buffer_copy_in_user(t, to, from, len);
    }
    memcpy_words(to, from->area, len);
    return true;
}

/* The other way, for any thread. False: not mapped, or not writable. */
static inline bool buffer_copy_out(const struct thread *t, const struct call_buffer *to,
                                   const void *from, uint32_t len)
{
    if (__builtin_expect(to->area == NULL && len != 0, 0)) {
        return buffer_copy_out_user(t, to, from, len);
    }
    memcpy_words(to->area, from, len);
    return true;
}

/* What came of a copy between two programs. */
enum buffer_copied { BUFFER_COPIED, BUFFER_BAD_SOURCE, BUFFER_BAD_TARGET };

/* The slow part of buffer_copy. */
enum buffer_copied buffer_copy_pages(const struct thread *source, const struct call_buffer *from,
                                     const struct thread *target, const struct call_buffer *to,
                                     uint32_t len);

/* Copies the first `len` bytes, at most either's length, from one program to another. */
static inline enum buffer_copied buffer_copy(const struct thread *source,
                                             const struct call_buffer *from,
                                             const struct thread *target,
                                             const struct call_buffer *to, uint32_t len)
{
    if (__builtin_expect((from->area == NULL || to->area == NULL) && len != 0, 0)) {
        return buffer_copy_pages(source, from, target, to, len);
    }
    memcpy_words(to->area, from->area, len);
    return BUFFER_COPIED;
}
