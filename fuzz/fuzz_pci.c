// SPDX-License-Identifier: MIT
/*
 * Bytes as a machine of PCI functions (lib/test/pci_model.h), each of which is a block:
 * its address, after how many accesses it is gone, which bits of its BARs can be
 * written, and its configuration space. What is read of them must be as lib/pci.h
 * promises, come to an end, and leave them as they were.
 */
#include "../lib/test/pci_model.h"

#include <lib/bits.h>
#include <string.h>

/* A block of input. */
#define BLOCK_BUS      0u
#define BLOCK_PLACE    1u /* slot × PCI_FUNCTIONS + function */
#define BLOCK_SILENT   2u /* accesses until it is gone; 0: it stays */
#define BLOCK_WRITABLE 4u
#define BLOCK_CONFIG   (BLOCK_WRITABLE + 4 * PCI_BARS)
#define BLOCK_BYTES    (BLOCK_CONFIG + PCI_CONFIG_BYTES)

#define FUNCTIONS_MAX  16u

/* Commands that a device has: to answer, to be a master, and what goes with interrupts. */
#define COMMAND_WRITABLE 0x0507u

/* The name is the fuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void add(struct model *model, const uint8_t *block)
{
    struct model_function *function = model_add(
        model, (struct pci_address){block[BLOCK_BUS], (uint8_t)(block[BLOCK_PLACE] / PCI_FUNCTIONS),
                                    block[BLOCK_PLACE] % PCI_FUNCTIONS});

    function->silent_after = block[BLOCK_SILENT];
    function->writable[MODEL_COMMAND / 4] = COMMAND_WRITABLE;
    memcpy(&function->writable[MODEL_BARS / 4], block + BLOCK_WRITABLE, 4 * PCI_BARS);
    memcpy(function->value, block + BLOCK_CONFIG, PCI_CONFIG_BYTES);
}

static void require_bars(const struct pci_bar bars[PCI_BARS])
{
    static const uint64_t last[] = {
        [PCI_BAR_IO] = 0xffff,
        [PCI_BAR_MEMORY_32] = 0xffffffff,
        [PCI_BAR_MEMORY_64] = 0xffffffffffffffff,
    };

    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &bars[i];
        if (bar->kind == PCI_BAR_NONE) {
            require(bar->bytes == 0 && bar->address == 0);
            continue;
        }
        require(bits_is_power_of_two(bar->bytes) && bar->address % bar->bytes == 0);
        require(bar->address + (bar->bytes - 1) <= last[bar->kind]);
        require(bar->kind != PCI_BAR_IO || !bar->prefetchable);
        require(bar->kind != PCI_BAR_MEMORY_64 ||
                (i + 1 < PCI_BARS && bars[i + 1].kind == PCI_BAR_NONE));
    }
}

static void require_capabilities(const struct pci_capability_list *list)
{
    bool seen[PCI_CONFIG_BYTES] = {false};

    require(list->count <= PCI_CAPABILITIES_MAX);
    for (uint32_t i = 0; i < list->count; i++) {
        uint8_t offset = list->entry[i].offset;
        require(offset >= 0x40 && offset % 4 == 0 && !seen[offset]);
        seen[offset] = true;
    }
}

static void require_virtio(const struct pci_virtio *virtio, const struct pci_bar bars[PCI_BARS])
{
    for (unsigned i = 0; i < PCI_VIRTIO_PARTS && virtio->modern; i++) {
        const struct pci_virtio_region *region = &virtio->part[i];
        require(region->bar < PCI_BARS && region->bytes != 0);
        require((uint64_t)region->offset + region->bytes <= bars[region->bar].bytes);
    }
}

/* All that is read of one function. The BARs of a host bridge are told to be none. */
static void read_function(struct model *model, const struct pci_function *function)
{
    struct model_function *device = model_find(model, function->at);
    struct model_function before = *device;
    struct pci_bar bars[PCI_BARS] = {{.kind = PCI_BAR_NONE}};
    struct pci_capability_list list = {.count = 0};
    struct pci_virtio virtio = {.modern = false};

    enum pci_error error = pci_bars_read(&model->access, function, bars);
    require(strlen(pci_error_text(error)) > 0);
    if (device->silent_after != 1) {
        require(memcmp(device->value, before.value, sizeof(before.value)) == 0);
        require(!device->moved_while_decoding);
    }
    require_bars(bars);
    error = pci_capabilities_read(&model->access, function, &list);
    require(strlen(pci_error_text(error)) > 0);
    require_capabilities(&list);
    uint32_t writes = device->writes;
    error = pci_virtio_read(&model->access, function, bars, &list, &virtio);
    require(strlen(pci_error_text(error)) > 0);
    require_virtio(&virtio, bars);
    require(device->writes == writes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct pci_walk walk;
    struct pci_function function;
    uint32_t count = 0;

    model_init(&model);
    for (; size >= BLOCK_BYTES && model.count < FUNCTIONS_MAX; size -= BLOCK_BYTES) {
        add(&model, data);
        data += BLOCK_BYTES;
    }
    pci_walk_init(&walk, &model.access);
    while (pci_walk_next(&walk, &function)) {
        read_function(&model, &function);
        require(++count <= model.count);
    }
    require(walk.buses <= PCI_BUSES);
    return 0;
}
