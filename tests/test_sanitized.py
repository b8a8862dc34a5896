# SPDX-License-Identifier: MIT
"""The sanitized kernel: it finds what is planted, and nothing in the default manifest and
in a campaign. `make test-kasan` boots it through all that this folder has."""

import re

import hostile
import pytest
from conftest import KERNEL_SAN, MANIFEST, PANIC, PASS, ROOT, manifest, service

PLANTED = re.findall(
    r'^        {"([a-z-]+)", test_', (ROOT / "kernel/sanitize_test.c").read_text(), re.MULTILINE
)
SAYS = {
    "heap-overflow": "1 bytes written at .*, over the end of a heap block",
    "heap-underflow": "1 bytes read at .*, in a heap block that is free|behind a heap block",
    "heap-next": "8 bytes written at .*, in a heap block that is free",
    "use-after-free": "1 bytes read at .*, in a heap block that is free",
    "free-frame": "8 bytes written at .*, in a frame that is free",
    "copy-too-much": "21 bytes touched at .*, over the end of a heap block",
    "signed-overflow": r"a sum does not fit its type \(kernel/sanitize_test.c:\d+\)",
    "bad-shift": r"a shift by more than the type has bits.* \(kernel/sanitize_test.c:\d+\)",
    "bad-index": r"an index behind the end of its array \(kernel/sanitize_test.c:\d+\)",
    "misaligned": r"a pointer that is null, misaligned.* \(kernel/sanitize_test.c:\d+\)",
    "kcheck": r"\d invariants are broken in the middle of a run",
}


@pytest.mark.parametrize("test", PLANTED)
def test_what_is_planted_is_found(boot, test):
    run = boot(MANIFEST, "--append", f"capos.test={test}", kernel=KERNEL_SAN)
    assert run.status == PANIC, str(run)
    assert re.search(f"capos: panic: (sanitizer|kcheck): ({SAYS[test]})", run.text), str(run)


def test_the_default_manifest_has_nothing_to_report(boot):
    run = boot(MANIFEST, kernel=KERNEL_SAN, timeout=180)
    assert run.status == PASS, str(run)


def test_nor_has_the_start_of_a_micro_vm(boot):
    """Its firmware puts the list of modules at no multiple of eight."""
    run = boot(manifest(service("ring-nop")), "--machine", "microvm", kernel=KERNEL_SAN)
    assert run.status == PASS, str(run)


@pytest.mark.parametrize("faults", [False, True])
def test_nor_has_a_campaign(boot, faults):
    """Each 1,024 entries everything is checked meanwhile."""
    run = boot(hostile.campaign(21, 15000, faults), kernel=KERNEL_SAN, timeout=300)
    assert run.status == PASS, str(run)
