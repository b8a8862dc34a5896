// SPDX-License-Identifier: MIT
/* The lazy buffer; its contract is in the header. */
#include <lib/lazy_buffer.h>

#include <lib/assert.h>

void lazy_buffer_init(struct lazy_buffer *buffer, size_t limit_bytes)
{
    *buffer = (struct lazy_buffer){.limit_bytes = limit_bytes};
}

enum status lazy_buffer_get(struct lazy_buffer *buffer, const struct lazy_buffer_source *source,
                            size_t bytes, void **memory)
{
    void *larger;

    if (bytes == 0) {
        return ST_INVALID;
    }
    if (bytes > buffer->limit_bytes) {
        return ST_FULL;
    }
    if (bytes <= buffer->bytes) {
        *memory = buffer->memory;
        return ST_OK;
    }
    larger = source->alloc(source->context, bytes);
    if (larger == NULL) {
        return ST_NO_MEMORY;
    }
    lazy_buffer_drop(buffer, source);
    buffer->memory = larger;
    buffer->bytes = bytes;
    *memory = larger;
    return ST_OK;
}

void lazy_buffer_drop(struct lazy_buffer *buffer, const struct lazy_buffer_source *source)
{
    LIB_ASSERT(lazy_buffer_check(buffer), "a lazy buffer's memory and size agree");
    if (buffer->memory == NULL) {
        return;
    }
    source->free(source->context, buffer->memory, buffer->bytes);
    buffer->memory = NULL;
    buffer->bytes = 0;
}

bool lazy_buffer_check(const struct lazy_buffer *buffer)
{
    return (buffer->memory == NULL) == (buffer->bytes == 0) && buffer->bytes <= buffer->limit_bytes;
}
