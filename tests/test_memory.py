# SPDX-License-Identifier: MIT
"""Memory as a capability: what is refused, what works, each limit, what faults."""

import pytest
from conftest import CONSOLE, PASS, grant, manifest, service

FRAMES = grant("frames", "FrameAllocator", "frameAllocator")
VIRTUAL_MEMORY = grant("vm", "VirtualMemory", "virtualMemory")

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

FAULT_INJECTOR = grant("faults", "FaultInjector", "faultInjector")


def part(name, *more, **fields):
    caps = [{**CONSOLE, "name": name}, FRAMES, VIRTUAL_MEMORY, *more]
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


def test_each_allocation_fails_once_and_leaves_all_as_it_was(boot):
    run = boot(manifest(part("each-allocation", FAULT_INJECTOR)))
    assert run.status == PASS, str(run)


def test_what_a_process_leaves_is_there_for_the_next(boot):
    often = {"policy": "always", "count": 20}
    run = boot(manifest(part("leave-much", restart=often)))
    assert run.status == PASS, str(run)
    run.says("leave-much", "exited 0", " 21\n")


@pytest.mark.measures
def test_nearly_all_the_memory_there_is(boot):
    """A neighbour has what it was promised nevertheless. The machine has 32,768 frames."""
    hog = part("limit-of-machine", limits={"frames": 31500})
    often = {"policy": "always", "count": 20}
    run = boot(manifest(hog, part("leave-much", restart=often)))
    assert run.status == PASS, str(run)


def test_an_address_space_and_memory_in_other_hands(boot):
    """And in them still when the process that gave them has been ended by a fault."""
    desk = {
        "name": "desk",
        "interface": "0x1234",
        "source": {"service": "keeper", "export": "desk"},
    }
    keeper = part("keeper", exports=[{"name": "desk", "interface": "0x1234"}])
    lender = part("lender", desk, expect={"faulted": {"vector": PAGE_FAULT}})
    run = boot(manifest(keeper, lender))
    assert run.status == PASS, str(run)


def test_each_fault_ends_its_process_only(boot):
    faulted = {"faulted": {"vector": PAGE_FAULT}}
    services = [part(name, expect=faulted) for name in FAULTS]
    run = boot(manifest(*services, service("ring-nop")))
    assert run.status == PASS, str(run)
    run.says("ring-nop", "exited 0")
