# SPDX-License-Identifier: MIT
# The kernel's own sources, one a line.

kernel_SRCS := \
	kernel/boot/boot.S \
	kernel/boot/boot_info.c \
	kernel/boot/front_end.c \
	kernel/boot/limine.c \
	kernel/boot/multiboot2.c \
	kernel/boot/pvh.c \
	kernel/arch/x86_64/entry.S \
	kernel/arch/x86_64/context.c \
	kernel/arch/x86_64/features.c \
	kernel/arch/x86_64/fpu.c \
	kernel/arch/x86_64/gdt.c \
	kernel/arch/x86_64/idt.c \
	kernel/arch/x86_64/pci_config.c \
	kernel/arch/x86_64/pic.c \
	kernel/arch/x86_64/pit.c \
	kernel/arch/x86_64/syscall.c \
	kernel/arch/x86_64/trap.c \
	kernel/mem/fault.c \
	kernel/mem/frame.c \
	kernel/mem/heap.c \
	kernel/mem/paging.c \
	kernel/mem/validate.c \
	kernel/cap/boot_package.c \
	kernel/cap/buffer.c \
	kernel/cap/call.c \
	kernel/cap/cap.c \
	kernel/cap/capability_manager.c \
	kernel/cap/console.c \
	kernel/cap/deliver.c \
	kernel/cap/endpoint.c \
	kernel/cap/endpoint_factory.c \
	kernel/cap/entry.c \
	kernel/cap/exception.c \
	kernel/cap/fault_injector.c \
	kernel/cap/frame_alloc.c \
	kernel/cap/in_flight.c \
	kernel/cap/ipc.c \
	kernel/cap/matching.c \
	kernel/cap/memory_object.c \
	kernel/cap/null.c \
	kernel/cap/process_handle.c \
	kernel/cap/process_spawner.c \
	kernel/cap/ring.c \
	kernel/cap/scratch.c \
	kernel/cap/table.c \
	kernel/cap/transfer.c \
	kernel/cap/virtual_memory.c \
	kernel/kcheck.c \
	kernel/ksyms.c \
	kernel/enter.c \
	kernel/main.c \
	kernel/panic.c \
	kernel/pci.c \
	kernel/power.c \
	kernel/print.c \
	kernel/process.c \
	kernel/program.c \
	kernel/recount.c \
	kernel/report.c \
	kernel/sched.c \
	kernel/selftest.c \
	kernel/serial.c \
	kernel/service.c \
	kernel/spawn.c \
	kernel/string.c \
	kernel/system.c \
	kernel/thread.c \
	kernel/work.c

# What the sanitized kernel has more; the first is compiled without what it implements.
kernel_SAN_SRCS := \
	kernel/sanitize.c \
	kernel/kcheck_often.c \
	kernel/sanitize_test.c

# Prints, as assembler text, the symbol table of the ELF file it is given;
# without one, an empty table of the same shape.
kernel_KSYMS := tools/ksyms
