// SPDX-License-Identifier: MIT
/*
 * The other side of the measured calls between processes: serves NullCap through an
 * endpoint as the kernel's object does, by the runtime's loop and generated dispatch,
 * and with no limit to the data that echo takes.
 */
#include <capos.client.h>
#include <rt/capset.h>
#include <rt/server.h>
#include <support/check.h>

/* Data of the longest measured call, bytes, and a message around it. */
#define PAYLOAD_MAX   4096u
#define MESSAGE_BYTES (PAYLOAD_MAX + 64u)

static enum capnp_answer ping(void *self, struct capnp_call *call)
{
    (void)call;
    uint64_t *served = self;

    ++*served;
    return CAPNP_ANSWERED;
}

static enum capnp_answer echo(void *self, struct capnp_call *call,
                              struct capos_null_cap_echo_params params,
                              struct capos_null_cap_echo_results_builder results)
{
    (void)call;
    uint64_t *served = self;

    ++*served;
    capos_null_cap_echo_results_set_value(results, capos_null_cap_echo_params_get_value(params));
    capos_null_cap_echo_results_set_data(results, capos_null_cap_echo_params_get_data(params));
    return CAPNP_ANSWERED;
}

static enum capnp_answer add(void *self, struct capnp_call *call,
                             struct capos_null_cap_add_params params,
                             struct capos_null_cap_add_results_builder results)
{
    (void)call;
    uint64_t *served = self;
    uint64_t ab;
    uint64_t sum;

    bool carry = __builtin_add_overflow(capos_null_cap_add_params_get_a(params),
                                        capos_null_cap_add_params_get_b(params), &ab);
    carry |= __builtin_add_overflow(ab, capos_null_cap_add_params_get_c(params), &sum);
    ++*served;
    capos_null_cap_add_results_set_sum(results, sum);
    capos_null_cap_add_results_set_carry(results, carry);
    capos_null_cap_add_results_set_count(results, *served);
    return CAPNP_ANSWERED;
}

static const struct capos_null_cap_server handlers = {.ping = ping, .echo = echo, .add = add};

int main(void)
{
    uint64_t served = 0;
    struct capnp_service service = capos_null_cap_service(&handlers, &served);
    static struct rt_server server;

    server.ring = demo_begin("bench-peer");
    CHECK(rt_ok(rt_server_offer(&server, &(struct rt_offer){
                                             .endpoint = rt_capset_need("null", CAPOS_ENDPOINT_ID),
                                             .services = &service,
                                             .service_count = 1,
                                             .receivers = RT_SERVER_RECEIVERS,
                                             .params_bytes = 256,
                                             .answer_bytes = 256,
                                         })));
    CHECK(rt_ok(rt_server_run(&server)));
    return demo_end();
}
