// SPDX-License-Identifier: MIT
#include "words.h"

#include <capnp/reflect.h>
#include <capnp/text.h>
#include <capos.capnp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schemas.h"

/* What stands at the end of words that were too long. */
static const char cut[] = " …";

void words_init(struct words *w)
{
    *w = (struct words){.len = 0};
}

static void add_bytes(void *self, const char *bytes, size_t len)
{
    struct words *w = self;
    size_t room = WORDS_MAX - (sizeof cut - 1u) - w->len;

    if (w->is_cut) {
        return;
    }
    size_t n = len <= room ? len : room;
    while (n < len && n > 0 && ((unsigned char)bytes[n] & 0xc0u) == 0x80u) {
        n--; /* not in the middle of a character */
    }
    memcpy(w->text + w->len, bytes, n);
    w->len += n;
    if (n < len) {
        w->is_cut = true;
        memcpy(w->text + w->len, cut, sizeof cut - 1u);
        w->len += sizeof cut - 1u;
    }
    w->text[w->len] = '\0';
}

/* Text of a message need not be what it says it is: what is told is, for terminals. */
static void make_utf8(struct words *w)
{
    if (capnp_text_is_utf8((struct capnp_text){.ptr = w->text, .len = (uint32_t)w->len})) {
        return;
    }
    for (size_t i = 0; i < w->len; i++) {
        if (((unsigned char)w->text[i] & 0x80u) != 0) {
            w->text[i] = '?';
        }
    }
}

void words_add(struct words *w, const char *format, ...)
{
    char text[WORDS_MAX];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0) {
        add_bytes(w, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1u);
    }
}

static const struct capnp_node_info *find_interface(uint64_t id)
{
    for (size_t i = 0; i < schemas_count; i++) {
        const struct capnp_node_info *node = capnp_schema_find(schemas[i], id);
        if (node != NULL && node->kind == CAPNP_NODE_INTERFACE) {
            return node;
        }
    }
    return NULL;
}

/* NULL: no schema has it. */
static const struct capnp_method_node *find_method(uint64_t interface_id, uint16_t method)
{
    const struct capnp_node_info *node = find_interface(interface_id);

    return node != NULL && method < node->method_count ? &node->methods[method] : NULL;
}

void words_add_method(struct words *w, uint64_t interface_id, uint16_t method)
{
    const struct capnp_node_info *interface = find_interface(interface_id);
    const struct capnp_method_node *node = find_method(interface_id, method);

    if (interface == NULL) {
        words_add(w, "0x%lx", interface_id);
    } else {
        words_add(w, "%s", interface->name);
    }
    if (node == NULL) {
        words_add(w, ".%u", method);
    } else {
        words_add(w, ".%s", node->name);
    }
}

void words_add_message(struct words *w, uint64_t interface_id, uint16_t method,
                       enum words_part part, const void *message, size_t bytes,
                       uint32_t capabilities)
{
    const struct capnp_method_node *node = find_method(interface_id, method);
    struct capnp_sink sink = {.write = add_bytes, .self = w};
    struct capnp_message m;

    if (node == NULL) {
        words_add(w, "(%zu bytes)", bytes);
        return;
    }
    bool is_open = capnp_message_open_flat(&m, message, bytes);
    m.capabilities = capabilities;
    struct capnp_record r =
        capnp_record_root(part == WORDS_PARAMS ? node->params : node->results, &m);
    if (!is_open || !capnp_text_render(&r, CAPNP_STYLE_SHORT, sink)) {
        words_add(w, "(%zu bytes: %s)", bytes, capnp_error_text(capnp_message_error(&m)));
    }
    make_utf8(w);
}

void words_add_reason(struct words *w, const void *message, size_t bytes)
{
    struct capnp_message m;

    if (bytes == 0 || !capnp_message_open_flat(&m, message, bytes)) {
        return;
    }
    struct capnp_text reason = capos_exception_get_reason(capos_exception_read_root(&m));
    if (reason.len != 0) {
        words_add(w, " \"%.*s\"", (int)reason.len, reason.ptr);
        make_utf8(w);
    }
}
