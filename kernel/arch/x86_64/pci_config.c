// SPDX-License-Identifier: MIT
#include "arch/x86_64/pci_config.h"

#include <stddef.h>

#include "arch/x86_64/io.h"
#include "panic.h"

#define ADDRESS        0xcf8u
#define DATA           0xcfcu

#define ADDRESS_ENABLE 0x80000000u /* DATA is configuration space, and not an ordinary port */

/* Makes DATA the register at `offset` of a function. */
static void select(struct pci_address at, uint8_t offset)
{
    ASSERT(at.slot < PCI_SLOTS && at.function < PCI_FUNCTIONS && offset % 4 == 0,
           "there is no PCI register %02x:%02x.%x+%x", at.bus, at.slot, at.function, offset);
    io_out32(ADDRESS, ADDRESS_ENABLE | (uint32_t)at.bus << 16 | (uint32_t)at.slot << 11 |
                          (uint32_t)at.function << 8 | offset);
}

static uint32_t config_read(void *context, struct pci_address at, uint8_t offset)
{
    (void)context;
    select(at, offset);
    return io_in32(DATA);
}

static void config_write(void *context, struct pci_address at, uint8_t offset, uint32_t value)
{
    (void)context;
    select(at, offset);
    io_out32(DATA, value);
}

const struct pci_access *pci_config_open(void)
{
    static const struct pci_access access = {NULL, config_read, config_write};

    io_out32(ADDRESS, ADDRESS_ENABLE);
    return io_in32(ADDRESS) == ADDRESS_ENABLE ? &access : NULL;
}
