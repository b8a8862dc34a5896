// SPDX-License-Identifier: MIT
#include "cap/null.h"

#include <capos.capnp.h>

#include "mem/heap.h"

/* NullCap.echo takes at most so much, so that the row it measures is a short call. */
#define ECHO_BYTES_MAX 64u

struct null_cap {
    struct cap_object object;
    uint64_t calls;
};

static inline __attribute__((always_inline)) enum capnp_answer null_ping(void *self,
                                                                         struct capnp_call *call)
{
    (void)call;
    struct null_cap *n = self;

    n->calls++;
    return CAPNP_ANSWERED;
}

static inline __attribute__((always_inline)) enum capnp_answer
null_echo(void *self, struct capnp_call *call, uint64_t value, struct capnp_data data,
          struct capos_null_cap_echo_results_builder results)
{
    struct null_cap *n = self;

    if (data.len > ECHO_BYTES_MAX) {
        return capnp_call_refuse(call, CAPNP_EXC_INVALID_ARGUMENT,
                                 "NullCap.echo takes at most 64 bytes of data");
    }
    n->calls++;
    capos_null_cap_echo_results_set_value(results, value);
    capos_null_cap_echo_results_set_data(results, data);
    return CAPNP_ANSWERED;
}

static inline __attribute__((always_inline)) enum capnp_answer
null_add(void *self, struct capnp_call *call, struct capos_null_cap_add_params params,
         struct capos_null_cap_add_results_builder results)
{
    (void)call;
    struct null_cap *n = self;
    uint64_t ab;
    uint64_t sum;

    bool carry = __builtin_add_overflow(capos_null_cap_add_params_get_a(params),
                                        capos_null_cap_add_params_get_b(params), &ab);
    carry |= __builtin_add_overflow(ab, capos_null_cap_add_params_get_c(params), &sum);
    n->calls++;
    capos_null_cap_add_results_set_sum(results, sum);
    capos_null_cap_add_results_set_carry(results, carry);
    capos_null_cap_add_results_set_count(results, n->calls);
    return CAPNP_ANSWERED;
}

static const struct capos_null_cap_server methods = {
    .ping = null_ping,
    .echo = null_echo,
    .add = null_add,
};

static enum capnp_answer null_call(struct cap_object *object, struct capnp_call *call)
{
    return capos_null_cap_dispatch_own(&methods, object, call);
}

static void null_destroy(struct cap_object *object)
{
    heap_free(NULL, object);
}

const struct cap_type null_cap_type = {
    .name = "NullCap",
    .kind = CAP_PLAIN,
    .interface_id = CAPOS_NULL_CAP_ID,
    .call = null_call,
    .destroy = null_destroy,
};

enum status null_cap_create(struct cap_object **object)
{
    struct null_cap *n = heap_alloc(NULL, sizeof *n);

    if (n == NULL) {
        return ST_NO_MEMORY;
    }
    cap_object_init(&n->object, &null_cap_type);
    *object = &n->object;
    return ST_OK;
}
