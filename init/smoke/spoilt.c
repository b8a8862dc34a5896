// SPDX-License-Identifier: MIT
/*
 * Each case takes a spawn that works, with a capability that would move, and spoils one
 * thing of it.
 */
#include "spoilt.h"

#include <abi/limits.h>
#include <rt/print.h>
#include <support/check.h>

#include "family.h"

struct spawning {
    struct child child;
    struct child_grant grants[MANIFEST_CAPS_MAX + 1u];
};

struct hostile {
    const char *name;
    void (*spoil)(struct spawning *s);
    int32_t code;
    uint32_t exception;
};

#define LONG_NAME "a-name-of-exactly-32-characters-"

static void unknown_binary(struct spawning *s)
{
    s->child.binary = CAPNP_TEXT("no-such-binary");
}

static void no_binary(struct spawning *s)
{
    s->child.binary = CAPNP_TEXT("");
}

static void no_child_name(struct spawning *s)
{
    s->child.name = CAPNP_TEXT("");
}

static void long_child_name(struct spawning *s)
{
    s->child.name = CAPNP_TEXT(LONG_NAME);
}

static void bad_child_name(struct spawning *s)
{
    s->child.name = CAPNP_TEXT("two\nlines");
}

static void no_grant_name(struct spawning *s)
{
    s->grants[0].name = CAPNP_TEXT("");
}

static void long_grant_name(struct spawning *s)
{
    s->grants[0].name = CAPNP_TEXT(LONG_NAME);
}

static void bad_grant_name(struct spawning *s)
{
    s->grants[0].name = CAPNP_TEXT("Upper");
}

static void same_grant_name(struct spawning *s)
{
    s->grants[1].name = s->grants[0].name;
}

static void null_capability(struct spawning *s)
{
    s->grants[0].give = rt_nothing();
}

static void too_many_grants(struct spawning *s)
{
    static char names[MANIFEST_CAPS_MAX + 1u][3];

    s->child.grant_count = MANIFEST_CAPS_MAX + 1u;
    s->child.slots = MANIFEST_CAPS_MAX + 1u;
    for (uint32_t i = 0; i < s->child.grant_count; i++) {
        names[i][0] = (char)('a' + i / 10);
        names[i][1] = (char)('0' + i % 10);
        s->grants[i] = (struct child_grant){.name = capnp_text_from(names[i]),
                                            .kind = CHILD_CAPABILITY_MANAGER};
    }
}

static void fresh_endpoint_of_no_interface(struct spawning *s)
{
    s->grants[0].kind = CHILD_ENDPOINT;
    s->grants[0].interface_id = 0;
}

static void fresh_endpoint_as_owner(struct spawning *s)
{
    s->grants[0].kind = CHILD_ENDPOINT;
    s->grants[0].interface_id = CAPOS_ENDPOINT_ID;
}

static void queue_of_3(struct spawning *s)
{
    s->child.sq_entries = 3;
}

static void queue_of_none(struct spawning *s)
{
    s->child.sq_entries = 0;
}

static void queue_too_long(struct spawning *s)
{
    s->child.sq_entries = 2 * CAP_SQ_MAX;
    s->child.cq_entries = CAP_CQ_MAX;
}

static void completions_too_short(struct spawning *s)
{
    s->child.cq_entries = s->child.sq_entries / 2;
}

static void completions_too_long(struct spawning *s)
{
    s->child.cq_entries = 2 * CAP_CQ_MAX;
}

static void area_too_small(struct spawning *s)
{
    s->child.area_bytes = CAP_AREA_MIN / 2;
}

static void area_too_large(struct spawning *s)
{
    s->child.area_bytes = 2 * CAP_AREA_MAX;
}

static void area_odd(struct spawning *s)
{
    s->child.area_bytes = CAP_AREA_MIN + 8;
}

static void no_frames(struct spawning *s)
{
    s->child.frames = 0;
}

static void no_slots(struct spawning *s)
{
    s->child.slots = 0;
}

static void fewer_slots_than_grants(struct spawning *s)
{
    s->child.slots = 1;
}

static void too_many_slots(struct spawning *s)
{
    s->child.slots = CAP_SLOTS_MAX + 1;
}

static void frames_over_budget(struct spawning *s)
{
    s->child.frames = UINT32_MAX;
}

static void slots_over_budget(struct spawning *s)
{
    s->child.slots = CAP_SLOTS_MAX;
}

static void processes_over_budget(struct spawning *s)
{
    s->child.processes = UINT32_MAX;
}

static void calls_over_budget(struct spawning *s)
{
    s->child.calls = UINT32_MAX;
}

static void capability_not_held(struct spawning *s)
{
    s->grants[0].give = rt_copy(smoke.console + (1ull << CAP_ID_INDEX_BITS));
}

static void capability_out_of_the_table(struct spawning *s)
{
    s->grants[0].give = rt_copy(UINT64_MAX);
}

static void capability_zero(struct spawning *s)
{
    s->grants[0].give = rt_copy(CAP_ID_NONE);
}

static void capability_stale(struct spawning *s)
{
    uint64_t id = new_endpoint();

    CHECK_EQ(rt_release(smoke.ring, id).code, RT_OK);
    s->grants[0].give = rt_move(id);
}

static void mint_from_a_console(struct spawning *s)
{
    s->grants[0].give = rt_mint(smoke.console, 1, SOME_INTERFACE);
}

static void mint_as_owner(struct spawning *s)
{
    s->grants[0].give = rt_mint(s->grants[1].give.cap_id, 1, CAPOS_ENDPOINT_ID);
}

static void mode_unknown(struct spawning *s)
{
    s->grants[0].give.mode = 99;
}

static void copy_with_a_badge(struct spawning *s)
{
    s->grants[0].give.badge = 1;
}

#define INVALID    CAP_ERR_EXCEPTION, CAP_EXC_INVALID_ARGUMENT
#define OVERLOADED CAP_ERR_EXCEPTION, CAP_EXC_OVERLOADED
#define TRANSFER   CAP_ERR_BAD_TRANSFER, 0

static const struct hostile cases[] = {
    {"unknown-binary", unknown_binary, INVALID},
    {"no-binary", no_binary, INVALID},
    {"no-child-name", no_child_name, INVALID},
    {"long-child-name", long_child_name, INVALID},
    {"bad-child-name", bad_child_name, INVALID},
    {"no-grant-name", no_grant_name, INVALID},
    {"long-grant-name", long_grant_name, INVALID},
    {"bad-grant-name", bad_grant_name, INVALID},
    {"same-grant-name", same_grant_name, INVALID},
    {"null-capability", null_capability, INVALID},
    {"too-many-grants", too_many_grants, INVALID},
    {"fresh-endpoint-of-no-interface", fresh_endpoint_of_no_interface, INVALID},
    {"fresh-endpoint-as-owner", fresh_endpoint_as_owner, INVALID},
    {"queue-of-3", queue_of_3, INVALID},
    {"queue-of-none", queue_of_none, INVALID},
    {"queue-too-long", queue_too_long, INVALID},
    {"completions-too-short", completions_too_short, INVALID},
    {"completions-too-long", completions_too_long, INVALID},
    {"area-too-small", area_too_small, INVALID},
    {"area-too-large", area_too_large, INVALID},
    {"area-odd", area_odd, INVALID},
    {"no-frames", no_frames, INVALID},
    {"no-slots", no_slots, INVALID},
    {"fewer-slots-than-grants", fewer_slots_than_grants, INVALID},
    {"too-many-slots", too_many_slots, INVALID},
    {"frames-over-budget", frames_over_budget, OVERLOADED},
    {"slots-over-budget", slots_over_budget, OVERLOADED},
    {"processes-over-budget", processes_over_budget, OVERLOADED},
    {"calls-over-budget", calls_over_budget, OVERLOADED},
    {"capability-not-held", capability_not_held, TRANSFER},
    {"capability-out-of-the-table", capability_out_of_the_table, TRANSFER},
    {"capability-zero", capability_zero, TRANSFER},
    {"capability-stale", capability_stale, TRANSFER},
    {"mint-from-a-console", mint_from_a_console, TRANSFER},
    {"mint-as-owner", mint_as_owner, TRANSFER},
    {"mode-unknown", mode_unknown, TRANSFER},
    {"copy-with-a-badge", copy_with_a_badge, TRANSFER},
};

static void try_spoilt(const struct hostile *hostile, uint64_t endpoint)
{
    static struct spawning s;
    struct capos_process_handle handle;

    s.grants[0] = role("console");
    s.grants[1] = (struct child_grant){.name = CAPNP_TEXT("endpoint"), .give = rt_move(endpoint)};
    s.child = small_child(s.grants, 2);
    hostile->spoil(&s);
    struct rt_status status = try_spawn(&s.child, &handle);
    bool refused = status.code == CAP_ERR_EXCEPTION;
    rt_printf("spawn-smoke: %s: %s\n", hostile->name,
              refused ? rt_refusal(smoke.ring) : rt_status_text(status));
    CHECK_EQ(status.code, hostile->code);
    CHECK_EQ(status.exception, hostile->exception);
    CHECK(!refused || rt_refusal(smoke.ring)[0] != '\0');
}

void spoilt_parameters(void)
{
    uint64_t endpoint = new_endpoint();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        try_spoilt(&cases[i], endpoint);
    }
    CHECK_EQ(rt_release(smoke.ring, endpoint).code, RT_OK);
}
