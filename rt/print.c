// SPDX-License-Identifier: MIT
#include <rt/print.h>

#include <rt/string.h>

/* Text that one rt_printf can make; what is longer is cut. */
#define TEXT_MAX 1024u

static struct {
    struct rt_ring *ring; /* NULL: nowhere to write */
    struct capos_console console;
    uint32_t length; /* of `line`: text that waits for its newline */
    char line[RT_PRINT_LINE];
} out;

void rt_print_to(struct rt_ring *ring, struct capos_console console)
{
    out.ring = ring;
    out.console = console;
    out.length = 0;
}

static bool write_bytes(const char *bytes, uint32_t n)
{
    struct capnp_data data = {.ptr = (const uint8_t *)bytes, .len = n};
    return out.ring != NULL && rt_ok(capos_console_write(out.ring, out.console, data));
}

/* A line without its newline. One that is no UTF-8 goes as the bytes it is. */
static bool write_line(const char *bytes, uint32_t n)
{
    struct capnp_text text = {.ptr = bytes, .len = n};

    if (out.ring == NULL) {
        return false;
    }
    if (!capnp_text_is_utf8(text)) {
        return write_bytes(bytes, n) && write_bytes("\n", 1);
    }
    return rt_ok(capos_console_write_line(out.ring, out.console, text));
}

bool rt_print_flush(void)
{
    uint32_t n = out.length;

    out.length = 0;
    return n == 0 || write_bytes(out.line, n);
}

static bool put(char c)
{
    if (c == '\n') {
        uint32_t n = out.length;
        out.length = 0;
        return write_line(out.line, n);
    }
    bool written = out.length < RT_PRINT_LINE || rt_print_flush();
    out.line[out.length++] = c;
    return written;
}

bool rt_vprintf(const char *format, va_list arguments)
{
    static char text[TEXT_MAX];
    size_t length = rt_vsnprintf(text, sizeof text, format, arguments);
    bool whole = length < sizeof text;

    for (size_t i = 0; text[i] != '\0'; i++) {
        whole &= put(text[i]);
    }
    return whole;
}

bool rt_printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    bool whole = rt_vprintf(format, arguments);
    va_end(arguments);
    return whole;
}
