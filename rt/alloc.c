// SPDX-License-Identifier: MIT
#include <rt/alloc.h>

#include <rt/heap.h>
#include <rt/panic.h>
#include <rt/string.h>

static unsigned char memory[RT_ALLOC_BYTES] __attribute__((aligned(RT_HEAP_ALIGN)));

/* The one heap of the program, made at the first call. */
static struct rt_heap *own_heap(void)
{
    static struct rt_heap heap;

    if (heap.base == NULL) {
        RT_ASSERT(rt_heap_init(&heap, memory, sizeof memory));
    }
    return &heap;
}

void *malloc(size_t bytes)
{
    return rt_heap_alloc(own_heap(), bytes);
}

void *calloc(size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        return NULL;
    }
    /* Through the heap's own function: the compiler takes malloc + memset for calloc. */
    void *p = rt_heap_alloc(own_heap(), total);
    if (p != NULL) {
        memset(p, 0, total);
    }
    return p;
}

void free(void *p)
{
    if (p == NULL) {
        return;
    }
    enum rt_heap_fault fault = rt_heap_free(own_heap(), p);
    if (fault != RT_HEAP_OK) {
        rt_panic("free(%p): %s", p, rt_heap_fault_text(fault));
    }
}

void *realloc(void *p, size_t bytes)
{
    if (p == NULL) {
        return malloc(bytes);
    }
    size_t usable = rt_heap_usable(own_heap(), p);
    if (usable == 0) {
        rt_panic("realloc(%p): %s", p, rt_heap_fault_text(RT_HEAP_NOT_OURS));
    }
    if (bytes <= usable) {
        return p;
    }
    void *moved = malloc(bytes);
    if (moved != NULL) {
        memcpy(moved, p, usable);
        free(p);
    }
    return moved;
}

size_t rt_alloc_live(void)
{
    return own_heap()->live_blocks;
}

bool rt_alloc_check(void)
{
    return rt_heap_check(own_heap());
}
