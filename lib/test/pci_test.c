// SPDX-License-Identifier: MIT
/* PCI configuration spaces as they are, and as broken or hostile hardware may have them. */
#include "catch_assert.h"
#include "pci_model.h"

#include <lib/pci.h>
#include <stdio.h>
#include <string.h>

/* Commands as firmware leaves them. */
#define DECODING 0x0103u

#define CAP_MSIX 0x11u

/* Large, and a test has only one. */
static struct model model;

static const struct pci_address here = {0, 3, 0};

static void set(struct model_function *function, unsigned offset, uint32_t value)
{
    function->value[offset / 4] = value;
}

/* A device with identity and class, that answers to addresses and has capabilities. */
static struct model_function *add_device(struct pci_address at, uint32_t id, uint32_t class)
{
    struct model_function *function = model_add(&model, at);

    set(function, 0x00, id);
    set(function, 0x04, 0x00100000 | DECODING);
    set(function, 0x08, class);
    function->writable[MODEL_COMMAND / 4] = 0x0507;
    return function;
}

static struct model_function *add_bridge(struct pci_address at, uint8_t secondary)
{
    struct model_function *bridge = add_device(at, 0x000c1b36, 0x06040000);

    set(bridge, 0x0c, 0x00010000);
    set(bridge, 0x18, (uint32_t)secondary << 8 | (uint32_t)secondary << 16 | at.bus);
    return bridge;
}

/* A BAR as one register: what it holds, and the bits that can be written. */
static void set_bar(struct model_function *function, unsigned index, uint32_t value,
                    uint32_t writable)
{
    set(function, MODEL_BARS + 4 * index, value);
    function->writable[MODEL_BARS / 4 + index] = writable;
}

static void set_bar_64(struct model_function *function, unsigned index, uint64_t value,
                       uint64_t bytes)
{
    set_bar(function, index, (uint32_t)value, (uint32_t) ~(bytes - 1) & ~0xfu);
    set_bar(function, index + 1, (uint32_t)(value >> 32), (uint32_t)(~(bytes - 1) >> 32));
}

static void set_capability(struct model_function *function, uint8_t at, uint8_t id, uint8_t next)
{
    set(function, at, (uint32_t)next << 8 | id);
}

/* A virtio capability of type 1…; `len` of 20 has a multiplier of 4. */
static void set_virtio(struct model_function *function, uint8_t at, uint8_t next, unsigned type,
                       uint8_t bar, uint32_t offset, uint32_t bytes)
{
    uint32_t len = type == 2 ? 20 : 16;

    set(function, at, type << 24 | len << 16 | (uint32_t)next << 8 | PCI_CAPABILITY_VENDOR);
    set(function, at + 4u, bar);
    set(function, at + 8u, offset);
    set(function, at + 12u, bytes);
    if (type == 2) {
        set(function, at + 16u, 4);
    }
}

/* A virtio-net as QEMU makes it: MSI-X, then five virtio capabilities, in BAR 4. */
static struct model_function *add_virtio(uint32_t id)
{
    struct model_function *net = add_device(here, id, 0x02000001);

    set(net, 0x2c, 0x00011af4);
    set(net, 0x34, 0x98);
    set(net, 0x3c, 0x010b);
    set_bar(net, 1, 0xfebd1000, 0xfffff000);
    set_bar_64(net, 4, 0xfe00000c, 0x4000);
    set_capability(net, 0x98, CAP_MSIX, 0x84);
    set_virtio(net, 0x84, 0x70, 5, 0, 0, 0);
    set_virtio(net, 0x70, 0x60, 2, 4, 0x3000, 0x1000);
    set_virtio(net, 0x60, 0x50, 4, 4, 0x2000, 0x1000);
    set_virtio(net, 0x50, 0x40, 3, 4, 0x1000, 0x1000);
    set_virtio(net, 0x40, 0, 1, 4, 0, 0x1000);
    return net;
}

static struct pci_function need_function(struct pci_address at)
{
    struct pci_function function;

    assert_true(pci_function_read(&model.access, at, &function));
    return function;
}

/* Sizes the BARs of here, and looks that nothing is left of that. */
static enum pci_error read_bars(struct pci_bar bars[PCI_BARS])
{
    struct model_function *device = model_find(&model, here);
    struct model_function before = *device;
    struct pci_function function = need_function(here);
    enum pci_error error = pci_bars_read(&model.access, &function, bars);

    assert_memory_equal(device->value, before.value, sizeof(before.value));
    assert_false(device->moved_while_decoding);
    return error;
}

static enum pci_error read_capabilities(struct pci_capability_list *list)
{
    struct pci_function function = need_function(here);

    return pci_capabilities_read(&model.access, &function, list);
}

/* All of a virtio device; BARs and list must be good. */
static enum pci_error read_virtio(struct pci_virtio *virtio)
{
    struct pci_function function = need_function(here);
    struct pci_bar bars[PCI_BARS];
    struct pci_capability_list list;

    assert_int_equal(read_bars(bars), PCI_OK);
    assert_int_equal(read_capabilities(&list), PCI_OK);
    return pci_virtio_read(&model.access, &function, bars, &list, virtio);
}

static int begin(void **state)
{
    (void)state;
    model_init(&model);
    return 0;
}

/* ------------------------------------------------------------------------- */
/* Functions */

static void a_header_is_decoded(void **state)
{
    (void)state;
    struct model_function *net = add_virtio(0x10411af4);
    struct pci_function f = need_function(here);

    assert_int_equal(f.at.slot, 3);
    assert_int_equal(f.vendor, 0x1af4);
    assert_int_equal(f.device, 0x1041);
    assert_int_equal(f.command, DECODING);
    assert_int_equal(f.revision, 1);
    assert_int_equal(f.class, 2);
    assert_int_equal(f.subclass, 0);
    assert_int_equal(f.interface, 0);
    assert_int_equal(f.layout, PCI_LAYOUT_DEVICE);
    assert_false(f.multifunction);
    assert_int_equal(f.subsystem_vendor, 0x1af4);
    assert_int_equal(f.subsystem, 1);
    assert_int_equal(f.secondary_bus, 0);
    assert_int_equal(f.capabilities, 0x98);
    assert_int_equal(f.irq_line, 11);
    assert_int_equal(f.irq_pin, 1);
    assert_int_equal(net->writes, 0);
}

static void a_list_that_the_status_does_not_announce_is_not_there(void **state)
{
    (void)state;
    struct model_function *net = add_virtio(0x10411af4);
    struct pci_capability_list list;

    set(net, 0x04, DECODING);
    assert_int_equal(need_function(here).capabilities, 0);
    assert_int_equal(read_capabilities(&list), PCI_OK);
    assert_int_equal(list.count, 0);
}

static void a_layout_decides_what_there_is(void **state)
{
    (void)state;
    struct model_function *f = add_virtio(0x10411af4);
    struct pci_bar bars[PCI_BARS];

    set(f, 0x18, 0x00ff0700);
    set(f, 0x0c, 0x00810000);
    assert_int_equal(need_function(here).layout, PCI_LAYOUT_BRIDGE);
    assert_true(need_function(here).multifunction);
    assert_int_equal(need_function(here).secondary_bus, 7);
    assert_int_equal(need_function(here).subsystem, 0);
    for (uint32_t layout = 2; layout < 0x80; layout++) {
        set(f, 0x0c, layout << 16);
        struct pci_function read = need_function(here);
        assert_int_equal(read.layout, layout);
        assert_int_equal(read.capabilities | read.secondary_bus | read.irq_pin, 0);
        assert_int_equal(pci_virtio_net(&read), PCI_VIRTIO_NET_NONE);
        assert_int_equal(read_bars(bars), PCI_OK);
        assert_int_equal(bars[4].kind, PCI_BAR_NONE);
    }
    assert_int_equal(f->writes, 0);
}

static void silence_is_no_function(void **state)
{
    (void)state;
    struct pci_function f = {.vendor = 42};

    assert_false(pci_function_read(&model.access, here, &f));
    assert_int_equal(f.vendor, 42);
    struct model_function *odd = add_device(here, 0xffff0000, 0);
    assert_false(pci_function_read(&model.access, here, &f));
    set(odd, 0, 0x1234ffff);
    assert_false(pci_function_read(&model.access, here, &f));
}

/* ------------------------------------------------------------------------- */
/* The walk */

/* Walks, and writes the addresses down: "00:03.0 " each. */
static void expect_walk(const char *expected, uint32_t buses, uint32_t dead_ends)
{
    char text[MODEL_FUNCTIONS_MAX * 8 + 1] = "";
    struct pci_walk walk;
    struct pci_function f;
    size_t used = 0;

    pci_walk_init(&walk, &model.access);
    while (pci_walk_next(&walk, &f)) {
        assert_true(used + 8 < sizeof(text));
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%02x:%02x.%x ", f.at.bus,
                                 f.at.slot, f.at.function);
    }
    assert_string_equal(text, expected);
    assert_int_equal(walk.buses, buses);
    assert_int_equal(walk.dead_ends, dead_ends);
    assert_false(pci_walk_next(&walk, &f));
}

static void an_empty_machine_has_one_bus(void **state)
{
    (void)state;
    expect_walk("", 1, 0);
    assert_int_equal(model.accesses, PCI_SLOTS);
}

static void other_functions_are_asked_for_only_where_there_are_some(void **state)
{
    (void)state;
    (void)add_device((struct pci_address){0, 2, 0}, 0x11111111, 0);
    (void)add_device((struct pci_address){0, 2, 5}, 0x22222222, 0); /* a ghost of function 0 */
    (void)add_device((struct pci_address){0, 9, 1}, 0x22222222, 0); /* without one */
    struct model_function *many = add_device((struct pci_address){0, 31, 0}, 0x33333333, 0);
    set(many, 0x0c, 0x00800000);
    (void)add_device((struct pci_address){0, 31, 2}, 0x44444444, 0);
    (void)add_device((struct pci_address){0, 31, 7}, 0x55555555, 0);
    expect_walk("00:02.0 00:1f.0 00:1f.2 00:1f.7 ", 1, 0);
}

static void bridges_are_followed(void **state)
{
    (void)state;
    (void)add_bridge((struct pci_address){0, 1, 0}, 5);
    (void)add_bridge((struct pci_address){0, 2, 0}, 1);
    (void)add_device((struct pci_address){1, 0, 0}, 0x11111111, 0);
    (void)add_bridge((struct pci_address){5, 4, 0}, 200);
    (void)add_device((struct pci_address){200, 31, 0}, 0x22222222, 0);
    (void)add_device((struct pci_address){7, 0, 0}, 0x22222222, 0); /* nothing leads there */
    expect_walk("00:01.0 00:02.0 01:00.0 05:04.0 c8:1f.0 ", 4, 0);
}

static void bridges_cannot_lead_in_circles(void **state)
{
    (void)state;
    (void)add_bridge((struct pci_address){0, 1, 0}, 0);
    (void)add_bridge((struct pci_address){0, 2, 0}, 3);
    (void)add_bridge((struct pci_address){0, 3, 0}, 3);
    (void)add_bridge((struct pci_address){3, 0, 0}, 3);
    (void)add_bridge((struct pci_address){3, 1, 0}, 2);
    (void)add_bridge((struct pci_address){2, 0, 0}, 3);
    expect_walk("00:01.0 00:02.0 00:03.0 03:00.0 03:01.0 02:00.0 ", 3, 4);
}

/* The same function wherever one asks: a bridge, with all its siblings, to the next bus. */
static uint32_t read_everywhere(void *context, struct pci_address at, uint8_t offset)
{
    ++*(uint32_t *)context;
    switch (offset) {
    case 0x00:
        return 0x000c1b36;
    case 0x0c:
        return 0x00810000;
    case 0x18:
        return (at.bus + 1u) % PCI_BUSES << 8;
    default:
        return 0;
    }
}

static void the_largest_machine_comes_to_an_end(void **state)
{
    (void)state;
    uint32_t reads = 0;
    const struct pci_access access = {&reads, read_everywhere, NULL};
    struct pci_walk walk;
    struct pci_function f;
    uint32_t count = 0;

    pci_walk_init(&walk, &access);
    while (pci_walk_next(&walk, &f)) {
        count++;
    }
    assert_int_equal(count, PCI_BUSES * PCI_SLOTS * PCI_FUNCTIONS);
    assert_int_equal(walk.buses, PCI_BUSES);
    assert_true(reads <= count * 8);
}

/* ------------------------------------------------------------------------- */
/* BARs */

static void expect_bar(const struct pci_bar *bar, enum pci_bar_kind kind, uint64_t address,
                       uint64_t bytes)
{
    assert_int_equal(bar->kind, kind);
    assert_int_equal(bar->address, address);
    assert_int_equal(bar->bytes, bytes);
}

static void bars_of_all_kinds(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_bar bars[PCI_BARS];

    set_bar(f, 0, 0xc041, 0xffffffe0);
    set_bar(f, 1, 0xfebd1000, 0xfffff000);
    set_bar_64(f, 2, 0x38000000000c, 1ull << 33);
    set_bar_64(f, 4, 0xfe000004, 0x4000);
    assert_int_equal(read_bars(bars), PCI_OK);
    expect_bar(&bars[0], PCI_BAR_IO, 0xc040, 32);
    expect_bar(&bars[1], PCI_BAR_MEMORY_32, 0xfebd1000, 4096);
    expect_bar(&bars[2], PCI_BAR_MEMORY_64, 0x380000000000, 1ull << 33);
    expect_bar(&bars[3], PCI_BAR_NONE, 0, 0);
    expect_bar(&bars[4], PCI_BAR_MEMORY_64, 0xfe000000, 0x4000);
    expect_bar(&bars[5], PCI_BAR_NONE, 0, 0);
    assert_false(bars[1].prefetchable);
    assert_true(bars[2].prefetchable);
    assert_false(bars[4].prefetchable);
}

static void the_smallest_and_the_largest_bars(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_bar bars[PCI_BARS];

    set_bar(f, 0, 0xfffd, 0xfffffffc);
    set_bar(f, 1, 0x1, 0xffff0000);
    set_bar(f, 2, 0x8, 0x80000000);
    set_bar(f, 3, 0xfffffff0, 0xfffffff0);
    set_bar_64(f, 4, 0x8000000000000004, 1ull << 63);
    assert_int_equal(read_bars(bars), PCI_OK);
    expect_bar(&bars[0], PCI_BAR_IO, 0xfffc, 4);
    expect_bar(&bars[1], PCI_BAR_IO, 0, 0x10000);
    expect_bar(&bars[2], PCI_BAR_MEMORY_32, 0, 1ull << 31);
    assert_true(bars[2].prefetchable);
    expect_bar(&bars[3], PCI_BAR_MEMORY_32, 0xfffffff0, 16);
    expect_bar(&bars[4], PCI_BAR_MEMORY_64, 1ull << 63, 1ull << 63);
}

static void a_port_bar_may_have_sixteen_bits(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_bar bars[PCI_BARS];

    set_bar(f, 5, 0xc0a1, 0xffe0);
    assert_int_equal(read_bars(bars), PCI_OK);
    expect_bar(&bars[5], PCI_BAR_IO, 0xc0a0, 32);
}

static void a_bridge_has_two_bars(void **state)
{
    (void)state;
    struct model_function *f = add_bridge(here, 1);
    struct pci_bar bars[PCI_BARS];

    set_bar_64(f, 0, 0xfe000004, 0x1000);
    f->writable[0x18 / 4] = 0xffffffff;
    assert_int_equal(read_bars(bars), PCI_OK);
    expect_bar(&bars[0], PCI_BAR_MEMORY_64, 0xfe000000, 0x1000);
    expect_bar(&bars[2], PCI_BAR_NONE, 0, 0);
}

static void the_status_is_not_cleared_and_mastering_stays_as_it_was(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_bar bars[PCI_BARS];

    set(f, 0x04, 0xf9100007); /* every error noted; read_bars() finds the same again */
    assert_int_equal(read_bars(bars), PCI_OK);
    assert_true(f->writes > 0);
}

static void bars_that_cannot_be(void **state)
{
    static const struct {
        unsigned index;
        uint32_t value;
        uint32_t writable;
        uint32_t upper; /* writable of the next one */
        enum pci_error error;
    } cases[] = {
        {0, 0x00000002, 0xfffff000, 0, PCI_ERROR_BAR_KIND},    /* below 1 MiB: long gone */
        {0, 0x00000006, 0xfffff000, 0, PCI_ERROR_BAR_KIND},    /* reserved */
        {0, 0x00000000, 0xfffff008, 0, PCI_ERROR_BAR_KIND},    /* flags can be written */
        {0, 0x00000000, 0xffffffff, 0, PCI_ERROR_BAR_KIND},    /* so that it would be ports */
        {5, 0x00000004, 0xfffff000, 0, PCI_ERROR_BAR_LAST},    /* no room for the upper half */
        {0, 0x00001000, 0x00000000, 0, PCI_ERROR_BAR_SIZE},    /* fixed */
        {0, 0x00000008, 0x00000000, 0, PCI_ERROR_BAR_SIZE},    /* 4 GiB in 32 bits */
        {0, 0x00000000, 0xfffef000, 0, PCI_ERROR_BAR_SIZE},    /* a hole */
        {0, 0x00000000, 0x7ffff000, 0, PCI_ERROR_BAR_SIZE},    /* 31 bits of address */
        {0, 0x00000004, 0x00000000, 0, PCI_ERROR_BAR_SIZE},    /* 2^64 bytes */
        {0, 0x00000004, 0xfffff000, 0xff, PCI_ERROR_BAR_SIZE}, /* 40 bits of address */
        {0, 0x00000001, 0x00000000, 0, PCI_ERROR_BAR_SIZE},    /* ports, of no number */
        {0, 0x00000001, 0x0000f5e0, 0, PCI_ERROR_BAR_SIZE},    /* with a hole */
        {0, 0x00000001, 0xfffe0000, 0, PCI_ERROR_BAR_SIZE},    /* more ports than there are */
        {0, 0x00000401, 0xfffff000, 0, PCI_ERROR_BAR_SIZE},    /* a bit that stays set */
        {0, 0x00010001, 0xffffffe0, 0, PCI_ERROR_BAR_ADDRESS}, /* behind the last port */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pci_bar bars[PCI_BARS];
        model_init(&model);
        struct model_function *f = add_device(here, 0x11111111, 0);
        if (cases[i].upper != 0) {
            set_bar(f, cases[i].index + 1, 0, cases[i].upper);
        }
        set_bar(f, cases[i].index, cases[i].value, cases[i].writable);
        memset(bars, 0x5a, sizeof(bars));
        assert_int_equal(read_bars(bars), cases[i].error);
        assert_int_equal(bars[0].address, 0x5a5a5a5a5a5a5a5a);
    }
}

static void a_host_bridge_is_left_alone(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x29c08086, 0x06000000);
    struct pci_bar bars[PCI_BARS];

    assert_int_equal(read_bars(bars), PCI_ERROR_HOST_BRIDGE);
    assert_int_equal(f->writes, 0);
}

/* BAR 1 forgets these bits of what is written to it: of all ones, and of anything else. */
static uint32_t lost_of_ones;
static uint32_t lost;

static void write_and_forget(void *context, struct pci_address at, uint8_t offset, uint32_t value)
{
    if (offset == MODEL_BARS + 4) {
        value &= value == 0xffffffff ? ~lost_of_ones : ~lost;
    }
    model_write(context, at, offset, value);
}

static void a_register_that_does_not_come_back_is_noticed(void **state)
{
    (void)state;
    struct model_function *f = add_virtio(0x10411af4);
    struct pci_bar bars[PCI_BARS];

    struct pci_function function = need_function(here);
    model.access.write = write_and_forget;
    lost_of_ones = 0;
    lost = 0;
    assert_int_equal(pci_bars_read(&model.access, &function, bars), PCI_OK);
    lost = 0x00001000;
    assert_int_equal(pci_bars_read(&model.access, &function, bars), PCI_ERROR_RESTORE);
    assert_int_equal(f->value[MODEL_COMMAND / 4], 0x00100000 | DECODING);
}

static void an_address_in_the_middle_of_its_own_range(void **state)
{
    (void)state;
    struct pci_bar bars[PCI_BARS];

    (void)add_virtio(0x10411af4);
    model.access.write = write_and_forget;
    lost_of_ones = 0x00001000; /* so it looks larger than what its address is aligned to */
    lost = 0;
    assert_int_equal(read_bars(bars), PCI_ERROR_BAR_ADDRESS);
}

/* ------------------------------------------------------------------------- */
/* Capabilities */

static void capabilities_are_listed_in_order(void **state)
{
    (void)state;
    (void)add_virtio(0x10411af4);
    struct pci_capability_list list;

    assert_int_equal(read_capabilities(&list), PCI_OK);
    assert_int_equal(list.count, 6);
    assert_int_equal(list.entry[0].id, CAP_MSIX);
    assert_int_equal(list.entry[0].offset, 0x98);
    assert_int_equal(list.entry[5].id, PCI_CAPABILITY_VENDOR);
    assert_int_equal(list.entry[5].offset, 0x40);
}

static void as_many_capabilities_as_have_room(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_capability_list list;

    set(f, 0x34, 0x42); /* the reserved bits do not count */
    for (unsigned at = 0x40; at < 0x100; at += 4) {
        set_capability(f, (uint8_t)at, 0, (uint8_t)(at + 4));
    }
    assert_int_equal(read_capabilities(&list), PCI_OK);
    assert_int_equal(list.count, PCI_CAPABILITIES_MAX);
    assert_int_equal(list.entry[PCI_CAPABILITIES_MAX - 1].offset, 0xfc);

    list.count = 42;
    set_capability(f, 0xfc, 0, 0x80);
    assert_int_equal(read_capabilities(&list), PCI_ERROR_CAPABILITY_LOOP);
    assert_int_equal(list.count, 42);
}

static void lists_that_lead_astray(void **state)
{
    (void)state;
    struct model_function *f = add_device(here, 0x11111111, 0);
    struct pci_capability_list list;

    for (uint32_t at = 4; at < 0x40; at++) {
        set(f, 0x34, at);
        assert_int_equal(read_capabilities(&list), PCI_ERROR_CAPABILITY_POINTER);
    }
    set(f, 0x34, 0x40);
    set_capability(f, 0x40, CAP_MSIX, 0x3f);
    assert_int_equal(read_capabilities(&list), PCI_ERROR_CAPABILITY_POINTER);
    set_capability(f, 0x40, CAP_MSIX, 0x43);
    assert_int_equal(read_capabilities(&list), PCI_ERROR_CAPABILITY_LOOP);
    set_capability(f, 0x40, 0xff, 0);
    assert_int_equal(read_capabilities(&list), PCI_ERROR_CAPABILITY_GONE);
    set(f, 0x34, 3);
    assert_int_equal(read_capabilities(&list), PCI_OK);
    assert_int_equal(list.count, 0);
}

/* ------------------------------------------------------------------------- */
/* Virtio */

static void network_devices_are_told_from_others(void **state)
{
    static const struct {
        uint32_t id;
        uint32_t subsystem;
        enum pci_virtio_net kind;
    } cases[] = {
        {0x10411af4, 0x11001af4, PCI_VIRTIO_NET_MODERN},
        {0x10001af4, 0x00011af4, PCI_VIRTIO_NET_TRANSITIONAL},
        {0x10001af4, 0x00021af4, PCI_VIRTIO_NET_NONE}, /* a disk that calls itself so */
        {0x10011af4, 0x00011af4, PCI_VIRTIO_NET_NONE},
        {0x10421af4, 0x11001af4, PCI_VIRTIO_NET_NONE},
        {0x10411af5, 0x00011af4, PCI_VIRTIO_NET_NONE},
        {0x10008086, 0x00011af4, PCI_VIRTIO_NET_NONE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        model_init(&model);
        set(add_device(here, cases[i].id, 0x02000000), 0x2c, cases[i].subsystem);
        struct pci_function function = need_function(here);
        assert_int_equal(pci_virtio_net(&function), cases[i].kind);
    }
}

static void the_parts_of_a_virtio_device(void **state)
{
    static const struct pci_virtio_region expected[PCI_VIRTIO_PARTS] = {
        [PCI_VIRTIO_COMMON] = {4, 0, 0x1000},
        [PCI_VIRTIO_NOTIFY] = {4, 0x3000, 0x1000},
        [PCI_VIRTIO_ISR] = {4, 0x1000, 0x1000},
        [PCI_VIRTIO_DEVICE] = {4, 0x2000, 0x1000},
    };
    static const uint32_t ids[] = {0x10411af4, 0x10001af4};
    (void)state;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct pci_virtio virtio;
        model_init(&model);
        (void)add_virtio(ids[i]);
        assert_int_equal(read_virtio(&virtio), PCI_OK);
        assert_true(virtio.modern);
        assert_int_equal(virtio.notify_multiplier, 4);
        for (unsigned part = 0; part < PCI_VIRTIO_PARTS; part++) {
            assert_int_equal(virtio.part[part].bar, expected[part].bar);
            assert_int_equal(virtio.part[part].offset, expected[part].offset);
            assert_int_equal(virtio.part[part].bytes, expected[part].bytes);
        }
    }
}

static void a_device_of_before_has_no_parts(void **state)
{
    (void)state;
    struct pci_virtio virtio;

    set(add_virtio(0x10001af4), 0x34, 0);
    assert_int_equal(read_virtio(&virtio), PCI_OK);
    assert_false(virtio.modern);

    model_init(&model);
    set(add_virtio(0x10411af4), 0x34, 0);
    assert_int_equal(read_virtio(&virtio), PCI_ERROR_VIRTIO_MISSING);
}

static void the_first_of_a_kind_counts(void **state)
{
    (void)state;
    struct model_function *f = add_virtio(0x10411af4);
    struct pci_virtio virtio;

    set_virtio(f, 0x40, 0xa8, 1, 4, 0, 0x1000);
    set_virtio(f, 0xa8, 0, 1, 4, 0x3000, 1); /* too small, and not looked at */
    assert_int_equal(read_virtio(&virtio), PCI_OK);
    assert_int_equal(virtio.part[PCI_VIRTIO_COMMON].offset, 0);
}

static void what_virtio_has_reserved_is_passed_over(void **state)
{
    (void)state;
    struct model_function *f = add_virtio(0x10411af4);
    struct pci_virtio virtio;

    set_virtio(f, 0x40, 0xa8, 1, PCI_BARS, 0xffffffff, 0xffffffff);
    set_virtio(f, 0xa8, 0xb8, 1, 255, 0, 0);
    set_virtio(f, 0xb8, 0xc8, 200, 4, 0, 0);
    set_virtio(f, 0xc8, 0xd8, 0, 4, 0, 0);
    set_virtio(f, 0xd8, 0, 1, 4, 0x100, 64);
    assert_int_equal(read_virtio(&virtio), PCI_OK);
    assert_int_equal(virtio.part[PCI_VIRTIO_COMMON].offset, 0x100);

    set_virtio(f, 0xd8, 0, 1, PCI_BARS, 0, 64);
    assert_int_equal(read_virtio(&virtio), PCI_ERROR_VIRTIO_MISSING);
}

static void each_part_must_be_there(void **state)
{
    static const uint8_t places[] = {0x40, 0x50, 0x60, 0x70};
    (void)state;

    for (size_t i = 0; i < sizeof(places); i++) {
        struct pci_virtio virtio = {.notify_multiplier = 42};
        model_init(&model);
        struct model_function *f = add_virtio(0x10411af4);
        f->value[places[i] / 4] &= ~0xffu; /* now the null capability */
        assert_int_equal(read_virtio(&virtio), PCI_ERROR_VIRTIO_MISSING);
        assert_int_equal(virtio.notify_multiplier, 42);
    }
}

static void parts_that_cannot_be(void **state)
{
    static const struct {
        unsigned type;
        uint8_t bar;
        uint32_t offset;
        uint32_t bytes;
        enum pci_error error;
    } cases[] = {
        {1, 0, 0, 0x1000, PCI_ERROR_VIRTIO_BAR},
        {1, 5, 0, 0x1000, PCI_ERROR_VIRTIO_BAR}, /* the upper half of BAR 4 */
        {1, 4, 0x3001, 0x1000, PCI_ERROR_VIRTIO_RANGE},
        {1, 4, 0, 0x4001, PCI_ERROR_VIRTIO_RANGE},
        {1, 4, 0x4001, 0, PCI_ERROR_VIRTIO_RANGE},
        {1, 4, 0xffffffff, 2, PCI_ERROR_VIRTIO_RANGE}, /* 1 in 32 bits */
        {1, 4, 2, 0xffffffff, PCI_ERROR_VIRTIO_RANGE},
        {1, 4, 0, 55, PCI_ERROR_VIRTIO_SIZE},
        {2, 4, 0, 1, PCI_ERROR_VIRTIO_SIZE},
        {3, 4, 0, 0, PCI_ERROR_VIRTIO_SIZE},
        {4, 4, 0x4000, 0, PCI_ERROR_VIRTIO_SIZE},
        {1, 4, 2, 56, PCI_ERROR_VIRTIO_ALIGN},
        {2, 4, 1, 2, PCI_ERROR_VIRTIO_ALIGN},
        {4, 4, 2, 4, PCI_ERROR_VIRTIO_ALIGN},
        {3, 4, 0x3fff, 1, PCI_OK}, /* the last byte, and no alignment asked for */
        {1, 4, 0x3fc8, 56, PCI_OK},
        {1, 1, 0, 0x1000, PCI_OK},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pci_virtio virtio;
        model_init(&model);
        struct model_function *f = add_virtio(0x10411af4);
        set(f, 0x34, 0xa8); /* in front of the others: the first counts */
        set_virtio(f, 0xa8, 0x98, cases[i].type, cases[i].bar, cases[i].offset, cases[i].bytes);
        assert_int_equal(read_virtio(&virtio), cases[i].error);
    }
}

static void virtio_capabilities_of_a_wrong_length(void **state)
{
    static const struct {
        uint8_t at;
        unsigned type;
        uint32_t len;
        enum pci_error error;
    } cases[] = {
        {0xa8, 1, 15, PCI_ERROR_VIRTIO_LENGTH},
        {0xa8, 1, 0, PCI_ERROR_VIRTIO_LENGTH},
        {0xa8, 2, 19, PCI_ERROR_VIRTIO_LENGTH},
        {0xf4, 1, 16, PCI_ERROR_VIRTIO_LENGTH}, /* over the end of configuration space */
        {0xf0, 2, 20, PCI_ERROR_VIRTIO_LENGTH},
        {0xfc, 3, 16, PCI_ERROR_VIRTIO_LENGTH},
        {0xa8, 1, 255, PCI_ERROR_VIRTIO_LENGTH},
        {0xf0, 1, 16, PCI_OK}, /* up to the end */
        {0xa8, 1, 88, PCI_OK},
        {0xf4, 5, 16, PCI_OK}, /* not looked at */
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pci_virtio virtio;
        model_init(&model);
        struct model_function *f = add_virtio(0x10411af4);
        set(f, 0x34, cases[i].at);
        if (cases[i].at <= 0xf0) {
            set(f, cases[i].at + 4u, 4);
            set(f, cases[i].at + 12u, 0x1000);
        }
        set(f, cases[i].at, cases[i].type << 24 | cases[i].len << 16 | 0x9809);
        assert_int_equal(read_virtio(&virtio), cases[i].error);
    }
}

static void notification_registers_lie_at_powers_of_two(void **state)
{
    (void)state;
    struct model_function *f = add_virtio(0x10411af4);
    struct pci_virtio virtio;

    static const uint32_t good[] = {0, 2, 4, 4096, 0x80000000};
    static const uint32_t bad[] = {1, 3, 6, 0x80000001, 0xffffffff};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        set(f, 0x80, good[i]);
        assert_int_equal(read_virtio(&virtio), PCI_OK);
        assert_int_equal(virtio.notify_multiplier, good[i]);
        set(f, 0x80, bad[i]);
        assert_int_equal(read_virtio(&virtio), PCI_ERROR_VIRTIO_MULTIPLIER);
    }
}

/* A device pulled out after n accesses, for every n until it is read to its end. */
static void a_device_may_go_at_any_time(void **state)
{
    (void)state;
    enum pci_error error = PCI_ERROR_COUNT;

    for (uint32_t n = 2; error != PCI_OK; n++) {
        struct pci_function function;
        struct pci_bar bars[PCI_BARS];
        struct pci_capability_list list;
        struct pci_virtio virtio;
        model_init(&model);
        add_virtio(0x10411af4)->silent_after = n;
        assert_true(n < 1000);
        if (!pci_function_read(&model.access, here, &function)) {
            continue;
        }
        error = pci_bars_read(&model.access, &function, bars);
        if (error == PCI_OK) {
            error = pci_capabilities_read(&model.access, &function, &list);
        }
        if (error == PCI_OK) {
            error = pci_virtio_read(&model.access, &function, bars, &list, &virtio);
        }
        assert_true(model.accesses < 100);
    }
}

static void every_error_and_part_has_its_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PCI_ERROR_COUNT; i++) {
        assert_true(strlen(pci_error_text(i)) > 0);
        assert_string_not_equal(pci_error_text(i), "unknown error");
    }
    assert_string_equal(pci_error_text(PCI_ERROR_COUNT), "unknown error");
    for (unsigned i = 0; i < PCI_VIRTIO_PARTS; i++) {
        assert_string_not_equal(pci_virtio_part_name(i), "unknown part");
    }
    assert_string_equal(pci_virtio_part_name(PCI_VIRTIO_PARTS), "unknown part");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_header_is_decoded, begin),
        cmocka_unit_test_setup(a_list_that_the_status_does_not_announce_is_not_there, begin),
        cmocka_unit_test_setup(a_layout_decides_what_there_is, begin),
        cmocka_unit_test_setup(silence_is_no_function, begin),
        cmocka_unit_test_setup(an_empty_machine_has_one_bus, begin),
        cmocka_unit_test_setup(other_functions_are_asked_for_only_where_there_are_some, begin),
        cmocka_unit_test_setup(bridges_are_followed, begin),
        cmocka_unit_test_setup(bridges_cannot_lead_in_circles, begin),
        cmocka_unit_test_setup(the_largest_machine_comes_to_an_end, begin),
        cmocka_unit_test_setup(bars_of_all_kinds, begin),
        cmocka_unit_test_setup(the_smallest_and_the_largest_bars, begin),
        cmocka_unit_test_setup(a_port_bar_may_have_sixteen_bits, begin),
        cmocka_unit_test_setup(a_bridge_has_two_bars, begin),
        cmocka_unit_test_setup(the_status_is_not_cleared_and_mastering_stays_as_it_was, begin),
        cmocka_unit_test_setup(bars_that_cannot_be, begin),
        cmocka_unit_test_setup(a_host_bridge_is_left_alone, begin),
        cmocka_unit_test_setup(a_register_that_does_not_come_back_is_noticed, begin),
        cmocka_unit_test_setup(an_address_in_the_middle_of_its_own_range, begin),
        cmocka_unit_test_setup(capabilities_are_listed_in_order, begin),
        cmocka_unit_test_setup(as_many_capabilities_as_have_room, begin),
        cmocka_unit_test_setup(lists_that_lead_astray, begin),
        cmocka_unit_test_setup(network_devices_are_told_from_others, begin),
        cmocka_unit_test_setup(the_parts_of_a_virtio_device, begin),
        cmocka_unit_test_setup(a_device_of_before_has_no_parts, begin),
        cmocka_unit_test_setup(the_first_of_a_kind_counts, begin),
        cmocka_unit_test_setup(what_virtio_has_reserved_is_passed_over, begin),
        cmocka_unit_test_setup(each_part_must_be_there, begin),
        cmocka_unit_test_setup(parts_that_cannot_be, begin),
        cmocka_unit_test_setup(virtio_capabilities_of_a_wrong_length, begin),
        cmocka_unit_test_setup(notification_registers_lie_at_powers_of_two, begin),
        cmocka_unit_test_setup(a_device_may_go_at_any_time, begin),
        cmocka_unit_test_setup(every_error_and_part_has_its_words, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
