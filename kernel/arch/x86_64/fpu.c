// SPDX-License-Identifier: MIT
#include "arch/x86_64/fpu.h"

#include "arch/x86_64/cr.h"
#include "string.h"

/* Where the control words lie in an FXSAVE image. */
#define IMAGE_X87_CONTROL 0u
#define IMAGE_MXCSR       24u

struct fpu_area fpu_initial;

void fpu_init(void)
{
    struct fpu_control initial = FPU_CONTROL_INITIAL;

    cr4_write(cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT);

    memcpy(&fpu_initial.bytes[IMAGE_X87_CONTROL], &initial.x87_control,
           sizeof(initial.x87_control));
    memcpy(&fpu_initial.bytes[IMAGE_MXCSR], &initial.mxcsr, sizeof(initial.mxcsr));
    fpu_scrub();
}
