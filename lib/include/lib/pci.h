// SPDX-License-Identifier: MIT
/*
 * PCI devices: finds them, and reads what their configuration space says of them.
 *
 * Each function (a device has up to eight) has 256 bytes of configuration space,
 * which are reached through a struct pci_access that the caller brings: the kernel
 * one on ports, a test one on an array. pci_walk_next() goes over all functions;
 * the details of one are read in this order:
 *
 *   pci_function_read        who it is; the walk has done that already
 *   pci_bars_read            where its registers and memory lie, and how large they are
 *   pci_capabilities_read    the list of its capabilities
 *   pci_virtio_read          of a virtio device: which part of which BAR is what
 *
 * A device is hardware that we did not choose: whatever it answers, each of these ends
 * after a bounded number of accesses, and either fails, or what it says is true:
 *   1  a BAR's size is a power of two, its address a multiple of that, and both lie
 *      in their space: 16 bits of ports, 32 or 64 bits of memory
 *   2  a capability lies behind the header, and none is listed twice
 *   3  a part of a virtio device lies inside a BAR that is there
 * A device may still lie within these bounds, answer otherwise when asked again, or
 * be gone; addresses are not compared with those of other devices or of RAM.
 *
 * Only pci_bars_read() writes, only to that one function, and it puts everything
 * back. Nothing here enables a device.
 *
 * The numbers are those of the PCI Local Bus Specification 3.0, of the PCI-to-PCI
 * Bridge Architecture Specification 1.2, and of Virtual I/O Device (VIRTIO) 1.2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PCI_BUSES             256u
#define PCI_SLOTS             32u /* devices of a bus */
#define PCI_FUNCTIONS         8u  /* of a device */
#define PCI_CONFIG_BYTES      256u
#define PCI_BARS              6u

#define PCI_CAPABILITIES_MAX  48u /* as many as have room behind the header */

#define PCI_VENDOR_VIRTIO     0x1af4u
#define PCI_DEVICE_NET        0x1041u /* virtio 1.0 and later only */
#define PCI_DEVICE_NET_LEGACY 0x1000u /* the interface of before too, or alone */

#define PCI_COMMAND_IO        0x0001u /* answers to ports */
#define PCI_COMMAND_MEMORY    0x0002u /* answers to memory addresses */
#define PCI_COMMAND_MASTER    0x0004u /* may read and write RAM by itself */

#define PCI_ERROR_LIST(X)                                                                          \
    X(HOST_BRIDGE, "RAM may lie behind a host bridge, so its BARs are not sized")                  \
    X(BAR_KIND, "a BAR is of no kind that there is, or changes its kind")                          \
    X(BAR_LAST, "a BAR has 64 bits, and no register is left for the upper half")                   \
    X(BAR_SIZE, "a BAR's size is not a power of two, or too large")                                \
    X(BAR_ADDRESS, "a BAR's address is not a multiple of its size, or out of range")               \
    X(RESTORE, "a register does not keep what was in it before the BARs were sized")               \
    X(CAPABILITY_POINTER, "a capability pointer points into the header")                           \
    X(CAPABILITY_LOOP, "the list of capabilities comes back to itself")                            \
    X(CAPABILITY_GONE, "a capability reads as all ones")                                           \
    X(VIRTIO_LENGTH, "a virtio capability is too short, or longer than configuration space")       \
    X(VIRTIO_BAR, "a virtio capability names a BAR that is not there")                             \
    X(VIRTIO_RANGE, "a virtio capability goes beyond the end of its BAR")                          \
    X(VIRTIO_SIZE, "a part of a virtio device is smaller than its registers")                      \
    X(VIRTIO_ALIGN, "a part of a virtio device is not aligned")                                    \
    X(VIRTIO_MULTIPLIER, "the distance of virtio notification registers is not a power of two")    \
    X(VIRTIO_MISSING, "a part of a virtio device is in no capability")

enum pci_error {
    PCI_OK,
#define PCI_ERROR_ENUM(name, sentence) PCI_ERROR_##name,
    PCI_ERROR_LIST(PCI_ERROR_ENUM)
#undef PCI_ERROR_ENUM
        PCI_ERROR_COUNT
};

/* The sentence for an error. Never NULL; borrowed for ever. */
const char *pci_error_text(enum pci_error error);

/* Where a function sits. */
struct pci_address {
    uint8_t bus;
    uint8_t slot;     /* below PCI_SLOTS */
    uint8_t function; /* below PCI_FUNCTIONS */
};

/*
 * How configuration space is reached, 32 bits at a time; offsets are multiples of 4.
 * Where there is no function, a read gives all ones and a write does nothing.
 */
struct pci_access {
    void *context; /* handed to both; what it is, is theirs to know */
    uint32_t (*read)(void *context, struct pci_address at, uint8_t offset);
    void (*write)(void *context, struct pci_address at, uint8_t offset, uint32_t value);
};

/* ------------------------------------------------------------------------- */
/* Functions */

enum pci_layout {
    PCI_LAYOUT_DEVICE = 0,
    PCI_LAYOUT_BRIDGE = 1 /* to another bus; any other layout is of no interest to us */
};

/* What the header says. Members that its layout does not have are 0. */
struct pci_function {
    struct pci_address at;
    uint16_t vendor;
    uint16_t device;
    uint16_t command; /* PCI_COMMAND_* among others */
    uint8_t revision;
    uint8_t interface; /* class, subclass, interface: what kind of device it is */
    uint8_t subclass;
    uint8_t class;
    uint8_t layout; /* enum pci_layout, or what the device says instead */
    bool multifunction;
    uint16_t subsystem_vendor; /* device */
    uint16_t subsystem;        /* device */
    uint8_t secondary_bus;     /* bridge: the bus behind it; 0: firmware has given it none */
    uint8_t capabilities;      /* device, bridge: where the list begins; 0: there is none */
    uint8_t irq_line;          /* device, bridge: as firmware has noted it; 255: none */
    uint8_t irq_pin;           /* device, bridge: 1…4 for A…D; 0: it has no interrupt line */
};

/* False: there is no function at this address, and *out is not written. */
bool pci_function_read(const struct pci_access *access, struct pci_address at,
                       struct pci_function *out);

/*
 * All functions: those of bus 0, and of each bus that a bridge leads to as firmware has
 * numbered them. Each bus is visited once, however bridges point, in ascending order
 * as far as they are known. Buses that only a second host bridge would reach are not
 * found.
 */
struct pci_walk {
    const struct pci_access *access;
    uint64_t found[PCI_BUSES / 64]; /* a bit for each bus that has been heard of */
    uint64_t ahead[PCI_BUSES / 64]; /* those of them that are still to be visited */
    uint32_t buses;                 /* visited, the present one too */
    uint32_t dead_ends;             /* bridges without a bus, or to one that was found before */
    uint8_t bus;
    uint16_t next; /* slot × PCI_FUNCTIONS + function; the end: of this bus */
};

/* Begins a walk. Keeps the access until it ends. */
void pci_walk_init(struct pci_walk *walk, const struct pci_access *access);

/* The next function. False: that was all, and *out is not written. */
bool pci_walk_next(struct pci_walk *walk, struct pci_function *out);

/* ------------------------------------------------------------------------- */
/* BARs: the windows through which a function's registers and memory are seen. */

enum pci_bar_kind {
    PCI_BAR_NONE, /* unused, or the upper half of the one before */
    PCI_BAR_IO,
    PCI_BAR_MEMORY_32,
    PCI_BAR_MEMORY_64
};

struct pci_bar {
    enum pci_bar_kind kind;
    bool prefetchable; /* memory: reading it changes nothing */
    uint64_t address;  /* first port, or physical address; 0: firmware has not placed it */
    uint64_t bytes;    /* 0 for PCI_BAR_NONE */
};

/*
 * Reads the BARs of a device or bridge; there are none with any other layout. Finding a
 * size means to overwrite the address: the function is kept from answering to any
 * address meanwhile, and then gets everything back as it was, whether this succeeds or
 * not. PCI_ERROR_RESTORE says that it did not keep it. Nobody may use the function at the time.
 * Not for host bridges (PCI_ERROR_HOST_BRIDGE).
 */
enum pci_error pci_bars_read(const struct pci_access *access, const struct pci_function *function,
                             struct pci_bar out[PCI_BARS]);

/* ------------------------------------------------------------------------- */
/* Capabilities: what a function can do besides, each a few bytes behind the header. */

#define PCI_CAPABILITY_VENDOR 0x09u

struct pci_capability {
    uint8_t id;
    uint8_t offset; /* in configuration space; a multiple of 4 */
};

struct pci_capability_list {
    uint32_t count;
    struct pci_capability entry[PCI_CAPABILITIES_MAX]; /* in the function's own order */
};

enum pci_error pci_capabilities_read(const struct pci_access *access,
                                     const struct pci_function *function,
                                     struct pci_capability_list *out);

/* ------------------------------------------------------------------------- */
/* Virtio */

enum pci_virtio_net {
    PCI_VIRTIO_NET_NONE,         /* something else */
    PCI_VIRTIO_NET_TRANSITIONAL, /* has the interface of before virtio 1.0, and maybe both */
    PCI_VIRTIO_NET_MODERN
};

/* Whether a function is a network device by virtio. */
enum pci_virtio_net pci_virtio_net(const struct pci_function *function);

enum pci_virtio_part {
    PCI_VIRTIO_COMMON, /* configuration that all virtio devices have */
    PCI_VIRTIO_NOTIFY, /* where the device is told of new buffers */
    PCI_VIRTIO_ISR,    /* why it interrupts */
    PCI_VIRTIO_DEVICE, /* configuration of this kind of device */
    PCI_VIRTIO_PARTS
};

/* A name for each part. Never NULL; borrowed for ever. */
const char *pci_virtio_part_name(enum pci_virtio_part part);

struct pci_virtio_region {
    uint8_t bar;
    uint32_t offset; /* in the BAR */
    uint32_t bytes;
};

struct pci_virtio {
    bool modern; /* false: only the interface of before, and the rest is 0 */
    struct pci_virtio_region part[PCI_VIRTIO_PARTS];
    uint32_t notify_multiplier; /* bytes from one queue's register to the next; 0: all share one */
};

/*
 * Reads where the parts of a virtio network device lie. Of several capabilities for one
 * part, the first counts; those for parts or BARs that virtio has not defined yet are
 * passed over.
 */
enum pci_error pci_virtio_read(const struct pci_access *access, const struct pci_function *function,
                               const struct pci_bar bars[PCI_BARS],
                               const struct pci_capability_list *capabilities,
                               struct pci_virtio *out);
