// SPDX-License-Identifier: MIT
#include "arch/x86_64/fpu.h"

#include "arch/x86_64/cr.h"
#include "string.h"

/* As the System V ABI wants them at program start. */
#define X87_CONTROL_INITIAL 0x037fu
#define MXCSR_INITIAL       0x1f80u

struct fpu_area fpu_initial;

void fpu_init(void)
{
    uint16_t x87_control = X87_CONTROL_INITIAL;
    uint32_t mxcsr = MXCSR_INITIAL;

    cr4_write(cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT);

    memcpy(&fpu_initial.bytes[FPU_IMAGE_X87_CONTROL], &x87_control, sizeof x87_control);
    memcpy(&fpu_initial.bytes[FPU_IMAGE_MXCSR], &mxcsr, sizeof mxcsr);
    fpu_scrub();
}
