// SPDX-License-Identifier: MIT
/* What the program does: the name of its Console says which. Each ends the process if not as it
 * should be. */
#pragma once

/* tables.c: what must be refused, and how. */
void refusals_of_frames(void);
void refusals_of_mapping(void);
void refusals_of_objects(void);

/* uses.c: what must work. */
void uses(void);

/* limits.c: each limit, reached; and all as before afterwards. */
void limit_of_frames(void);
void limit_of_page_tables(void);
void limit_of_regions(void);
void limit_of_slots(void);
void leave_much(void);
void limit_of_machine(void);
void each_allocation(void);

/* foreign.c: one process in another's address space, while it lives and afterwards. */
void keeper(void);
void lender(void);

/* faults.c: an access that must end the process. */
void write_read_only(void);
void execute_writable(void);
void touch_unmapped(void);
void touch_after_unmap(void);
void write_after_protect(void);
void execute_after_protect(void);
void write_reader(void);
void touch_part_unmapped(void);
