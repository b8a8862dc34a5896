// SPDX-License-Identifier: MIT
/*
 * What a service of the manifest needs and may have, and how it is to end: ring, limits,
 * restart and expectation.
 */
#include "manifest_check.h"

#include <abi/layout.h>
#include <lib/assert.h>
#include <lib/bits.h>
#include <lib/elf.h>
#include <lib/ring.h>

/* One page table maps 2 MiB. */
#define PAGE_TABLE_SHIFT 21u

static bool is_size(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most && bits_is_power_of_two(value);
}

static bool check_ring(struct manifest_check *check, struct manifest_place at,
                       struct capos_ring_sizes sizes, struct ring_layout *layout)
{
    uint32_t sq = capos_ring_sizes_get_sq_entries(sizes);
    uint32_t cq = capos_ring_sizes_get_cq_entries(sizes);
    uint32_t area = capos_ring_sizes_get_area_bytes(sizes);
    struct manifest_fault why = {.error = MANIFEST_RING_SIZE};

    if (ring_region_layout(sq, cq, area, layout) == ST_OK) {
        return true;
    }
    /* Which of the three it was; what is left is a completion queue that is too short. */
    if (!is_size(sq, CAP_SQ_MIN, CAP_SQ_MAX)) {
        at.field = "ring.sqEntries";
        why.found = sq;
        why.least = CAP_SQ_MIN;
        why.most = CAP_SQ_MAX;
    } else if (!is_size(area, CAP_AREA_MIN, CAP_AREA_MAX)) {
        at.field = "ring.areaBytes";
        why.found = area;
        why.least = CAP_AREA_MIN;
        why.most = CAP_AREA_MAX;
    } else {
        at.field = "ring.cqEntries";
        why.found = cq;
        why.least = sq > CAP_CQ_MIN ? sq : CAP_CQ_MIN;
        why.most = CAP_CQ_MAX;
    }
    return manifest_refuse(check, at, CAPNP_TEXT(""), why);
}

static uint64_t pages_of(uint64_t bytes)
{
    return bits_round_up(bytes, USER_PAGE_BYTES) / USER_PAGE_BYTES;
}

/*
 * The frames without which the process cannot begin: its pages, but for those of the file
 * itself that are mapped into it, and the page tables above all of them. Boot loaders put
 * the manifest at the start of a page. Everything lies in the first GiB, so there is one
 * table of each of the upper three levels; of the lowest, one for the fixed window and one
 * for each 2 MiB of address space that the image touches.
 */
static uint64_t frames_to_begin(const struct elf_image *program, uint64_t image_at,
                                const struct ring_layout *ring)
{
    uint64_t frames = program->pages - elf_shared_pages(program, image_at);
    uint64_t next_table = 0;

    frames += pages_of(USER_STACK_BYTES) + pages_of(ring->region_bytes);
    frames += 3 + 1 + 1; /* tables; CapSet page */
    if (program->has_tls) {
        frames += pages_of(USER_TLS_TOP - elf_tls_start(program));
    }
    for (uint32_t i = 0; i < program->segment_count; i++) {
        const struct elf_segment *segment = &program->segments[i];
        uint64_t first = elf_segment_page_first(segment) >> PAGE_TABLE_SHIFT;
        uint64_t end = ((elf_segment_page_end(segment) - 1) >> PAGE_TABLE_SHIFT) + 1;

        first = first > next_table ? first : next_table;
        frames += end > first ? end - first : 0;
        next_table = end;
    }
    return frames;
}

static bool check_limit(struct manifest_check *check, struct manifest_place at,
                        struct capnp_text name, uint32_t found, uint32_t most)
{
    if (found > most) {
        return manifest_refuse(
            check, at, name,
            (struct manifest_fault){.error = MANIFEST_LIMIT, .found = found, .most = most});
    }
    return true;
}

static bool check_limits(struct manifest_check *check, struct capos_service service,
                         struct manifest_place at, uint64_t frames_needed)
{
    struct capos_limits limits = capos_service_get_limits(service);
    struct capnp_text name = capos_service_get_name(service);
    uint32_t frames = capos_limits_get_frames(limits);
    uint32_t slots = capos_limits_get_cap_slots(limits);
    uint32_t born_with = capos_cap_grant_list_len(capos_service_get_caps(service)) +
                         capos_export_list_len(capos_service_get_exports(service));
    uint32_t slots_needed = born_with > 1 ? born_with : 1;

    if (frames < frames_needed) {
        return manifest_refuse(check, manifest_field(at, "limits.frames"), name,
                               (struct manifest_fault){.error = MANIFEST_FRAMES,
                                                       .found = frames,
                                                       .least = frames_needed});
    }
    if (slots < slots_needed || slots > CAP_SLOTS_MAX) {
        return manifest_refuse(check, manifest_field(at, "limits.capSlots"), name,
                               (struct manifest_fault){.error = MANIFEST_SLOTS,
                                                       .found = slots,
                                                       .least = slots_needed,
                                                       .most = CAP_SLOTS_MAX});
    }
    return check_limit(check, manifest_field(at, "limits.processes"), name,
                       capos_limits_get_processes(limits), PROC_PROCESSES_MAX) &&
           check_limit(check, manifest_field(at, "limits.calls"), name,
                       capos_limits_get_calls(limits), PROC_CALLS_MAX);
}

static bool check_restart(struct manifest_check *check, struct manifest_place at,
                          struct capos_restart restart)
{
    unsigned policy = (unsigned)capos_restart_get_policy(restart);
    uint32_t count = capos_restart_get_count(restart);
    bool never = policy == CAPOS_RESTART_POLICY_NEVER;
    uint32_t least = never ? 0 : 1;
    uint32_t most = never ? 0 : MANIFEST_RESTARTS_MAX;

    if (policy >= CAPOS_RESTART_POLICY_COUNT) {
        return manifest_refuse(check, manifest_field(at, "restart.policy"), CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_RESTART_POLICY,
                                                       .found = policy,
                                                       .most = CAPOS_RESTART_POLICY_COUNT - 1});
    }
    if (count < least || count > most) {
        return manifest_refuse(
            check, manifest_field(at, "restart.count"), CAPNP_TEXT(""),
            (struct manifest_fault){
                .error = MANIFEST_RESTART_COUNT, .found = count, .least = least, .most = most});
    }
    return true;
}

static bool check_expected_fault(struct manifest_check *check, struct manifest_place at,
                                 struct capos_fault fault)
{
    uint8_t vector = capos_fault_get_vector(fault);
    uint64_t address = capos_fault_get_address(fault);
    uint64_t rip = capos_fault_get_rip(fault);

    if (vector >= MANIFEST_VECTORS) {
        return manifest_refuse(check, manifest_field(at, "expect.faulted.vector"), CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_EXPECT_VECTOR,
                                                       .found = vector,
                                                       .most = MANIFEST_VECTORS - 1});
    }
    if (address != 0 || rip != 0) {
        const char *field = address != 0 ? "expect.faulted.address" : "expect.faulted.rip";
        return manifest_refuse(check, manifest_field(at, field), CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_EXPECT_DETAIL,
                                                       .found = address != 0 ? address : rip});
    }
    return true;
}

static bool check_expected_reason(struct manifest_check *check, struct manifest_place at,
                                  struct capnp_text reason)
{
    if (reason.len == 0 || reason.len > MANIFEST_REASON_MAX || !capnp_text_is_utf8(reason)) {
        return manifest_refuse(check, at, CAPNP_TEXT(""),
                               (struct manifest_fault){.error = MANIFEST_EXPECT_REASON,
                                                       .found = reason.len,
                                                       .most = MANIFEST_REASON_MAX});
    }
    return true;
}

static bool check_expect(struct manifest_check *check, struct manifest_place at,
                         struct capos_process_status expect)
{
    unsigned kind = (unsigned)capos_process_status_which(expect);

    switch (kind) {
    case CAPOS_PROCESS_STATUS_EXITED:
        return true;
    case CAPOS_PROCESS_STATUS_FAULTED:
        return check_expected_fault(check, at, capos_process_status_get_faulted(expect));
    case CAPOS_PROCESS_STATUS_KILLED:
        return check_expected_reason(check, manifest_field(at, "expect.killed"),
                                     capos_process_status_get_killed(expect));
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        return check_expected_reason(check, manifest_field(at, "expect.failedToStart"),
                                     capos_process_status_get_failed_to_start(expect));
    default:
        return manifest_refuse(
            check, manifest_field(at, "expect"), CAPNP_TEXT(""),
            (struct manifest_fault){.error = MANIFEST_EXPECT_KIND,
                                    .found = kind,
                                    .most = CAPOS_PROCESS_STATUS_FAILED_TO_START});
    }
}

bool manifest_check_needs(struct manifest_check *check, struct capos_service service,
                          struct capos_binary binary, struct manifest_place at)
{
    struct capnp_data image = capos_binary_get_image(binary);
    struct elf_image program;
    struct ring_layout ring;

    if (!check_ring(check, at, capos_service_get_ring(service), &ring)) {
        return false;
    }
    enum elf_error parsed = elf_parse(image.ptr, image.len, &program);
    LIB_ASSERT(parsed == ELF_OK, "an image that was accepted is accepted again");
    uint64_t image_at = (uint64_t)(image.ptr - check->start);
    return check_limits(check, service, at, frames_to_begin(&program, image_at, &ring)) &&
           check_restart(check, at, capos_service_get_restart(service)) &&
           check_expect(check, at, capos_service_get_expect(service));
}
