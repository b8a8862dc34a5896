// SPDX-License-Identifier: MIT
#include "arch/x86_64/fpu.h"

#include "arch/x86_64/cr.h"
#include "string.h"

/* Where the control words lie in an FXSAVE image. */
#define IMAGE_X87_CONTROL 0u
#define IMAGE_MXCSR       24u

static struct fpu_area clean;

void fpu_init(void)
{
    struct fpu_control initial = FPU_CONTROL_INITIAL;

    cr4_write(cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT);

    memcpy(&clean.bytes[IMAGE_X87_CONTROL], &initial.x87_control, sizeof(initial.x87_control));
    memcpy(&clean.bytes[IMAGE_MXCSR], &initial.mxcsr, sizeof(initial.mxcsr));
    fpu_scrub();
}

void fpu_clean(struct fpu_area *area)
{
    *area = clean;
}

void fpu_restore(const struct fpu_area *area)
{
    /*
     * Some processors restore the addresses of the last x87 instruction only when
     * an exception is pending, and so would show those of another program. Loading
     * a constant overwrites them.
     */
    static const int32_t zero;

    __asm__ volatile("fnclex; emms; fildl %0" : : "m"(zero));
    __asm__ volatile("fxrstor64 %0" : : "m"(*area));
}

void fpu_scrub(void)
{
    fpu_restore(&clean);
}
