// SPDX-License-Identifier: MIT
/*
 * The manual's pages of the interfaces, in Markdown, out of the schema's tables: one
 * page for each interface, one for all other types, and one that lists them.
 */
#pragma once

#include <capnp/reflect.h>
#include <stdio.h>

/* The page of one interface. */
void page_interface(FILE *out, const struct capnp_schema_info *schema,
                    const struct capnp_node_info *interface);

/* The page of all structs and enums that are declared in no interface. */
void page_types(FILE *out, const struct capnp_schema_info *schema);

/* The page that lists the pages of the interfaces. */
void page_list(FILE *out, const struct capnp_schema_info *schema);
