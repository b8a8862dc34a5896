// SPDX-License-Identifier: MIT
/* The sentence for what was refused, and its place and name as text. */
#include "manifest_check.h"

/* Bounded and always terminated; what does not fit is dropped. */
struct sink {
    char *text;
    size_t room; /* at least 1 */
    size_t len;
};

static void sink_char(struct sink *s, char c)
{
    if (s->len + 1 < s->room) {
        s->text[s->len++] = c;
    }
    s->text[s->len] = '\0';
}

static void sink_string(struct sink *s, const char *string)
{
    while (*string != '\0') {
        sink_char(s, *string++);
    }
}

static void sink_decimal(struct sink *s, uint64_t value)
{
    if (value >= 10) {
        sink_decimal(s, value / 10);
    }
    sink_char(s, (char)('0' + value % 10));
}

static void sink_interface(struct sink *s, uint64_t id)
{
    sink_string(s, "0x");
    for (unsigned shift = 64; shift != 0; shift -= 4) {
        sink_char(s, "0123456789abcdef"[id >> (shift - 4) & 15u]);
    }
    for (size_t i = 0; i < capos_interfaces_count; i++) {
        if (capos_interfaces[i].id == id) {
            sink_string(s, " (");
            sink_string(s, capos_interfaces[i].name);
            sink_char(s, ')');
        }
    }
}

static void sink_place(struct sink *s, struct manifest_place at)
{
    const char *lists[] = {at.list, at.sublist};
    uint32_t indices[] = {at.index, at.subindex};
    const char *dot = "";

    for (size_t i = 0; i < 2; i++) {
        if (lists[i] != NULL) {
            sink_string(s, dot);
            sink_string(s, lists[i]);
            sink_char(s, '[');
            sink_decimal(s, indices[i]);
            sink_char(s, ']');
            dot = ".";
        }
    }
    if (at.field != NULL) {
        sink_string(s, dot);
        sink_string(s, at.field);
    }
}

/* A name as far as it is printable, and no longer than a name can be. */
static void sink_name(struct sink *s, struct capnp_text name)
{
    for (uint32_t i = 0; i < name.len && i < CAP_NAME_MAX; i++) {
        char c = name.ptr[i];
        if (c < ' ' || c > '~') {
            c = '?';
        }
        sink_char(s, c);
    }
    if (name.len > CAP_NAME_MAX) {
        sink_string(s, "...");
    }
}

size_t manifest_fault_text(const struct manifest_fault *fault, char *text, size_t room)
{
    static const char *const sentences[MANIFEST_ERROR_COUNT] = {
#define MANIFEST_ERROR_SENTENCE(name, sentence) [MANIFEST_##name] = (sentence),
        MANIFEST_ERROR_LIST(MANIFEST_ERROR_SENTENCE)
#undef MANIFEST_ERROR_SENTENCE
    };
    struct sink s = {.text = text, .room = room};

    text[0] = '\0';
    for (const char *c = sentences[fault->error]; *c != '\0'; c++) {
        if (*c != '%') {
            sink_char(&s, *c);
            continue;
        }
        switch (*++c) {
        case 'p':
            sink_string(&s, fault->path);
            break;
        case 'n':
            sink_string(&s, fault->name);
            break;
        case 'd':
            sink_string(&s, fault->detail);
            break;
        case 'f':
            sink_decimal(&s, fault->found);
            break;
        case 'l':
            sink_decimal(&s, fault->least);
            break;
        case 'm':
            sink_decimal(&s, fault->most);
            break;
        case 'x':
            sink_interface(&s, fault->found);
            break;
        case 'y':
            sink_interface(&s, fault->least);
            break;
        }
    }
    return s.len;
}

bool manifest_refuse(struct manifest_check *check, struct manifest_place at, struct capnp_text name,
                     struct manifest_fault why)
{
    struct sink path = {.text = why.path, .room = sizeof why.path};
    struct sink printable = {.text = why.name, .room = sizeof why.name};

    sink_place(&path, at);
    sink_name(&printable, name);
    *check->fault = why;
    return false;
}
