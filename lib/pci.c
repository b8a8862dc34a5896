// SPDX-License-Identifier: MIT
/*
 * Reading PCI configuration space. Each register is read once and then decided upon,
 * so that a device that changes its mind contradicts only itself; the registers that
 * sizing wrote to are read once more, to see that they are back.
 */
#include <lib/pci.h>

#include <lib/bits.h>
#include <lib/mem.h>
#include <stddef.h>

/* Registers of 32 bits. */
#define REG_ID               0x00u /* vendor, device */
#define REG_COMMAND          0x04u /* command, status */
#define REG_CLASS            0x08u /* revision, interface, subclass, class */
#define REG_LAYOUT           0x0cu /* cache line, latency, layout, self test */
#define REG_BAR              0x10u
#define REG_BUSES            0x18u /* bridge: primary, secondary, subordinate bus */
#define REG_SUBSYSTEM        0x2cu /* device: vendor, device */
#define REG_CAPABILITIES     0x34u
#define REG_IRQ              0x3cu /* line, pin */

#define VENDOR_NONE          0xffffu /* what reads as all ones where nothing answers */
#define VENDOR_NEVER         0x0000u /* given to nobody; some bridges make it of silence */

#define STATUS_CAPABILITIES  0x0010u /* there is a list of them */

#define LAYOUT_MASK          0x7fu
#define LAYOUT_MULTIFUNCTION 0x80u

#define CLASS_BRIDGE         0x06u
#define SUBCLASS_HOST        0x00u

#define BRIDGE_BARS          2u
#define BAR_IS_IO            0x1u
#define BAR_IO_FLAGS         0x3u
#define BAR_MEMORY_FLAGS     0xfu
#define BAR_MEMORY_TYPE      0x6u
#define BAR_TYPE_32          0x0u
#define BAR_TYPE_64          0x4u
#define BAR_PREFETCHABLE     0x8u
#define BAR_IO_HIGH          0xffff0000u /* a device with 16 bits of port numbers has zeros there */

#define PORTS                0x10000u
#define MEMORY_32_MAX        (1ull << 31) /* the largest of a 32-bit memory BAR, bytes */

#define CAPABILITIES_BEGIN   0x40u
#define CAPABILITY_ALIGN     4u
#define CAPABILITY_ABSENT    0xffu

/* A virtio capability, from its offset on. */
#define VIRTIO_WHICH         0x00u /* id, next, length, type */
#define VIRTIO_BAR           0x04u
#define VIRTIO_OFFSET        0x08u
#define VIRTIO_BYTES         0x0cu
#define VIRTIO_MULTIPLIER    0x10u
#define VIRTIO_LENGTH        0x10u
#define VIRTIO_NOTIFY_LEN    0x14u
#define VIRTIO_TYPE_FIRST    1u /* of PCI_VIRTIO_COMMON; the others follow in order */

#define VIRTIO_SUBSYSTEM_NET 1u

const char *pci_error_text(enum pci_error error)
{
    static const char *const texts[PCI_ERROR_COUNT] = {[PCI_OK] = "success",
#define PCI_ERROR_TEXT(name, sentence) [PCI_ERROR_##name] = (sentence),
                                                       PCI_ERROR_LIST(PCI_ERROR_TEXT)
#undef PCI_ERROR_TEXT
    };
    return (unsigned)error < PCI_ERROR_COUNT ? texts[error] : "unknown error";
}

static uint32_t config_read(const struct pci_access *access, struct pci_address at, unsigned offset)
{
    return access->read(access->context, at, (uint8_t)offset);
}

static void config_write(const struct pci_access *access, struct pci_address at, unsigned offset,
                         uint32_t value)
{
    access->write(access->context, at, (uint8_t)offset, value);
}

/* ------------------------------------------------------------------------- */
/* Functions */

/* The members that only some layouts have. */
static void read_by_layout(const struct pci_access *access, uint16_t status,
                           struct pci_function *out)
{
    if (out->layout != PCI_LAYOUT_DEVICE && out->layout != PCI_LAYOUT_BRIDGE) {
        return;
    }
    if (out->layout == PCI_LAYOUT_BRIDGE) {
        out->secondary_bus = (uint8_t)(config_read(access, out->at, REG_BUSES) >> 8);
    } else {
        uint32_t subsystem = config_read(access, out->at, REG_SUBSYSTEM);
        out->subsystem_vendor = (uint16_t)subsystem;
        out->subsystem = (uint16_t)(subsystem >> 16);
    }
    if ((status & STATUS_CAPABILITIES) != 0) {
        out->capabilities = (uint8_t)config_read(access, out->at, REG_CAPABILITIES);
    }
    uint32_t irq = config_read(access, out->at, REG_IRQ);
    out->irq_line = (uint8_t)irq;
    out->irq_pin = (uint8_t)(irq >> 8);
}

bool pci_function_read(const struct pci_access *access, struct pci_address at,
                       struct pci_function *out)
{
    uint32_t id = config_read(access, at, REG_ID);
    uint16_t vendor = (uint16_t)id;

    if (vendor == VENDOR_NONE || vendor == VENDOR_NEVER) {
        return false;
    }
    uint32_t command = config_read(access, at, REG_COMMAND);
    uint32_t class = config_read(access, at, REG_CLASS);
    uint32_t layout = config_read(access, at, REG_LAYOUT) >> 16;

    *out = (struct pci_function){
        .at = at,
        .vendor = vendor,
        .device = (uint16_t)(id >> 16),
        .command = (uint16_t)command,
        .revision = (uint8_t) class,
        .interface = (uint8_t)(class >> 8),
        .subclass = (uint8_t)(class >> 16),
        .class = (uint8_t)(class >> 24),
        .layout = layout & LAYOUT_MASK,
        .multifunction = (layout & LAYOUT_MULTIFUNCTION) != 0,
    };
    read_by_layout(access, (uint16_t)(command >> 16), out);
    return true;
}

/* Whether it is a bridge to the buses that the processor itself reaches. */
static bool is_host_bridge(const struct pci_function *function)
{
    return function->class == CLASS_BRIDGE && function->subclass == SUBCLASS_HOST;
}

/* Notes a bus that a bridge leads to. False: it was known, bus 0 always. */
static bool walk_add(struct pci_walk *walk, uint8_t bus)
{
    uint64_t bit = 1ull << bus % 64;

    if ((walk->found[bus / 64] & bit) != 0) {
        return false;
    }
    walk->found[bus / 64] |= bit;
    walk->ahead[bus / 64] |= bit;
    return true;
}

/* Goes to the lowest bus ahead. False: there is none. */
static bool walk_to_next_bus(struct pci_walk *walk)
{
    for (unsigned bus = 0; bus < PCI_BUSES; bus++) {
        uint64_t bit = 1ull << bus % 64;
        if ((walk->ahead[bus / 64] & bit) != 0) {
            walk->ahead[bus / 64] &= ~bit;
            walk->bus = (uint8_t)bus;
            walk->next = 0;
            walk->buses++;
            return true;
        }
    }
    return false;
}

void pci_walk_init(struct pci_walk *walk, const struct pci_access *access)
{
    *walk = (struct pci_walk){.access = access, .next = PCI_SLOTS * PCI_FUNCTIONS};
    (void)walk_add(walk, 0);
}

bool pci_walk_next(struct pci_walk *walk, struct pci_function *out)
{
    while (walk->next < PCI_SLOTS * PCI_FUNCTIONS || walk_to_next_bus(walk)) {
        const struct pci_address at = {
            .bus = walk->bus,
            .slot = (uint8_t)(walk->next / PCI_FUNCTIONS),
            .function = walk->next % PCI_FUNCTIONS,
        };
        bool there = pci_function_read(walk->access, at, out);

        /* Function 0 is always there, and says whether there may be others. */
        if (at.function == 0 && !(there && out->multifunction)) {
            walk->next += PCI_FUNCTIONS;
        } else {
            walk->next++;
        }
        if (!there) {
            continue;
        }
        if (out->layout == PCI_LAYOUT_BRIDGE && !walk_add(walk, out->secondary_bus)) {
            walk->dead_ends++;
        }
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------- */
/* BARs */

/* What a BAR's register holds, and what it reads after all ones were written to it. */
struct bar_sample {
    uint32_t value;
    uint32_t ones;
};

static unsigned bar_count(const struct pci_function *function)
{
    switch (function->layout) {
    case PCI_LAYOUT_DEVICE:
        return PCI_BARS;
    case PCI_LAYOUT_BRIDGE:
        return BRIDGE_BARS;
    default:
        return 0;
    }
}

/*
 * Samples the BARs. The status is the command register's upper half, where ones clear
 * what they are written to: it gets zeros. False: a register has not come back.
 */
static bool sample_bars(const struct pci_access *access, struct pci_address at, unsigned count,
                        struct bar_sample samples[PCI_BARS])
{
    uint16_t command = (uint16_t)config_read(access, at, REG_COMMAND);
    bool restored = true;

    config_write(access, at, REG_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < count; i++) {
        unsigned reg = REG_BAR + 4 * i;
        samples[i].value = config_read(access, at, reg);
        config_write(access, at, reg, 0xffffffff);
        samples[i].ones = config_read(access, at, reg);
        config_write(access, at, reg, samples[i].value);
        restored &= config_read(access, at, reg) == samples[i].value;
    }
    config_write(access, at, REG_COMMAND, command);
    return restored && (uint16_t)config_read(access, at, REG_COMMAND) == command;
}

/*
 * The bits of an address that can be set tell its size: those below are always zero.
 * `settable` has all bits above the address's own set.
 */
static enum pci_error set_range(struct pci_bar *bar, uint64_t address, uint64_t settable)
{
    bar->address = address;
    bar->bytes = ~settable + 1;
    if (!bits_is_power_of_two(bar->bytes)) {
        return PCI_ERROR_BAR_SIZE;
    }
    return (address & (bar->bytes - 1)) == 0 ? PCI_OK : PCI_ERROR_BAR_ADDRESS;
}

static enum pci_error decode_io(const struct bar_sample *sample, struct pci_bar *bar)
{
    uint32_t settable = sample->ones & ~BAR_IO_FLAGS;

    if (settable != 0 && (settable & BAR_IO_HIGH) == 0) {
        settable |= BAR_IO_HIGH;
    }
    bar->kind = PCI_BAR_IO;
    enum pci_error error =
        set_range(bar, sample->value & ~BAR_IO_FLAGS, 0xffffffff00000000 | settable);
    if (error != PCI_OK) {
        return error;
    }
    if (bar->bytes > PORTS) {
        return PCI_ERROR_BAR_SIZE;
    }
    return bits_range_fits(bar->address, bar->bytes, PORTS) ? PCI_OK : PCI_ERROR_BAR_ADDRESS;
}

static enum pci_error decode_memory_32(const struct bar_sample *sample, struct pci_bar *bar)
{
    bar->kind = PCI_BAR_MEMORY_32;
    bar->prefetchable = (sample->value & BAR_PREFETCHABLE) != 0;
    enum pci_error error = set_range(bar, sample->value & ~BAR_MEMORY_FLAGS,
                                     0xffffffff00000000 | (sample->ones & ~BAR_MEMORY_FLAGS));
    if (error != PCI_OK) {
        return error;
    }
    return bar->bytes <= MEMORY_32_MAX ? PCI_OK : PCI_ERROR_BAR_SIZE;
}

static enum pci_error decode_memory_64(const struct bar_sample pair[2], struct pci_bar *bar)
{
    bar->kind = PCI_BAR_MEMORY_64;
    bar->prefetchable = (pair[0].value & BAR_PREFETCHABLE) != 0;
    return set_range(bar, (uint64_t)pair[1].value << 32 | (pair[0].value & ~BAR_MEMORY_FLAGS),
                     (uint64_t)pair[1].ones << 32 | (pair[0].ones & ~BAR_MEMORY_FLAGS));
}

/* Decodes the BAR that the first sample belongs to, and says how many registers it takes. */
static enum pci_error decode_bar(const struct bar_sample *samples, unsigned left,
                                 struct pci_bar *bar, unsigned *taken)
{
    uint32_t value = samples[0].value;
    uint32_t flags = (value & BAR_IS_IO) != 0 ? BAR_IO_FLAGS : BAR_MEMORY_FLAGS;

    *taken = 1;
    if (value == 0 && samples[0].ones == 0) {
        return PCI_OK; /* there is none */
    }
    if (((value ^ samples[0].ones) & flags) != 0) {
        return PCI_ERROR_BAR_KIND; /* these bits cannot be written */
    }
    if ((value & BAR_IS_IO) != 0) {
        return decode_io(samples, bar);
    }
    switch (value & BAR_MEMORY_TYPE) {
    case BAR_TYPE_32:
        return decode_memory_32(samples, bar);
    case BAR_TYPE_64:
        *taken = 2;
        return left >= 2 ? decode_memory_64(samples, bar) : PCI_ERROR_BAR_LAST;
    default:
        return PCI_ERROR_BAR_KIND;
    }
}

enum pci_error pci_bars_read(const struct pci_access *access, const struct pci_function *function,
                             struct pci_bar out[PCI_BARS])
{
    struct bar_sample samples[PCI_BARS];
    struct pci_bar bars[PCI_BARS] = {{.kind = PCI_BAR_NONE}};
    unsigned count = bar_count(function);
    unsigned taken;

    if (is_host_bridge(function)) {
        return PCI_ERROR_HOST_BRIDGE;
    }
    if (count != 0 && !sample_bars(access, function->at, count, samples)) {
        return PCI_ERROR_RESTORE;
    }
    for (unsigned i = 0; i < count; i += taken) {
        enum pci_error error = decode_bar(&samples[i], count - i, &bars[i], &taken);
        if (error != PCI_OK) {
            return error;
        }
    }
    memcpy(out, bars, sizeof(bars));
    return PCI_OK;
}

/* ------------------------------------------------------------------------- */
/* Capabilities */

/* The lowest two bits of a pointer are reserved, and software is to mask them. */
static unsigned capability_pointer(uint8_t byte)
{
    return byte & ~(CAPABILITY_ALIGN - 1);
}

enum pci_error pci_capabilities_read(const struct pci_access *access,
                                     const struct pci_function *function,
                                     struct pci_capability_list *out)
{
    struct pci_capability_list list = {.count = 0};
    uint64_t seen = 0; /* a bit for each place where one may lie */

    for (unsigned at = capability_pointer(function->capabilities); at != 0;) {
        if (at < CAPABILITIES_BEGIN) {
            return PCI_ERROR_CAPABILITY_POINTER;
        }
        uint64_t bit = 1ull << at / CAPABILITY_ALIGN;
        if ((seen & bit) != 0) {
            return PCI_ERROR_CAPABILITY_LOOP;
        }
        seen |= bit;
        uint32_t head = config_read(access, function->at, at);
        if ((uint8_t)head == CAPABILITY_ABSENT) {
            return PCI_ERROR_CAPABILITY_GONE;
        }
        list.entry[list.count++] = (struct pci_capability){(uint8_t)head, (uint8_t)at};
        at = capability_pointer((uint8_t)(head >> 8));
    }
    *out = list;
    return PCI_OK;
}

_Static_assert(PCI_CAPABILITIES_MAX == (PCI_CONFIG_BYTES - CAPABILITIES_BEGIN) / CAPABILITY_ALIGN,
               "each place behind the header has room in the list");
_Static_assert(PCI_CONFIG_BYTES / CAPABILITY_ALIGN == 64, "each place has a bit");

/* ------------------------------------------------------------------------- */
/* Virtio */

enum pci_virtio_net pci_virtio_net(const struct pci_function *function)
{
    if (function->layout != PCI_LAYOUT_DEVICE || function->vendor != PCI_VENDOR_VIRTIO) {
        return PCI_VIRTIO_NET_NONE;
    }
    if (function->device == PCI_DEVICE_NET) {
        return PCI_VIRTIO_NET_MODERN;
    }
    /* Before virtio 1.0, the subsystem says what kind of device it is. */
    if (function->device == PCI_DEVICE_NET_LEGACY && function->subsystem == VIRTIO_SUBSYSTEM_NET) {
        return PCI_VIRTIO_NET_TRANSITIONAL;
    }
    return PCI_VIRTIO_NET_NONE;
}

/* What each part must be like, in the order of its types. */
static const struct {
    const char *name;
    uint32_t bytes_min;
    uint32_t align;
} virtio_parts[PCI_VIRTIO_PARTS] = {
    [PCI_VIRTIO_COMMON] = {"common configuration", 56, 4},
    [PCI_VIRTIO_NOTIFY] = {"notifications", 2, 2},
    [PCI_VIRTIO_ISR] = {"interrupt status", 1, 1},
    [PCI_VIRTIO_DEVICE] = {"device configuration", 1, 4},
};

const char *pci_virtio_part_name(enum pci_virtio_part part)
{
    return (unsigned)part < PCI_VIRTIO_PARTS ? virtio_parts[part].name : "unknown part";
}

static enum pci_error check_region(const struct pci_virtio_region *region,
                                   enum pci_virtio_part part, const struct pci_bar *bar)
{
    if (bar->kind == PCI_BAR_NONE) {
        return PCI_ERROR_VIRTIO_BAR;
    }
    if (!bits_range_fits(region->offset, region->bytes, bar->bytes)) {
        return PCI_ERROR_VIRTIO_RANGE;
    }
    if (region->bytes < virtio_parts[part].bytes_min) {
        return PCI_ERROR_VIRTIO_SIZE;
    }
    return region->offset % virtio_parts[part].align == 0 ? PCI_OK : PCI_ERROR_VIRTIO_ALIGN;
}

/* The notify capability's own register: 0, or a power of two that keeps the alignment. */
static enum pci_error read_multiplier(const struct pci_access *access, struct pci_address at,
                                      unsigned offset, uint32_t *out)
{
    uint32_t multiplier = config_read(access, at, offset + VIRTIO_MULTIPLIER);

    if (multiplier == 1 || (multiplier != 0 && !bits_is_power_of_two(multiplier))) {
        return PCI_ERROR_VIRTIO_MULTIPLIER;
    }
    *out = multiplier;
    return PCI_OK;
}

/* Takes one capability that the vendor defines, unless it is of no interest. */
static enum pci_error read_part(const struct pci_access *access, struct pci_address at,
                                unsigned offset, const struct pci_bar bars[PCI_BARS],
                                bool found[PCI_VIRTIO_PARTS], struct pci_virtio *virtio)
{
    uint32_t which = config_read(access, at, offset + VIRTIO_WHICH);
    uint8_t len = (uint8_t)(which >> 16);
    unsigned part = (which >> 24) - VIRTIO_TYPE_FIRST;

    if (part >= PCI_VIRTIO_PARTS || found[part]) {
        return PCI_OK;
    }
    if (len < (part == PCI_VIRTIO_NOTIFY ? VIRTIO_NOTIFY_LEN : VIRTIO_LENGTH) ||
        !bits_range_fits(offset, len, PCI_CONFIG_BYTES)) {
        return PCI_ERROR_VIRTIO_LENGTH;
    }
    const struct pci_virtio_region region = {
        .bar = (uint8_t)config_read(access, at, offset + VIRTIO_BAR),
        .offset = config_read(access, at, offset + VIRTIO_OFFSET),
        .bytes = config_read(access, at, offset + VIRTIO_BYTES),
    };
    if (region.bar >= PCI_BARS) {
        return PCI_OK; /* reserved for what virtio may define later */
    }
    enum pci_error error = check_region(&region, part, &bars[region.bar]);
    if (error != PCI_OK) {
        return error;
    }
    found[part] = true;
    virtio->part[part] = region;
    return part == PCI_VIRTIO_NOTIFY
               ? read_multiplier(access, at, offset, &virtio->notify_multiplier)
               : PCI_OK;
}

enum pci_error pci_virtio_read(const struct pci_access *access, const struct pci_function *function,
                               const struct pci_bar bars[PCI_BARS],
                               const struct pci_capability_list *capabilities,
                               struct pci_virtio *out)
{
    struct pci_virtio virtio = {.modern = false};
    bool found[PCI_VIRTIO_PARTS] = {false};
    unsigned parts = 0;

    for (uint32_t i = 0; i < capabilities->count; i++) {
        const struct pci_capability *capability = &capabilities->entry[i];
        if (capability->id != PCI_CAPABILITY_VENDOR) {
            continue;
        }
        enum pci_error error =
            read_part(access, function->at, capability->offset, bars, found, &virtio);
        if (error != PCI_OK) {
            return error;
        }
    }
    for (unsigned part = 0; part < PCI_VIRTIO_PARTS; part++) {
        parts += found[part];
    }
    virtio.modern = parts == PCI_VIRTIO_PARTS;
    if (!virtio.modern && (parts != 0 || pci_virtio_net(function) != PCI_VIRTIO_NET_TRANSITIONAL)) {
        return PCI_ERROR_VIRTIO_MISSING;
    }
    *out = virtio;
    return PCI_OK;
}
