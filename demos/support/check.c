// SPDX-License-Identifier: MIT
#include <support/check.h>

#include <abi/ring.h>
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/format.h>
#include <rt/panic.h>
#include <rt/print.h>
#include <rt/syscall.h>
#include <stddef.h>

static const char *demo_name = "?";
static const char *case_name;

struct rt_ring *demo_begin(const char *name)
{
    struct rt_ring *ring = rt_ring_borrow();
    struct capos_console console;

    demo_name = name;
    CHECK(ring != NULL);
    if (rt_capset_first(rt_capset(), CAPOS_CONSOLE_ID, &console.id)) {
        rt_print_to(ring, console);
    }
    return ring;
}

int demo_end(void)
{
    rt_printf("%s: pass\n", demo_name);
    return 0;
}

void demo_case(const char *name)
{
    case_name = name;
}

_Noreturn void demo_fail(const char *file, int line, const char *text)
{
    char sentence[384];

    rt_snprintf(sentence, sizeof sentence, "%s: FAIL %s:%d: %s%s%s", demo_name, file, line, text,
                case_name != NULL ? ", case " : "", case_name != NULL ? case_name : "");
    rt_emergency_line(sentence);
    rt_exit(line);
}

_Noreturn void demo_fail_values(const char *file, int line, const char *text, int64_t actual,
                                int64_t expected)
{
    char sentence[256];

    rt_snprintf(sentence, sizeof sentence, "%s (%ld, not %ld)", text, actual, expected);
    demo_fail(file, line, sentence);
}

uint64_t demo_number(const struct capset_entry *entry)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < entry->name_len; i++) {
        CHECK(entry->name[i] >= '0' && entry->name[i] <= '9');
        n = n * 10 + (uint64_t)(entry->name[i] - '0');
    }
    return n;
}
