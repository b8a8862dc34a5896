// SPDX-License-Identifier: MIT
#include "pci.h"

#include <lib/pci.h>

#include "arch/x86_64/pci_config.h"
#include "power.h"
#include "print.h"
#include "string.h"

#define OPTION "capos.pci"

/* What a list of them is read by; the numbers are PCI's own, class and subclass. */
static const char *class_name(const struct pci_function *function)
{
    static const struct {
        uint8_t class;
        uint8_t subclass;
        const char *name;
    } names[] = {
        {0x01, 0x06, "SATA"},       {0x01, 0x08, "NVMe"},        {0x02, 0x00, "Ethernet"},
        {0x03, 0x00, "display"},    {0x06, 0x00, "host bridge"}, {0x06, 0x01, "ISA bridge"},
        {0x06, 0x04, "PCI bridge"}, {0x0c, 0x03, "USB"},         {0x0c, 0x05, "SMBus"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].class == function->class && names[i].subclass == function->subclass) {
            return names[i].name;
        }
    }
    return "of another kind";
}

static const char *function_name(const struct pci_function *function)
{
    switch (pci_virtio_net(function)) {
    case PCI_VIRTIO_NET_MODERN:
        return "virtio-net, modern";
    case PCI_VIRTIO_NET_TRANSITIONAL:
        return "virtio-net, transitional";
    case PCI_VIRTIO_NET_NONE:
        break;
    }
    return class_name(function);
}

static void print_function(const struct pci_function *function)
{
    kprint("capos: pci %02x:%02x.%x: %04x:%04x class %02x%02x%02x, %s", function->at.bus,
           function->at.slot, function->at.function, function->vendor, function->device,
           function->class, function->subclass, function->interface, function_name(function));
    if (function->layout == PCI_LAYOUT_BRIDGE) {
        kprint(" to bus %02x", function->secondary_bus);
    }
    if ((function->command & PCI_COMMAND_MASTER) != 0) {
        kprint(", bus master since firmware");
    }
    kprint("\n");
}

/* "ports", or "memory, 64 bits, prefetchable". */
static void print_bar_kind(const struct pci_bar *bar)
{
    switch (bar->kind) {
    case PCI_BAR_NONE:
        break;
    case PCI_BAR_IO:
        kprint("ports");
        break;
    case PCI_BAR_MEMORY_32:
        kprint("memory, 32 bits");
        break;
    case PCI_BAR_MEMORY_64:
        kprint("memory, 64 bits");
        break;
    }
    if (bar->prefetchable) {
        kprint(", prefetchable");
    }
}

static void print_bars(const struct pci_bar bars[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (bars[i].kind != PCI_BAR_NONE) {
            kprint("capos:   BAR %u: ", i);
            print_bar_kind(&bars[i]);
            kprint(", at 0x%lx, %lu bytes\n", bars[i].address, bars[i].bytes);
        }
    }
}

static void print_virtio(const struct pci_virtio *virtio)
{
    if (!virtio->modern) {
        kprint("capos:   no virtio capabilities: the interface of before virtio 1.0 only\n");
        return;
    }
    for (unsigned part = 0; part < PCI_VIRTIO_PARTS; part++) {
        const struct pci_virtio_region *region = &virtio->part[part];
        kprint("capos:   %s: BAR %u, offset 0x%x, %u bytes\n", pci_virtio_part_name(part),
               region->bar, region->offset, region->bytes);
    }
    kprint("capos:   a notification register every %u bytes\n", virtio->notify_multiplier);
}

static void print_irq(const struct pci_function *function)
{
    if (function->irq_pin == 0) {
        kprint("capos:   no interrupt line\n");
    } else {
        kprint("capos:   IRQ line %u, pin %c\n", function->irq_line,
               'A' + (function->irq_pin - 1) % 4);
    }
}

/* The rest of what is known of a virtio network device, as far as it is sound. */
static enum pci_error print_network(const struct pci_access *access,
                                    const struct pci_function *function)
{
    struct pci_bar bars[PCI_BARS];
    struct pci_capability_list capabilities;
    struct pci_virtio virtio;

    print_irq(function);
    enum pci_error error = pci_bars_read(access, function, bars);
    if (error != PCI_OK) {
        return error;
    }
    print_bars(bars);
    error = pci_capabilities_read(access, function, &capabilities);
    if (error != PCI_OK) {
        return error;
    }
    error = pci_virtio_read(access, function, bars, &capabilities, &virtio);
    if (error != PCI_OK) {
        return error;
    }
    print_virtio(&virtio);
    return PCI_OK;
}

static void print_all(const struct pci_access *access)
{
    struct pci_walk walk;
    struct pci_function function;
    uint32_t functions = 0;
    uint32_t networks = 0;

    pci_walk_init(&walk, access);
    while (pci_walk_next(&walk, &function)) {
        functions++;
        print_function(&function);
        if (pci_virtio_net(&function) == PCI_VIRTIO_NET_NONE) {
            continue;
        }
        networks++;
        enum pci_error error = print_network(access, &function);
        if (error != PCI_OK) {
            kprint("capos:   not usable: %s\n", pci_error_text(error));
        }
    }
    if (walk.dead_ends != 0) {
        kprint("capos: pci: %u bridges lead to no bus of their own\n", walk.dead_ends);
    }
    kprint("capos: pci: functions: %u, buses: %u, virtio-net: %u\n", functions, walk.buses,
           networks);
}

void pci_list(const struct boot_info *info)
{
    size_t len;
    const char *what = boot_info_option(info, OPTION, &len);

    if (what == NULL) {
        return;
    }
    if (len != strlen("list") || memcmp(what, "list", len) != 0) {
        kprint("capos: " OPTION ": \"%.*s\" is nothing that can be done; \"list\" is\n", (int)len,
               what);
        power_off(EXIT_FAILED);
    }
    const struct pci_access *access = pci_config_open();
    if (access == NULL) {
        kprint("capos: pci: this machine has no configuration ports\n");
        return;
    }
    print_all(access);
}
