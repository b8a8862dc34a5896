# SPDX-License-Identifier: MIT
"""Everything a program must not do: it ends that program, by the right exception, and nobody else."""

import pytest
from conftest import CONSOLE, FAILED, PASS, manifest, service

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
}


def trespasser(act, **fields):
    return service(act, "trespass", [{**CONSOLE, "name": act}], **fields)


def test_each_act_ends_by_its_exception_and_hurts_nobody(boot):
    """All in one boot, beside a service that must come to its own good end."""
    services = [trespasser(act, expect={"faulted": {"vector": vector}}) for act, vector in ACTS.items()]
    run = boot(manifest(*services, service("ring-nop")), "--memory", "512")
    assert run.status == PASS, str(run)
    run.says("ring-nop", "exited 0")


@pytest.mark.parametrize("act", ["write-capset", "port-out", "execute-stack"])
def test_the_kernel_says_what_happened(boot, act):
    run = boot(manifest(trespasser(act)))
    assert run.status == FAILED, str(run)
    exception = "page fault" if ACTS[act] == PAGE_FAULT else "general protection"
    run.says(f"capos: {act} (process 1): {exception}", "at rip")
