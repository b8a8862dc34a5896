// SPDX-License-Identifier: MIT
#include "family.h"

#include <abi/limits.h>
#include <rt/print.h>
#include <support/check.h>

struct smoke smoke;

struct child small_child(const struct child_grant *grants, uint32_t count)
{
    struct child child = child_default("child", "spawn-smoke");

    child.frames = 96;
    child.slots = 8;
    child.grants = grants;
    child.grant_count = count;
    return child;
}

struct child_grant role(const char *name)
{
    return (struct child_grant){.name = capnp_text_from(name), .give = rt_copy(smoke.console)};
}

struct rt_status try_spawn(const struct child *child, struct capos_process_handle *handle)
{
    uint64_t clients[CAP_TRANSFER_MAX];

    return child_spawn(smoke.ring, smoke.spawner, child, handle, clients);
}

struct capos_process_handle spawn(const struct child *child)
{
    struct capos_process_handle handle = {CAP_ID_NONE};

    struct rt_status s = try_spawn(child, &handle);
    if (s.code == CAP_ERR_EXCEPTION) {
        rt_printf("spawn-smoke: refused: %s\n", rt_refusal(smoke.ring));
    }
    CHECK_EQ(s.code, RT_OK);
    CHECK(handle.id != CAP_ID_NONE);
    return handle;
}

struct capos_process_handle spawn_role(const char *name)
{
    struct child_grant grant = role(name);
    struct child child = small_child(&grant, 1);

    return spawn(&child);
}

void send_wait(struct rt_call *call, struct capos_process_handle handle)
{
    CHECK_EQ(capos_process_handle_wait_send(call, smoke.ring, handle, STATUS_BYTES).code, RT_OK);
}

struct capos_process_status status_of(struct rt_call *call, struct capnp_message *m)
{
    struct capos_process_handle_wait_results results;

    CHECK_EQ(rt_call_wait(call).code, RT_OK);
    CHECK_EQ(capos_process_handle_wait_take(call, m, &results).code, RT_OK);
    return capos_process_handle_wait_results_get_status(results);
}

void check_exit(struct rt_call *call, int64_t code)
{
    struct capnp_message m;
    struct capos_process_status status = status_of(call, &m);

    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_EXITED);
    CHECK_EQ(capos_process_status_get_exited(status), code);
    rt_call_end(call);
}

void check_killed(struct rt_call *call)
{
    struct capnp_message m;
    struct capos_process_status status = status_of(call, &m);

    CHECK_EQ(capos_process_status_which(status), CAPOS_PROCESS_STATUS_KILLED);
    CHECK(capnp_text_equal(capos_process_status_get_killed(status),
                           CAPNP_TEXT("a holder of its handle ended it")));
    rt_call_end(call);
}

void expect_exit(struct capos_process_handle handle, int64_t code)
{
    struct rt_call call;

    send_wait(&call, handle);
    check_exit(&call, code);
}

void expect_killed(struct capos_process_handle handle)
{
    struct rt_call call;

    send_wait(&call, handle);
    check_killed(&call);
}

void kill(struct capos_process_handle handle)
{
    CHECK_EQ(capos_process_handle_kill(smoke.ring, handle).code, RT_OK);
}

void release(struct capos_process_handle handle)
{
    CHECK_EQ(rt_release(smoke.ring, handle.id).code, RT_OK);
}

uint64_t new_endpoint(void)
{
    struct capos_endpoint owner = {CAP_ID_NONE};

    CHECK_EQ(capos_endpoint_factory_create(smoke.ring, smoke.endpoints, &owner).code, RT_OK);
    return owner.id;
}

void expect_error(const char *name, struct rt_call *call, int32_t code)
{
    struct rt_status s = rt_call_wait(call);

    CHECK_EQ(s.code, code);
    rt_call_end(call);
    rt_printf("spawn-smoke: %s: %s\n", name, rt_status_text(s));
}

void expect_refusal(const char *name, struct rt_call *call, uint32_t exception)
{
    struct rt_status s = rt_call_wait(call);

    CHECK_EQ(s.code, CAP_ERR_EXCEPTION);
    CHECK_EQ(s.exception, exception);
    rt_call_end(call);
    rt_printf("spawn-smoke: %s: %s\n", name, rt_refusal(smoke.ring));
}
