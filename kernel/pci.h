// SPDX-License-Identifier: MIT
/*
 * What PCI devices the machine has, on request: capos.pci=list on the kernel's command
 * line prints a line for each, and for a virtio network device where its registers lie.
 * Then the boot goes on as if nothing had been asked.
 *
 * Devices are looked at, not used. A network device's BARs are sized, and nothing else
 * is written; all of it gets back what it had, and no device is enabled to do anything
 * that it was not (docs/pci.md).
 */
#pragma once

#include "boot/boot_info.h"

/* Prints the list if the command line asks for it. Ends the run if it asks for another thing. */
void pci_list(const struct boot_info *info);
