// SPDX-License-Identifier: MIT
#include "arch/x86_64/features.h"

#include <stddef.h>

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/smap.h"
#include "print.h"

static struct cpu_features features;

bool smap_on;

static bool bit(uint32_t word, unsigned number)
{
    return (word >> number & 1) != 0;
}

static void read_cpuid(void)
{
    uint32_t leaves = cpuid_read(0, 0).eax;
    struct cpuid basic = cpuid_read(1, 0);
    struct cpuid extended = cpuid_read(0x80000001, 0); /* exists: boot.S has looked */

    features.fxsr = bit(basic.edx, 24) && bit(basic.edx, 25) && bit(basic.edx, 26);
    features.pge = bit(basic.edx, 13);
    features.nx = bit(extended.edx, 20);
    features.syscall = bit(extended.edx, 11);
    features.huge_pages = bit(extended.edx, 26);
    if (leaves >= 7) {
        struct cpuid structured = cpuid_read(7, 0);
        features.smep = bit(structured.ebx, 7);
        features.smap = bit(structured.ebx, 20);
        features.umip = bit(structured.ecx, 2);
    }
}

const char *features_init(void)
{
    read_cpuid();
    if (!features.nx) {
        return "this processor has no NX, without which data could be executed";
    }
    if (!features.fxsr) {
        return "this processor has no FXSAVE and SSE2, which programs rely on";
    }
    if (!features.syscall) {
        return "this processor has no SYSCALL";
    }
    if ((cr4_read() & CR4_LA57) != 0) {
        return "the boot loader left five levels of page tables on; the kernel uses four";
    }
    msr_write(MSR_EFER, (msr_read(MSR_EFER) & (EFER_LME | EFER_LMA)) | EFER_NXE);
    cr0_write(CR0_PG | CR0_PE | CR0_ET | CR0_NE | CR0_MP | CR0_WP);
    return NULL;
}

void features_enable(void)
{
    /* What fpu_init switched on, and nothing that a boot loader may have left on. */
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    cr4 |= features.pge ? CR4_PGE : 0;
    cr4 |= features.smep ? CR4_SMEP : 0;
    cr4 |= features.smap ? CR4_SMAP : 0;
    cr4 |= features.umip ? CR4_UMIP : 0;
    cr4_write(cr4);
    smap_on = features.smap;
}

const struct cpu_features *features_get(void)
{
    return &features;
}

static const char *word(bool on, const char *name)
{
    return on ? name : "";
}

void features_print(void)
{
    kprint("capos: processor protection on: NX WP%s%s%s%s\n", word(features.smep, " SMEP"),
           word(features.smap, " SMAP"), word(features.umip, " UMIP"),
           word(features.pge, ", global pages"));
}
