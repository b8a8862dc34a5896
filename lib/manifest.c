// SPDX-License-Identifier: MIT
/*
 * The manifest's validator. It goes over the message once, in its own order:
 * version and list sizes; then binaries with their images; then services, each with
 * its name, starter, binary, grants, exports, ring, limits, restart and expectation;
 * then who starts them all; then kernel parameters. The first thing that is wrong ends
 * it.
 *
 * Each check_* function returns whether its part is as the header promises, and
 * has otherwise left the reason in the fault. A place in the manifest is carried as
 * a small struct and becomes text only when something is refused there.
 *
 * Names are compared each with each before it in its list, which the limits keep
 * affordable: the most a hostile manifest can cost is some millions of comparisons.
 */
#include <lib/manifest.h>

#include <abi/capset.h>
#include <abi/layout.h>
#include <lib/assert.h>
#include <lib/bits.h>
#include <lib/elf.h>
#include <lib/ring.h>

_Static_assert(MANIFEST_CAPS_MAX <= CAPSET_ENTRIES_MAX, "grants do not fit a CapSet");

/* One page table maps 2 MiB. */
#define PAGE_TABLE_SHIFT 21u

/* "list[index].sublist[subindex].field"; parts that are NULL are left out. */
struct place {
    const char *list;
    uint32_t index;
    const char *sublist;
    uint32_t subindex;
    const char *field;
};

struct check {
    struct capos_manifest manifest;
    struct manifest_fault *fault;
};

/* ---------------------------------------------------------------------------
 * Text */

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

static void sink_place(struct sink *s, struct place at)
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

/* Notes why and where, and returns false for the caller to pass on. */
static bool refuse(struct check *check, struct place at, struct capnp_text name,
                   struct manifest_fault why)
{
    struct sink path = {.text = why.path, .room = sizeof why.path};
    struct sink printable = {.text = why.name, .room = sizeof why.name};

    sink_place(&path, at);
    sink_name(&printable, name);
    *check->fault = why;
    return false;
}

/* The same place, one field further in. */
static struct place place_field(struct place at, const char *field)
{
    at.field = field;
    return at;
}

/* ---------------------------------------------------------------------------
 * Names and lookups */

bool manifest_name_is_valid(struct capnp_text name)
{
    if (name.len == 0 || name.len > CAP_NAME_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.')) {
            return false;
        }
    }
    return true;
}

bool manifest_object_interface(unsigned object, uint64_t *interface_id)
{
    static const uint64_t interfaces[CAPOS_KERNEL_OBJECT_COUNT] = {
        [CAPOS_KERNEL_OBJECT_CONSOLE] = CAPOS_CONSOLE_ID,
        [CAPOS_KERNEL_OBJECT_NULL_CAP] = CAPOS_NULL_CAP_ID,
        [CAPOS_KERNEL_OBJECT_ENDPOINT_FACTORY] = CAPOS_ENDPOINT_FACTORY_ID,
        [CAPOS_KERNEL_OBJECT_FRAME_ALLOCATOR] = CAPOS_FRAME_ALLOCATOR_ID,
        [CAPOS_KERNEL_OBJECT_VIRTUAL_MEMORY] = CAPOS_VIRTUAL_MEMORY_ID,
        [CAPOS_KERNEL_OBJECT_PROCESS_SPAWNER] = CAPOS_PROCESS_SPAWNER_ID,
        [CAPOS_KERNEL_OBJECT_BOOT_PACKAGE] = CAPOS_BOOT_PACKAGE_ID,
        [CAPOS_KERNEL_OBJECT_CAPABILITY_MANAGER] = CAPOS_CAPABILITY_MANAGER_ID,
        [CAPOS_KERNEL_OBJECT_FAULT_INJECTOR] = CAPOS_FAULT_INJECTOR_ID,
    };
    if (object >= CAPOS_KERNEL_OBJECT_COUNT) {
        return false;
    }
    *interface_id = interfaces[object];
    return true;
}

bool manifest_find_binary(struct capos_manifest manifest, struct capnp_text name,
                          struct capos_binary *out)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(manifest);

    for (uint32_t i = 0; i < capos_binary_list_len(binaries); i++) {
        struct capos_binary binary = capos_binary_list_at(binaries, i);
        if (capnp_text_equal(capos_binary_get_name(binary), name)) {
            *out = binary;
            return true;
        }
    }
    return false;
}

/* Among the first `count` services only. */
static bool find_service(struct capos_manifest manifest, uint32_t count, struct capnp_text name,
                         uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_service_get_name(manifest_service_at(manifest, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool manifest_find_service(struct capos_manifest manifest, struct capnp_text name, uint32_t *index)
{
    return find_service(manifest, manifest_service_count(manifest), name, index);
}

static bool find_export(struct capos_export_list exports, uint32_t count, struct capnp_text name,
                        uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_export_get_name(capos_export_list_at(exports, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool manifest_find_export(struct capos_service service, struct capnp_text name, uint32_t *index)
{
    struct capos_export_list exports = capos_service_get_exports(service);

    return find_export(exports, capos_export_list_len(exports), name, index);
}

static bool find_grant(struct capos_cap_grant_list caps, uint32_t count, struct capnp_text name,
                       uint32_t *index)
{
    for (uint32_t i = 0; i < count; i++) {
        if (capnp_text_equal(capos_cap_grant_get_name(capos_cap_grant_list_at(caps, i)), name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool check_name(struct check *check, struct place at, struct capnp_text name)
{
    if (name.len == 0 || name.len > CAP_NAME_MAX) {
        return refuse(check, at, name,
                      (struct manifest_fault){
                          .error = MANIFEST_NAME_LENGTH, .found = name.len, .most = CAP_NAME_MAX});
    }
    if (!manifest_name_is_valid(name)) {
        return refuse(check, at, name, (struct manifest_fault){.error = MANIFEST_NAME_FORM});
    }
    return true;
}

static bool refuse_taken(struct check *check, struct place at, struct capnp_text name,
                         uint32_t other)
{
    return refuse(check, at, name,
                  (struct manifest_fault){.error = MANIFEST_NAME_TAKEN, .found = other});
}

static bool check_count(struct check *check, struct place at, uint32_t count, uint32_t most)
{
    if (count > most) {
        return refuse(
            check, at, CAPNP_TEXT(""),
            (struct manifest_fault){.error = MANIFEST_TOO_MANY, .found = count, .most = most});
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Binaries */

static bool check_binary(struct check *check, struct capos_binary_list binaries, uint32_t index)
{
    struct capos_binary binary = capos_binary_list_at(binaries, index);
    struct capnp_text name = capos_binary_get_name(binary);
    struct capnp_data image = capos_binary_get_image(binary);
    struct place at = {.list = "binaries", .index = index};

    if (!check_name(check, place_field(at, "name"), name)) {
        return false;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (capnp_text_equal(capos_binary_get_name(capos_binary_list_at(binaries, i)), name)) {
            return refuse_taken(check, place_field(at, "name"), name, i);
        }
    }

    struct elf_image program;
    enum elf_error error = elf_parse(image.ptr, image.len, &program);
    if (error != ELF_OK) {
        return refuse(
            check, place_field(at, "image"), name,
            (struct manifest_fault){.error = MANIFEST_IMAGE, .detail = elf_error_text(error)});
    }
    return true;
}

static bool check_binaries(struct check *check)
{
    struct capos_binary_list binaries = capos_manifest_get_binaries(check->manifest);
    uint32_t count = capos_binary_list_len(binaries);

    if (!check_count(check, (struct place){.field = "binaries"}, count, MANIFEST_BINARIES_MAX)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!check_binary(check, binaries, i)) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * Grants and exports */

static bool check_interface(struct check *check, struct place at, struct capos_cap_grant grant,
                            uint64_t source_id)
{
    uint64_t id = capos_cap_grant_get_interface_id(grant);

    if (id != source_id) {
        return refuse(
            check, place_field(at, "interfaceId"), capos_cap_grant_get_name(grant),
            (struct manifest_fault){.error = MANIFEST_INTERFACE, .found = id, .least = source_id});
    }
    return true;
}

static bool check_kernel_source(struct check *check, struct place at, struct capos_cap_grant grant)
{
    struct capnp_text name = capos_cap_grant_get_name(grant);
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    unsigned object = (unsigned)capos_cap_grant_source_get_kernel(source);
    uint64_t badge = capos_cap_grant_get_badge(grant);
    uint64_t id;

    if (!manifest_object_interface(object, &id)) {
        return refuse(check, place_field(at, "source.kernel"), name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_OBJECT,
                                              .found = object,
                                              .most = CAPOS_KERNEL_OBJECT_COUNT - 1});
    }
    if (badge != 0) {
        return refuse(check, place_field(at, "badge"), name,
                      (struct manifest_fault){.error = MANIFEST_BADGE, .found = badge});
    }
    return check_interface(check, at, grant, id);
}

static bool check_service_source(struct check *check, struct place at, struct capos_cap_grant grant)
{
    struct capos_service importer = manifest_service_at(check->manifest, at.index);
    struct capos_cap_grant_source source = capos_cap_grant_get_source(grant);
    struct capos_service_export wanted = capos_cap_grant_source_get_service(source);
    struct capnp_text service_name = capos_service_export_get_service(wanted);
    struct capnp_text export_name = capos_service_export_get_export(wanted);
    uint32_t index;

    if (!manifest_find_service(check->manifest, service_name, &index)) {
        return refuse(check, place_field(at, "source.service"), service_name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_SERVICE});
    }
    struct capos_service service = manifest_service_at(check->manifest, index);
    if (!manifest_find_export(service, export_name, &index)) {
        return refuse(check, place_field(at, "source.export"), export_name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_EXPORT});
    }
    if (capos_service_get_starter(service) != capos_service_get_starter(importer)) {
        return refuse(check, place_field(at, "source.service"), capos_cap_grant_get_name(grant),
                      (struct manifest_fault){.error = MANIFEST_OTHER_STARTER});
    }
    struct capos_export_list exports = capos_service_get_exports(service);
    uint64_t id = capos_export_get_interface_id(capos_export_list_at(exports, index));
    return check_interface(check, at, grant, id);
}

static bool check_grant(struct check *check, struct capos_cap_grant_list caps, struct place at)
{
    struct capos_cap_grant grant = capos_cap_grant_list_at(caps, at.subindex);
    struct capnp_text name = capos_cap_grant_get_name(grant);
    uint32_t other;

    if (!check_name(check, place_field(at, "name"), name)) {
        return false;
    }
    if (find_grant(caps, at.subindex, name, &other)) {
        return refuse_taken(check, place_field(at, "name"), name, other);
    }
    unsigned kind = (unsigned)capos_cap_grant_source_which(capos_cap_grant_get_source(grant));
    switch (kind) {
    case CAPOS_CAP_GRANT_SOURCE_KERNEL:
        return check_kernel_source(check, at, grant);
    case CAPOS_CAP_GRANT_SOURCE_SERVICE:
        return check_service_source(check, at, grant);
    default:
        return refuse(check, place_field(at, "source"), name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_SOURCE,
                                              .found = kind,
                                              .most = CAPOS_CAP_GRANT_SOURCE_SERVICE});
    }
}

static bool check_export(struct check *check, struct capos_service service, struct place at)
{
    struct capos_export_list exports = capos_service_get_exports(service);
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    struct capos_export one = capos_export_list_at(exports, at.subindex);
    struct capnp_text name = capos_export_get_name(one);
    uint32_t other;

    if (!check_name(check, place_field(at, "name"), name)) {
        return false;
    }
    if (find_export(exports, at.subindex, name, &other)) {
        return refuse_taken(check, place_field(at, "name"), name, other);
    }
    if (find_grant(caps, capos_cap_grant_list_len(caps), name, &other)) {
        return refuse(check, place_field(at, "name"), name,
                      (struct manifest_fault){.error = MANIFEST_EXPORT_TAKEN, .found = other});
    }
    uint64_t id = capos_export_get_interface_id(one);
    if (id == 0) {
        return refuse(check, place_field(at, "interfaceId"), name,
                      (struct manifest_fault){.error = MANIFEST_NO_INTERFACE});
    }
    if (id == CAPOS_ENDPOINT_ID) {
        return refuse(check, place_field(at, "interfaceId"), name,
                      (struct manifest_fault){.error = MANIFEST_OWNER_INTERFACE, .found = id});
    }
    return true;
}

static bool check_authority(struct check *check, struct capos_service service, struct place at)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);
    uint32_t cap_count = capos_cap_grant_list_len(caps);
    uint32_t export_count = capos_export_list_len(capos_service_get_exports(service));

    if (!check_count(check, place_field(at, "caps"), cap_count, MANIFEST_CAPS_MAX) ||
        !check_count(check, place_field(at, "exports"), export_count, MANIFEST_EXPORTS_MAX)) {
        return false;
    }
    if (cap_count + export_count > CAPSET_ENTRIES_MAX) {
        return refuse(check, at, capos_service_get_name(service),
                      (struct manifest_fault){.error = MANIFEST_CAPSET_FULL,
                                              .found = cap_count + export_count,
                                              .most = CAPSET_ENTRIES_MAX});
    }
    at.sublist = "caps";
    for (at.subindex = 0; at.subindex < cap_count; at.subindex++) {
        if (!check_grant(check, caps, at)) {
            return false;
        }
    }
    at.sublist = "exports";
    for (at.subindex = 0; at.subindex < export_count; at.subindex++) {
        if (!check_export(check, service, at)) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------
 * What a service needs and may have */

static bool is_size(uint32_t value, uint32_t least, uint32_t most)
{
    return value >= least && value <= most && bits_is_power_of_two(value);
}

static bool check_ring(struct check *check, struct place at, struct capos_ring_sizes sizes,
                       struct ring_layout *layout)
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
    return refuse(check, at, CAPNP_TEXT(""), why);
}

static uint64_t pages_of(uint64_t bytes)
{
    return bits_round_up(bytes, USER_PAGE_BYTES) / USER_PAGE_BYTES;
}

/*
 * The frames without which the process cannot begin: its pages, and the page tables
 * above them. Everything lies in the first GiB, so there is one table of each of
 * the upper three levels; of the lowest, one for the fixed window and one for each
 * 2 MiB of address space that the image touches.
 */
static uint64_t frames_to_begin(const struct elf_image *program, const struct ring_layout *ring)
{
    uint64_t frames = program->pages + pages_of(USER_STACK_BYTES) + pages_of(ring->region_bytes);
    uint64_t next_table = 0;

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

static bool check_limit(struct check *check, struct place at, struct capnp_text name,
                        uint32_t found, uint32_t most)
{
    if (found > most) {
        return refuse(
            check, at, name,
            (struct manifest_fault){.error = MANIFEST_LIMIT, .found = found, .most = most});
    }
    return true;
}

static bool check_limits(struct check *check, struct capos_service service, struct place at,
                         uint64_t frames_needed)
{
    struct capos_limits limits = capos_service_get_limits(service);
    struct capnp_text name = capos_service_get_name(service);
    uint32_t frames = capos_limits_get_frames(limits);
    uint32_t slots = capos_limits_get_cap_slots(limits);
    uint32_t born_with = capos_cap_grant_list_len(capos_service_get_caps(service)) +
                         capos_export_list_len(capos_service_get_exports(service));
    uint32_t slots_needed = born_with > 1 ? born_with : 1;

    if (frames < frames_needed) {
        return refuse(check, place_field(at, "limits.frames"), name,
                      (struct manifest_fault){
                          .error = MANIFEST_FRAMES, .found = frames, .least = frames_needed});
    }
    if (slots < slots_needed || slots > CAP_SLOTS_MAX) {
        return refuse(check, place_field(at, "limits.capSlots"), name,
                      (struct manifest_fault){.error = MANIFEST_SLOTS,
                                              .found = slots,
                                              .least = slots_needed,
                                              .most = CAP_SLOTS_MAX});
    }
    return check_limit(check, place_field(at, "limits.processes"), name,
                       capos_limits_get_processes(limits), PROC_PROCESSES_MAX) &&
           check_limit(check, place_field(at, "limits.calls"), name, capos_limits_get_calls(limits),
                       PROC_CALLS_MAX);
}

static bool check_restart(struct check *check, struct place at, struct capos_restart restart)
{
    unsigned policy = (unsigned)capos_restart_get_policy(restart);
    uint32_t count = capos_restart_get_count(restart);
    bool never = policy == CAPOS_RESTART_POLICY_NEVER;
    uint32_t least = never ? 0 : 1;
    uint32_t most = never ? 0 : MANIFEST_RESTARTS_MAX;

    if (policy >= CAPOS_RESTART_POLICY_COUNT) {
        return refuse(check, place_field(at, "restart.policy"), CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_RESTART_POLICY,
                                              .found = policy,
                                              .most = CAPOS_RESTART_POLICY_COUNT - 1});
    }
    if (count < least || count > most) {
        return refuse(
            check, place_field(at, "restart.count"), CAPNP_TEXT(""),
            (struct manifest_fault){
                .error = MANIFEST_RESTART_COUNT, .found = count, .least = least, .most = most});
    }
    return true;
}

static bool check_expected_fault(struct check *check, struct place at, struct capos_fault fault)
{
    uint8_t vector = capos_fault_get_vector(fault);
    uint64_t address = capos_fault_get_address(fault);
    uint64_t rip = capos_fault_get_rip(fault);

    if (vector >= MANIFEST_VECTORS) {
        return refuse(check, place_field(at, "expect.faulted.vector"), CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_EXPECT_VECTOR,
                                              .found = vector,
                                              .most = MANIFEST_VECTORS - 1});
    }
    if (address != 0 || rip != 0) {
        const char *field = address != 0 ? "expect.faulted.address" : "expect.faulted.rip";
        return refuse(check, place_field(at, field), CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_EXPECT_DETAIL,
                                              .found = address != 0 ? address : rip});
    }
    return true;
}

static bool check_expected_reason(struct check *check, struct place at, struct capnp_text reason)
{
    if (reason.len == 0 || reason.len > MANIFEST_REASON_MAX || !capnp_text_is_utf8(reason)) {
        return refuse(check, at, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_EXPECT_REASON,
                                              .found = reason.len,
                                              .most = MANIFEST_REASON_MAX});
    }
    return true;
}

static bool check_expect(struct check *check, struct place at, struct capos_process_status expect)
{
    unsigned kind = (unsigned)capos_process_status_which(expect);

    switch (kind) {
    case CAPOS_PROCESS_STATUS_EXITED:
        return true;
    case CAPOS_PROCESS_STATUS_FAULTED:
        return check_expected_fault(check, at, capos_process_status_get_faulted(expect));
    case CAPOS_PROCESS_STATUS_KILLED:
        return check_expected_reason(check, place_field(at, "expect.killed"),
                                     capos_process_status_get_killed(expect));
    case CAPOS_PROCESS_STATUS_FAILED_TO_START:
        return check_expected_reason(check, place_field(at, "expect.failedToStart"),
                                     capos_process_status_get_failed_to_start(expect));
    default:
        return refuse(check, place_field(at, "expect"), CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_EXPECT_KIND,
                                              .found = kind,
                                              .most = CAPOS_PROCESS_STATUS_FAILED_TO_START});
    }
}

/* ---------------------------------------------------------------------------
 * Services and the whole */

static bool check_service(struct check *check, uint32_t index)
{
    struct capos_service service = manifest_service_at(check->manifest, index);
    struct capnp_text name = capos_service_get_name(service);
    struct capnp_text binary_name = capos_service_get_binary(service);
    struct place at = {.list = "services", .index = index};
    uint32_t other;

    if (!check_name(check, place_field(at, "name"), name)) {
        return false;
    }
    if (find_service(check->manifest, index, name, &other)) {
        return refuse_taken(check, place_field(at, "name"), name, other);
    }
    unsigned starter = (unsigned)capos_service_get_starter(service);
    if (starter >= CAPOS_SERVICE_STARTER_COUNT) {
        return refuse(check, place_field(at, "starter"), name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_STARTER,
                                              .found = starter,
                                              .most = CAPOS_SERVICE_STARTER_COUNT - 1});
    }
    struct capos_binary binary;
    if (!manifest_find_binary(check->manifest, binary_name, &binary)) {
        return refuse(check, place_field(at, "binary"), binary_name,
                      (struct manifest_fault){.error = MANIFEST_NO_SUCH_BINARY});
    }
    struct capnp_data image = capos_binary_get_image(binary);
    struct elf_image program;
    struct ring_layout ring;
    if (!check_authority(check, service, at) ||
        !check_ring(check, at, capos_service_get_ring(service), &ring)) {
        return false;
    }
    enum elf_error parsed = elf_parse(image.ptr, image.len, &program);
    LIB_ASSERT(parsed == ELF_OK, "an image that was accepted is accepted again");
    return check_limits(check, service, at, frames_to_begin(&program, &ring)) &&
           check_restart(check, at, capos_service_get_restart(service)) &&
           check_expect(check, at, capos_service_get_expect(service));
}

static bool is_granted(struct capos_service service, uint64_t interface_id)
{
    struct capos_cap_grant_list caps = capos_service_get_caps(service);

    for (uint32_t i = 0; i < capos_cap_grant_list_len(caps); i++) {
        struct capos_cap_grant grant = capos_cap_grant_list_at(caps, i);
        if (capos_cap_grant_source_which(capos_cap_grant_get_source(grant)) ==
                CAPOS_CAP_GRANT_SOURCE_KERNEL &&
            capos_cap_grant_get_interface_id(grant) == interface_id) {
            return true;
        }
    }
    return false;
}

/* Whether somebody can start each service, and the run can end. */
static bool check_starters(struct check *check)
{
    struct place at = {.field = "services"};
    uint32_t kernel = 0;
    uint32_t daemons = 0;
    bool init = false;

    for (uint32_t i = 0; i < manifest_service_count(check->manifest); i++) {
        struct capos_service service = manifest_service_at(check->manifest, i);
        if (manifest_kernel_starts(service)) {
            kernel++;
            daemons += capos_service_get_daemon(service) ? 1 : 0;
            init = init || (is_granted(service, CAPOS_BOOT_PACKAGE_ID) &&
                            is_granted(service, CAPOS_PROCESS_SPAWNER_ID));
        }
    }
    if (kernel == 0) {
        return refuse(check, at, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_NO_SERVICE});
    }
    if (daemons == kernel) {
        return refuse(check, at, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_ONLY_DAEMONS});
    }
    for (uint32_t i = 0; i < manifest_service_count(check->manifest) && !init; i++) {
        struct capos_service service = manifest_service_at(check->manifest, i);
        if (!manifest_kernel_starts(service)) {
            at = (struct place){.list = "services", .index = i, .field = "starter"};
            return refuse(check, at, capos_service_get_name(service),
                          (struct manifest_fault){.error = MANIFEST_NO_INIT});
        }
    }
    return true;
}

static bool check_services(struct check *check)
{
    uint32_t count = manifest_service_count(check->manifest);

    if (!check_count(check, (struct place){.field = "services"}, count, MANIFEST_SERVICES_MAX)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!check_service(check, i)) {
            return false;
        }
    }
    return check_starters(check);
}

static bool check_kernel_params(struct check *check)
{
    struct capos_kernel_params params = capos_manifest_get_kernel_params(check->manifest);
    uint32_t hz = capos_kernel_params_get_tick_hz(params);
    unsigned leak = (unsigned)capos_kernel_params_get_plant_leak(params);

    if (hz < MANIFEST_TICK_HZ_MIN || hz > MANIFEST_TICK_HZ_MAX) {
        return refuse(check, (struct place){.field = "kernelParams.tickHz"}, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_TICK_HZ,
                                              .found = hz,
                                              .least = MANIFEST_TICK_HZ_MIN,
                                              .most = MANIFEST_TICK_HZ_MAX});
    }
    if (leak >= CAPOS_KERNEL_PARAMS_LEAK_COUNT) {
        return refuse(check, (struct place){.field = "kernelParams.plantLeak"}, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_LEAK,
                                              .found = leak,
                                              .most = CAPOS_KERNEL_PARAMS_LEAK_COUNT - 1});
    }
    return true;
}

static bool check_version(struct check *check)
{
    uint32_t version = capos_manifest_get_schema_version(check->manifest);

    if (version != CAPOS_MANIFEST_VERSION) {
        return refuse(check, (struct place){.field = "schemaVersion"}, CAPNP_TEXT(""),
                      (struct manifest_fault){.error = MANIFEST_VERSION,
                                              .found = version,
                                              .most = CAPOS_MANIFEST_VERSION});
    }
    return true;
}

bool manifest_open(const void *bytes, size_t len, struct capnp_message *message,
                   struct capos_manifest *out, struct manifest_fault *fault)
{
    struct check check = {.fault = fault};
    struct place nowhere = {.field = NULL};

    if (len == 0 || len > MANIFEST_BYTES_MAX || len % 8 != 0) {
        return refuse(&check, nowhere, CAPNP_TEXT(""),
                      (struct manifest_fault){
                          .error = MANIFEST_LENGTH, .found = len, .most = MANIFEST_BYTES_MAX});
    }
    capnp_message_open_flat(message, bytes, len);
    check.manifest = capos_manifest_read_root(message);
    if (!capos_manifest_check(check.manifest)) {
        return refuse(
            &check, nowhere, CAPNP_TEXT(""),
            (struct manifest_fault){.error = MANIFEST_MESSAGE,
                                    .detail = capnp_error_text(capnp_message_error(message))});
    }
    if (!check_version(&check) || !check_binaries(&check) || !check_services(&check) ||
        !check_kernel_params(&check)) {
        return false;
    }
    *out = check.manifest;
    return true;
}
