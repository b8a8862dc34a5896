// SPDX-License-Identifier: MIT
/*
 * The programs of the boot manifest. Each file is read once, at boot; a spawn needs
 * only what is noted here.
 *
 * The boot module stays where it is to the end of the run, and nothing writes to it. So
 * a page of a program that is only read or executed need not be copied: where it lies in
 * the module like it is to lie in memory, it is mapped from there, into every process
 * that runs the program (elf_segment_shares).
 */
#pragma once

#include <capos.capnp.h>
#include <lib/elf.h>

struct program {
    struct capnp_text name;  /* in the manifest */
    struct capnp_data image; /* the file, likewise */
    struct elf_image elf;    /* what is to be done with it */
};

/* Lists the binaries of a manifest that the validator has accepted. Keeps it. */
void program_init(struct capos_manifest manifest);

/* The program of this name. NULL: the manifest has none. */
const struct program *program_find(struct capnp_text name);
