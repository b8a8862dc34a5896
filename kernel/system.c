// SPDX-License-Identifier: MIT
#include "system.h"

#include <abi/limits.h>
#include <lib/account.h>
#include <lib/manifest.h>

#include "cap/boot_package.h"
#include "cap/cap.h"
#include "cap/console.h"
#include "cap/null.h"
#include "cap/process_spawner.h"
#include "cap/ring.h"
#include "cap/table.h"
#include "kcheck.h"
#include "mem/addr.h"
#include "mem/frame.h"
#include "panic.h"
#include "power.h"
#include "print.h"
#include "process.h"
#include "program.h"
#include "recount.h"
#include "sched.h"
#include "service.h"

/* More than could ever be needed at once: only frames are scarce. */
#define ROOT_SLOTS_MAX     (1ull << 32)
#define ROOT_PROCESSES_MAX 65536u

static struct account root;
static struct capnp_message manifest_message; /* the manifest's readers point to it */
static struct recount at_start;
static uint64_t entry_tsc;
static uint32_t found_early; /* differences before the end of the run */

/*
 * A run that is stopped is stopped wherever it is: what is held and charged then is
 * checked as at the end.
 */
static void check_now(void)
{
    found_early = kcheck(services_each_hold);
}

static void stalled(void)
{
    check_now();
    services_stalled();
}

static void deadline(void)
{
    check_now();
    services_deadline();
}

static const struct sched_events events = {.stalled = stalled, .deadline = deadline};

/*
 * Everything that is free now may be lent to processes; the heap is part of it, so whoever
 * starts services sets frames aside for their heap.
 */
static void open_root_account(void)
{
    uint64_t frames = frame_free_count();
    uint64_t max[ACCOUNT_KINDS] = {
        [ACCOUNT_FRAMES] = frames,
        [ACCOUNT_HEAP_BYTES] = frames * FRAME_BYTES,
        [ACCOUNT_SLOTS] = ROOT_SLOTS_MAX,
        [ACCOUNT_CALLS] = ROOT_SLOTS_MAX,
        [ACCOUNT_PROCESSES] = ROOT_PROCESSES_MAX,
    };

    account_init(&root, max);
}

static struct capos_manifest open_manifest(const struct boot_info *info)
{
    struct capos_manifest manifest;
    struct manifest_fault fault;

    if (!manifest_open(phys_to_virt((struct paddr){info->module_base}), info->module_bytes,
                       &manifest_message, &manifest, &fault)) {
        char text[MANIFEST_FAULT_TEXT_ROOM];
        (void)manifest_fault_text(&fault, text, sizeof text);
        kprint("capos: boot module: %s\n", text);
        power_off(EXIT_MANIFEST);
    }
    return manifest;
}

/* Loses one of what the manifest says, to show that the recount finds it. */
static void plant_leak(enum capos_kernel_params_leak leak)
{
    enum status status = ST_OK;
    struct cap_object *object;
    struct paddr frame;
    uint64_t id;

    switch (leak) {
    case CAPOS_KERNEL_PARAMS_LEAK_NONE:
        return;
    case CAPOS_KERNEL_PARAMS_LEAK_FRAME:
        status = frame_alloc(NULL, &frame);
        break;
    case CAPOS_KERNEL_PARAMS_LEAK_SLOT:
        object = kernel_table_find(console_type.interface_id)->object;
        status = cap_table_grant(kernel_table(), object, 0, true, &id);
        break;
    case CAPOS_KERNEL_PARAMS_LEAK_OBJECT:
        status = null_cap_create(&object);
        break;
    default:
        status = ST_INVALID; /* the validator knows no other */
        break;
    }
    ASSERT(status == ST_OK, "planting a leak: %s", status_text(status));
    kprint("capos: a leak was planted: %s\n", capos_kernel_params_leak_name((uint16_t)leak));
}

static void print_boot_time(void)
{
    if (console_first_line_tsc() != 0) {
        kprint("%lu clock counts from kernel entry to a service's first line\n",
               console_first_line_tsc() - entry_tsc);
    }
}

/* The last service has ended: recounts, prints the summary, powers off. */
static void finish(void)
{
    kprint("\n");
    uint32_t unexpected = services_print_summary();
    print_boot_time();
    services_fini();
    ring_scratch_drop();
    uint32_t leaks = found_early + recount_compare(&at_start, &root) + kcheck(NULL);

    if (services_trouble() == TROUBLE_STALLED) {
        kprint("capos: failed: services waited for what nobody could bring\n");
        power_off(EXIT_STALLED);
    }
    if (services_trouble() == TROUBLE_DEADLINE) {
        kprint("capos: failed: the run did not end before its deadline\n");
        power_off(EXIT_TIMEOUT);
    }
    if (unexpected != 0) {
        kprint("capos: failed: %u services did not end as expected\n", unexpected);
        power_off(EXIT_FAILED);
    }
    if (leaks != 0) {
        kprint("capos: failed: the recount differs from the start in %u places\n", leaks);
        power_off(EXIT_LEAK);
    }
    kprint("capos: passed: every service ended as expected, and nothing leaked\n");
    power_off(EXIT_PASS);
}

_Noreturn void system_start(const struct boot_info *info)
{
    entry_tsc = info->entry_tsc;
    struct capos_manifest manifest = open_manifest(info);
    struct capos_kernel_params params = capos_manifest_get_kernel_params(manifest);

    program_init(manifest);
    cap_init();
    process_spawner_init();
    boot_package_init(phys_to_virt((struct paddr){info->module_base}), info->module_bytes);
    process_init();
    sched_init(capos_kernel_params_get_tick_hz(params), capos_kernel_params_get_deadline(params),
               &events);
    open_root_account();
    recount_take(&at_start, &root);
    plant_leak(capos_kernel_params_get_plant_leak(params));
    if (services_init(manifest, &root, finish) != ST_OK) {
        kprint("capos: there is no memory for the services that the manifest declares\n");
        power_off(EXIT_MEMORY);
    }
    kcheck_begin(services_each_hold);
    if (!services_start()) {
        power_off(EXIT_MEMORY);
    }
    sched_run();
}
