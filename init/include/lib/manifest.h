// SPDX-License-Identifier: MIT
/*
 * The one header of lib that init may see: it starts a system from a manifest, and
 * there is one validator for all who do.
 */
#pragma once

#include "../../../lib/include/lib/manifest.h"
