// SPDX-License-Identifier: MIT
/*
 * What a program can know of interfaces at run time: generated tables of
 * constants, in the order of the schema.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct capnp_method_info {
    const char *name; /* as in the schema */
    const char *doc;  /* its comment; empty if there is none */
    uint64_t params_id;
    uint64_t results_id;
};

struct capnp_interface_info {
    const char *name;
    const char *doc;
    uint64_t id;
    const struct capnp_method_info *methods; /* by method number */
    uint16_t method_count;
};
