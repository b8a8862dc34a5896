// SPDX-License-Identifier: MIT
/*
 * PCI configuration space by configuration mechanism #1: a port for the address, and
 * one for the register there, 32 bits each. It reaches the first 256 bytes of every
 * function of the first 256 buses, which is all that lib/pci.h reads.
 */
#pragma once

#include <lib/pci.h>

/*
 * The way to configuration space; NULL: this machine has none by these ports. Good for
 * ever. An access is two port operations, so no interrupt handler may make one.
 */
const struct pci_access *pci_config_open(void);
