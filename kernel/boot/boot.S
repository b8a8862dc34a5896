// SPDX-License-Identifier: MIT
/*
 * The first instructions, for every boot protocol, and what makes loaders find them.
 *
 *   PVH          ELF note with the physical address of pvh_entry; 32-bit, paging off,
 *                EBX: start info
 *   Multiboot2   header in front of the text; 32-bit, paging off, EAX: magic,
 *                EBX: information
 *   Limine       the ELF entry point; 64-bit, on the loader's page tables
 *
 * The 32-bit entries run at their load addresses. They map the first 4 GiB three
 * times, as they are, at DIRECT_MAP_BASE and (the first of the four) at
 * KERNEL_VMA, go over to 64-bit mode and to link addresses, and call the front end
 * in C, on the boot stack. limine_front_end() makes the same tables itself.
 */

#include "arch/x86_64/gdt.h"

#define KERNEL_VMA   0xffffffff80000000
#define PHYS(symbol) ((symbol) - KERNEL_VMA)

#define PAGE_TABLE_BITS 0x003 /* present, writable */
#define LARGE_PAGE_BITS 0x083 /* the same, 2 MiB */

#define CR0_PG_WP_PE 0x80010001
#define CR4_PAE      0x20
#define MSR_EFER     0xc0000080
#define EFER_LME     0x100

#define MULTIBOOT2_MAGIC        0xe85250d6
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define SERIAL_DATA   0x3f8
#define SERIAL_STATUS 0x3fd
#define SERIAL_READY  0x20
#define QEMU_EXIT     0xf4
#define EXIT_PANIC    0x13

    .section .multiboot2, "a"
    .balign 8
multiboot2_header:
    .long MULTIBOOT2_MAGIC
    .long 0                             /* i386, protected mode */
    .long multiboot2_header_end - multiboot2_header
    .long -(MULTIBOOT2_MAGIC + (multiboot2_header_end - multiboot2_header))
    .word 3, 0                          /* entry address, instead of the ELF header's */
    .long 12
    .long PHYS(multiboot2_entry)
    .balign 8
    .word 6, 0                          /* modules on page boundaries */
    .long 8
    .word 0, 0                          /* end */
    .long 8
multiboot2_header_end:

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long PHYS(pvh_entry)

    .section .text.boot, "ax"
    .code32
    .type pvh_entry, @function
pvh_entry:
    movl $PHYS(pvh_start), %ebp
    jmp enter_long_mode

    .type multiboot2_entry, @function
multiboot2_entry:
    movl $PHYS(multiboot2_start), %ebp
    cmpl $MULTIBOOT2_LOADER_MAGIC, %eax
    je enter_long_mode
    movl $PHYS(text_not_multiboot2), %esi
    jmp stop

/* EBP: where to go on, in 64-bit code. EBX: what the loader left there. */
enter_long_mode:
    cli
    cld
    movl %ebx, %edi
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode

    /* The first 4 GiB in pages of 2 MiB. */
    movl $PHYS(boot_directories), %esi
    movl $LARGE_PAGE_BITS, %eax
    movl $(4 * 512), %ecx
1:  movl %eax, (%esi)
    addl $0x200000, %eax
    addl $8, %esi
    loop 1b

    movl $PHYS(boot_pdpt_low), %esi
    movl $(PHYS(boot_directories) + PAGE_TABLE_BITS), %eax
    movl $4, %ecx
1:  movl %eax, (%esi)
    addl $4096, %eax
    addl $8, %esi
    loop 1b
    movl $(PHYS(boot_directories) + PAGE_TABLE_BITS), PHYS(boot_pdpt_high) + 510 * 8
    movl $(PHYS(boot_pdpt_low) + PAGE_TABLE_BITS), PHYS(boot_pml4)
    movl $(PHYS(boot_pdpt_low) + PAGE_TABLE_BITS), PHYS(boot_pml4) + 256 * 8
    movl $(PHYS(boot_pdpt_high) + PAGE_TABLE_BITS), PHYS(boot_pml4) + 511 * 8

    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl $CR0_PG_WP_PE, %eax
    movl %eax, %cr0
    lgdt PHYS(boot_gdt_pointer)
    ljmp $GDT_KERNEL_CODE, $PHYS(long_mode)

no_long_mode:
    movl $PHYS(text_no_long_mode), %esi
    jmp stop

/* ESI: a sentence. Says it on the serial port, which needs no stack, and stops. */
stop:
    movl $100000, %ecx
1:  movw $SERIAL_STATUS, %dx
    inb %dx, %al
    testb $SERIAL_READY, %al
    loopz 1b
    movb (%esi), %al
    incl %esi
    testb %al, %al
    jz 2f
    movw $SERIAL_DATA, %dx
    outb %al, %dx
    jmp stop
2:
#if CAPOS_QEMU
    movb $EXIT_PANIC, %al
    outb %al, $QEMU_EXIT
#endif
3:  hlt
    jmp 3b

    .code64
long_mode:
    movl $GDT_KERNEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %ebp, %eax
    movl %edi, %edi                     /* the front end's argument, zero-extended */
    movabsq $KERNEL_VMA, %rdx
    addq %rdx, %rax
    jmp *%rax

pvh_start:
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp                     /* the backtrace ends here */
    call pvh_front_end
    ud2

multiboot2_start:
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    call multiboot2_front_end
    ud2

    .global limine_entry
    .type limine_entry, @function
limine_entry:
    cli
    cld
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    call limine_front_end
    ud2

    .section .rodata
text_no_long_mode:
    .asciz "capos: this processor has no 64-bit mode, which the kernel needs\n"
text_not_multiboot2:
    .asciz "capos: entered as by Multiboot2, but not by a Multiboot2 loader\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff            /* GDT_KERNEL_CODE: 64-bit */
    .quad 0x00cf92000000ffff            /* GDT_KERNEL_DATA */
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYS(boot_gdt)

    .section .bss
    .balign 4096
    .global boot_pml4, boot_pdpt_low, boot_directories
boot_pml4:
    .skip 4096
boot_pdpt_low:
    .skip 4096
boot_pdpt_high:
    .skip 4096
boot_directories:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
