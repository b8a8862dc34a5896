// SPDX-License-Identifier: MIT
/* Spawns with one thing wrong. */
#pragma once

/* Tries each of them; each must be refused with its own code, and take nothing. */
void spoilt_parameters(void);
