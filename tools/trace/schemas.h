// SPDX-License-Identifier: MIT
/*
 * Every schema of the tree. The list is written by make, out of the generated headers.
 */
#pragma once

#include <capnp/reflect.h>
#include <stddef.h>

extern const struct capnp_schema_info *const schemas[];
extern const size_t schemas_count;
