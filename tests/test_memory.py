# SPDX-License-Identifier: MIT
"""Memory as a capability: what is refused, what works, each limit, what faults."""

import pytest
from conftest import CONSOLE, PASS, manifest, service

FRAMES = {
    "name": "frames",
    "interface": "FrameAllocator",
    "source": {"kernel": "frameAllocator"},
}
VIRTUAL_MEMORY = {
    "name": "vm",
    "interface": "VirtualMemory",
    "source": {"kernel": "virtualMemory"},
}

PAGE_FAULT = 14

PARTS = {
    "refusals-of-frames": {},
    "refusals-of-mapping": {},
    "refusals-of-objects": {},
    "uses": {},
    "limit-of-frames": {},
    "limit-of-page-tables": {},
    "limit-of-regions": {},
    "limit-of-slots": {"capSlots": 40},
}

FAULTS = [
    "write-read-only",
    "execute-writable",
    "touch-unmapped",
    "touch-after-unmap",
    "touch-part-unmapped",
    "write-after-protect",
    "execute-after-protect",
    "write-reader",
]


def part(name, **fields):
    caps = [{**CONSOLE, "name": name}, FRAMES, VIRTUAL_MEMORY]
    limits = {"frames": 150, **fields.pop("limits", {})}
    return service(name, "memory", caps, limits=limits, **fields)


@pytest.mark.parametrize("name", PARTS)
def test_part(boot, name):
    """Beside a service that must come to its own good end."""
    run = boot(manifest(part(name, limits=PARTS[name]), service("ring-nop")))
    assert run.status == PASS, str(run)
    run.says("ring-nop", "exited 0")


def test_all_parts_at_once(boot):
    """None sees what the others exhaust."""
    services = [part(name, limits=limits) for name, limits in PARTS.items()]
    run = boot(manifest(*services, service("ring-nop")))
    assert run.status == PASS, str(run)


def test_each_fault_ends_its_process_only(boot):
    faulted = {"faulted": {"vector": PAGE_FAULT}}
    services = [part(name, expect=faulted) for name in FAULTS]
    run = boot(manifest(*services, service("ring-nop")))
    assert run.status == PASS, str(run)
    run.says("ring-nop", "exited 0")
