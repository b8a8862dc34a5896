// SPDX-License-Identifier: MIT
#include "cap/console.h"

#include <abi/limits.h>
#include <capos.capnp.h>

#include "arch/x86_64/tsc.h"
#include "cap/table.h"
#include "serial.h"

static struct cap_object console;
static uint64_t first_line_tsc;

static void note_first_line(void)
{
    if (first_line_tsc == 0) {
        first_line_tsc = tsc_read();
    }
}

static enum capnp_answer console_write(void *self, struct capnp_call *call, struct capnp_data data)
{
    (void)self;
    if (data.len > CAP_CONSOLE_WRITE_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "Console.write takes at most 4096 bytes");
    }
    note_first_line();
    serial_write((const char *)data.ptr, data.len);
    return CAPNP_ANSWERED;
}

static enum capnp_answer console_write_line(void *self, struct capnp_call *call,
                                            struct capnp_text text)
{
    (void)self;
    if (text.len > CAP_CONSOLE_WRITE_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "Console.writeLine takes at most 4096 bytes");
    }
    if (!capnp_text_is_utf8(text)) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "Console.writeLine takes UTF-8 text");
    }
    note_first_line();
    serial_write(text.ptr, text.len);
    serial_write("\n", 1);
    return CAPNP_ANSWERED;
}

_Static_assert(CAP_CONSOLE_WRITE_MAX == 4096, "the sentences above name the limit");

static const struct capos_console_server methods = {
    .write = console_write,
    .write_line = console_write_line,
};

static enum capnp_answer console_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_console_dispatch_own(&methods, object, call);
}

const struct cap_type console_type = {
    .name = "Console",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_CONSOLE_ID,
    .call = console_call,
};

void console_init(void)
{
    cap_object_init(&console, &console_type);
    kernel_table_keep(&console);
}

uint64_t console_first_line_tsc(void)
{
    return first_line_tsc;
}
