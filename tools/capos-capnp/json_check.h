// SPDX-License-Identifier: MIT
/*
 * Whether annotations of json.capnp make sense.
 */
#pragma once

#include "request.h"

/*
 * Checks this struct and all that its JSON can contain. False, with the reason in
 * request->problem: a field has an annotation that it cannot have, members of one object
 * have the same name, or a struct is flattened into itself.
 */
bool json_check(struct request *request, const struct capnp_node_info *type);
