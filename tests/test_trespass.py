# SPDX-License-Identifier: MIT
"""Everything a program must not do: it ends that program, by the right exception, and nobody
else (T-23, T-24)."""

import pytest
from conftest import CONSOLE, FAILED, PASS, grant, manifest, service

PAGE_FAULT = 14
GENERAL_PROTECTION = 13
INVALID_OPCODE = 6
DEBUG = 1

ACTS = {
    "read-null": PAGE_FAULT,
    "read-kernel": PAGE_FAULT,
    "read-direct-map": PAGE_FAULT,
    "read-non-canonical": GENERAL_PROTECTION,
    "read-below-stack": PAGE_FAULT,
    "write-capset": PAGE_FAULT,
    "write-text": PAGE_FAULT,
    "write-constant": PAGE_FAULT,
    "write-kernel": PAGE_FAULT,
    "execute-data": PAGE_FAULT,
    "execute-stack": PAGE_FAULT,
    "execute-ring": PAGE_FAULT,
    "execute-kernel": PAGE_FAULT,
    "jump-non-canonical": GENERAL_PROTECTION,
    "push-non-canonical": GENERAL_PROTECTION,  # a stack fault on hardware; TCG says this
    "overflow-stack": PAGE_FAULT,
    "divide-by-zero": 0,
    "undefined": INVALID_OPCODE,
    "breakpoint": GENERAL_PROTECTION,
    "forge-timer": GENERAL_PROTECTION,
    "forge-page-fault": GENERAL_PROTECTION,
    "old-system-call": GENERAL_PROTECTION,
    "fast-system-call": INVALID_OPCODE,
    "halt": GENERAL_PROTECTION,
    "disable-interrupts": GENERAL_PROTECTION,
    "enable-interrupts": GENERAL_PROTECTION,
    "port-in": GENERAL_PROTECTION,
    "port-out": GENERAL_PROTECTION,
    "read-cr0": GENERAL_PROTECTION,
    "write-cr3": GENERAL_PROTECTION,
    "write-dr7": GENERAL_PROTECTION,
    "read-msr": GENERAL_PROTECTION,
    "write-msr": GENERAL_PROTECTION,
    "read-gdt": GENERAL_PROTECTION,
    "load-gdt": GENERAL_PROTECTION,
    "load-kernel-segment": GENERAL_PROTECTION,
    "swap-gs": GENERAL_PROTECTION,
    "write-fs-base": INVALID_OPCODE,
    "avx": INVALID_OPCODE,
    "single-step": DEBUG,
    "invalidate": GENERAL_PROTECTION,
    "return-from-system-call": GENERAL_PROTECTION,
    "x87-error": 16,
    "step-into-kernel": DEBUG,
    "read-cr2": GENERAL_PROTECTION,
    "read-cr3": GENERAL_PROTECTION,
    "write-cr4": GENERAL_PROTECTION,
    "write-cr8": GENERAL_PROTECTION,
    "read-dr0": GENERAL_PROTECTION,
    "clear-task-switched": GENERAL_PROTECTION,
    "load-machine-status": GENERAL_PROTECTION,
    "store-machine-status": GENERAL_PROTECTION,
    "read-idt": GENERAL_PROTECTION,
    "load-idt": GENERAL_PROTECTION,
    "read-ldt": GENERAL_PROTECTION,
    "load-ldt": GENERAL_PROTECTION,
    "read-task": GENERAL_PROTECTION,
    "load-task": GENERAL_PROTECTION,
    "read-counter": GENERAL_PROTECTION,
    "write-caches": GENERAL_PROTECTION,
    "drop-caches": GENERAL_PROTECTION,
    "set-extended-state": GENERAL_PROTECTION,  # not enabled, which hardware would say first
    "open-user-memory": INVALID_OPCODE,
    "close-user-memory": INVALID_OPCODE,
    "read-protection-keys": INVALID_OPCODE,
    "run-guest": INVALID_OPCODE,
    "port-in-string": GENERAL_PROTECTION,
    "port-out-string": GENERAL_PROTECTION,
    "read-syscall-entry": GENERAL_PROTECTION,
    "write-gs-base": GENERAL_PROTECTION,
    "forge-divide-error": GENERAL_PROTECTION,
    "forge-debug": GENERAL_PROTECTION,
    "forge-nmi": GENERAL_PROTECTION,
    "forge-overflow": GENERAL_PROTECTION,
    "forge-double-fault": GENERAL_PROTECTION,
    "forge-machine-check": GENERAL_PROTECTION,
    "forge-keyboard": GENERAL_PROTECTION,
    "forge-unused": GENERAL_PROTECTION,
    "raise-port-privilege": GENERAL_PROTECTION,
    "system-call-at-end": PAGE_FAULT,
    "bad-system-call-at-end": PAGE_FAULT,
    "run-off-the-end": PAGE_FAULT,
}

# Returns at ring 3: with SMAP on, this emulator takes their stack for the kernel's and
# says page fault, so they are tried without.
RETURNS = ["return-to-ring-0", "far-return-to-ring-0", "return-non-canonical"]


def trespasser(act, **fields):
    memory = grant("memory", "VirtualMemory", "virtualMemory")
    return service(act, "trespass", [{**CONSOLE, "name": act}, memory], **fields)


def test_each_act_ends_by_its_exception_and_hurts_nobody(boot):
    """All in one boot, beside a service that must come to its own good end."""
    services = [trespasser(act, expect={"faulted": {"vector": vector}}) for act, vector in ACTS.items()]
    run = boot(manifest(*services, service("ring-nop")), "--memory", "512")
    assert run.status == PASS, str(run)
    run.says("ring-nop", "exited 0")


def test_no_return_leads_into_the_kernel(boot):
    expect = {"faulted": {"vector": GENERAL_PROTECTION}}
    services = [trespasser(act, expect=expect) for act in RETURNS]
    run = boot(manifest(*services, service("ring-nop")), "--cpu", "max,-smap")
    assert run.status == PASS, str(run)


@pytest.mark.parametrize("act", ["write-capset", "port-out", "execute-stack"])
def test_the_kernel_says_what_happened(boot, act):
    run = boot(manifest(trespasser(act)))
    assert run.status == FAILED, str(run)
    exception = "page fault" if ACTS[act] == PAGE_FAULT else "general protection"
    run.says(f"capos: {act} (process 1): {exception}", "at rip")
