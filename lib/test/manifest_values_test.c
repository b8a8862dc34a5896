// SPDX-License-Identifier: MIT
/* What the manifest's validator refuses of sizes, limits and other values. */
#include "made_manifest.h"

static struct made *make_ring(uint32_t sq, uint32_t cq, uint32_t area)
{
    struct made *m = make();
    struct capos_ring_sizes_builder ring = capos_service_init_ring(m->services[0]);

    capos_ring_sizes_set_sq_entries(ring, sq);
    capos_ring_sizes_set_cq_entries(ring, cq);
    capos_ring_sizes_set_area_bytes(ring, area);
    return m;
}

static void test_ring(void **state)
{
    (void)state;
    assert_accepted(make_ring(CAP_SQ_MIN, CAP_CQ_MIN, CAP_AREA_MIN));
    assert_accepted(make_ring(64, 64, 4096));
    assert_refused(make_ring(24, 32, 16384), MANIFEST_RING_SIZE,
                   "services[0].ring.sqEntries: the size is 24; it must be a power of two from 2 "
                   "to 1024");
    assert_refused(make_ring(0, 32, 16384), MANIFEST_RING_SIZE,
                   "services[0].ring.sqEntries: the size is 0; it must be a power of two from 2 "
                   "to 1024");
    assert_refused(make_ring(16, 8192, 16384), MANIFEST_RING_SIZE,
                   "services[0].ring.cqEntries: the size is 8192; it must be a power of two from "
                   "16 to 4096");
    assert_refused(make_ring(64, 32, 16384), MANIFEST_RING_SIZE,
                   "services[0].ring.cqEntries: the size is 32; it must be a power of two from 64 "
                   "to 4096");
    assert_refused(make_ring(2, 2, 16384), MANIFEST_RING_SIZE,
                   "services[0].ring.cqEntries: the size is 2; it must be a power of two from 4 "
                   "to 4096");
    assert_refused(make_ring(16, 32, 1000), MANIFEST_RING_SIZE,
                   "services[0].ring.areaBytes: the size is 1000; it must be a power of two from "
                   "1024 to 524288");
    assert_refused(make_ring(16, 32, CAP_AREA_MAX * 2), MANIFEST_RING_SIZE,
                   "services[0].ring.areaBytes: the size is 1048576; it must be a power of two "
                   "from 1024 to 524288");
}

static struct made *make_limits(uint32_t service, uint32_t frames, uint32_t slots)
{
    struct made *m = make();
    struct capos_limits_builder limits = capos_service_init_limits(m->services[service]);

    capos_limits_set_frames(limits, frames);
    capos_limits_set_cap_slots(limits, slots);
    return m;
}

static void test_limits(void **state)
{
    (void)state;
    /*
     * alpha: 1 of image, 16 of stack, 5 of ring, 1 CapSet, 3 + 1 + 1 page tables.
     * beta: 2 of thread-local storage besides.
     */
    assert_accepted(make_limits(0, 28, 2));
    assert_refused(make_limits(0, 27, 2), MANIFEST_FRAMES,
                   "services[0].limits.frames: service \"alpha\" may hold 27 frames, and its "
                   "program, stack and ring take 28");
    assert_accepted(make_limits(1, 30, 3));
    assert_refused(make_limits(1, 29, 3), MANIFEST_FRAMES,
                   "services[1].limits.frames: service \"beta\" may hold 29 frames, and its "
                   "program, stack and ring take 30");
    assert_refused(make_limits(0, 512, 1), MANIFEST_SLOTS,
                   "services[0].limits.capSlots: service \"alpha\" may hold 1 capabilities; it "
                   "must be 2 to 65536");
    assert_refused(make_limits(1, 512, CAP_SLOTS_MAX + 1), MANIFEST_SLOTS,
                   "services[1].limits.capSlots: service \"beta\" may hold 65537 capabilities; it "
                   "must be 3 to 65536");
}

static void test_children_and_calls(void **state)
{
    struct made *m = make();

    (void)state;
    capos_limits_set_processes(capos_service_init_limits(m->services[1]), PROC_PROCESSES_MAX + 1);
    assert_refused(m, MANIFEST_LIMIT,
                   "services[1].limits.processes: service \"beta\" may have 65537, and at most "
                   "65536 are allowed");
    m = make();
    capos_limits_set_calls(capos_service_init_limits(m->services[0]), PROC_CALLS_MAX + 1);
    assert_refused(m, MANIFEST_LIMIT,
                   "services[0].limits.calls: service \"alpha\" may have 1048577, and at most "
                   "1048576 are allowed");
}

/* A program that crosses 2 MiB takes another page table. */
static void test_frames_by_table(void **state)
{
    struct made *m = make();
    struct program program = make_program(0x5ff000, 0);

    (void)state;
    program.segments[0].p_memsz = 0x3000;
    capos_binary_set_image(m->binaries[0], (struct capnp_data){.ptr = (const uint8_t *)&program,
                                                               .len = sizeof program});
    capos_limits_set_frames(capos_service_init_limits(m->services[0]), 30);
    assert_refused(m, MANIFEST_FRAMES,
                   "services[0].limits.frames: service \"alpha\" may hold 30 frames, and its "
                   "program, stack and ring take 31");
}

static struct made *make_restart(unsigned policy, uint32_t count)
{
    struct made *m = make();
    struct capos_restart_builder restart = capos_service_init_restart(m->services[1]);

    capos_restart_set_policy(restart, (enum capos_restart_policy)policy);
    capos_restart_set_count(restart, count);
    return m;
}

static void test_restart(void **state)
{
    (void)state;
    assert_accepted(make_restart(CAPOS_RESTART_POLICY_NEVER, 0));
    assert_accepted(make_restart(CAPOS_RESTART_POLICY_ON_FAILURE, 1));
    assert_refused(make_restart(3, 1), MANIFEST_RESTART_POLICY,
                   "services[1].restart.policy: the restart policy is 3, and the policies are 0 to "
                   "2");
    assert_refused(make_restart(CAPOS_RESTART_POLICY_NEVER, 1), MANIFEST_RESTART_COUNT,
                   "services[1].restart.count: the restart count is 1; with this policy it must be "
                   "0 to 0");
    assert_refused(make_restart(CAPOS_RESTART_POLICY_ALWAYS, 0), MANIFEST_RESTART_COUNT,
                   "services[1].restart.count: the restart count is 0; with this policy it must be "
                   "1 to 1000000");
    assert_refused(make_restart(CAPOS_RESTART_POLICY_ALWAYS, MANIFEST_RESTARTS_MAX + 1),
                   MANIFEST_RESTART_COUNT,
                   "services[1].restart.count: the restart count is 1000001; with this policy it "
                   "must be 1 to 1000000");
}

static void test_expect(void **state)
{
    struct made *m = make();
    char reason[MANIFEST_REASON_MAX + 2];

    (void)state;
    capos_process_status_set_exited(capos_service_init_expect(m->services[1]), -1);
    assert_accepted(m);
    m = make();
    capos_fault_set_vector(
        capos_process_status_init_faulted(capos_service_init_expect(m->services[1])), 32);
    assert_refused(m, MANIFEST_EXPECT_VECTOR,
                   "services[1].expect.faulted.vector: the expected exception is 32, and "
                   "exceptions are 0 to 31");
    m = make();
    capos_fault_set_address(
        capos_process_status_init_faulted(capos_service_init_expect(m->services[1])), 4096);
    assert_refused(m, MANIFEST_EXPECT_DETAIL,
                   "services[1].expect.faulted.address: an expected fault is told by its vector "
                   "alone; this must be 0, not 4096");
    m = make();
    capos_fault_set_rip(
        capos_process_status_init_faulted(capos_service_init_expect(m->services[1])), 5);
    assert_refused(m, MANIFEST_EXPECT_DETAIL,
                   "services[1].expect.faulted.rip: an expected fault is told by its vector alone; "
                   "this must be 0, not 5");
    m = make();
    capos_process_status_set_killed(capos_service_init_expect(m->services[1]), CAPNP_TEXT(""));
    assert_refused(m, MANIFEST_EXPECT_REASON,
                   "services[1].expect.killed: the expected reason has 0 bytes; it must have 1 to "
                   "127 of UTF-8");
    memset(reason, 'x', sizeof reason);
    reason[MANIFEST_REASON_MAX + 1] = '\0';
    m = make();
    capos_process_status_set_failed_to_start(capos_service_init_expect(m->services[1]),
                                             capnp_text_from(reason));
    assert_refused(m, MANIFEST_EXPECT_REASON,
                   "services[1].expect.failedToStart: the expected reason has 128 bytes; it must "
                   "have 1 to 127 of UTF-8");
    m = make();
    capos_process_status_set_killed(capos_service_init_expect(m->services[1]), CAPNP_TEXT("\xff"));
    assert_refused(m, MANIFEST_EXPECT_REASON,
                   "services[1].expect.killed: the expected reason has 1 bytes; it must have 1 to "
                   "127 of UTF-8");
}

static struct made *make_params(uint32_t tick_hz, unsigned leak)
{
    struct made *m = make();
    struct capos_kernel_params_builder params = capos_manifest_init_kernel_params(m->manifest);

    capos_kernel_params_set_tick_hz(params, tick_hz);
    capos_kernel_params_set_plant_leak(params, (enum capos_kernel_params_leak)leak);
    return m;
}

static void test_kernel_params(void **state)
{
    (void)state;
    assert_accepted(make_params(MANIFEST_TICK_HZ_MIN, CAPOS_KERNEL_PARAMS_LEAK_NONE));
    assert_refused(make_params(19, 0), MANIFEST_TICK_HZ,
                   "kernelParams.tickHz: the timer rate is 19; it must be 20 to 1000 interrupts a "
                   "second");
    assert_refused(make_params(1001, 0), MANIFEST_TICK_HZ,
                   "kernelParams.tickHz: the timer rate is 1001; it must be 20 to 1000 interrupts "
                   "a second");
    assert_refused(make_params(100, 4), MANIFEST_LEAK,
                   "kernelParams.plantLeak: the planted leak is of kind 4, and the kinds are 0 to "
                   "3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_children_and_calls),
        cmocka_unit_test(test_frames_by_table),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_kernel_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
