// SPDX-License-Identifier: MIT
#include "cap/fault_injector.h"

#include <capos.capnp.h>

#include "cap/table.h"
#include "mem/fault.h"

static enum capnp_answer inject_arm(void *self, struct capnp_call *call,
                                    struct capos_fault_injector_arm_params params)
{
    (void)self;
    (void)call;
    alloc_fault =
        (struct alloc_fault){.countdown = capos_fault_injector_arm_params_get_countdown(params)};
    return CAPNP_ANSWERED;
}

static enum capnp_answer inject_disarm(void *self, struct capnp_call *call,
                                       struct capos_fault_injector_disarm_results_builder results)
{
    (void)self;
    (void)call;
    capos_fault_injector_disarm_results_set_seen(results, alloc_fault.seen);
    capos_fault_injector_disarm_results_set_site(results, alloc_fault.site);
    alloc_fault = (struct alloc_fault){0};
    return CAPNP_ANSWERED;
}

static const struct capos_fault_injector_server methods = {
    .arm = inject_arm,
    .disarm = inject_disarm,
};

static enum capnp_answer inject_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_fault_injector_dispatch_own(&methods, object, call);
}

const struct cap_type fault_injector_type = {
    .name = "FaultInjector",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_FAULT_INJECTOR_ID,
    .call = inject_call,
};

static struct cap_object injector;

void fault_injector_init(void)
{
    cap_object_init(&injector, &fault_injector_type);
    kernel_table_keep(&injector);
}
