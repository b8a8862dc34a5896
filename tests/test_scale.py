# SPDX-License-Identifier: MIT
"""Often, and many at once: nothing is left behind, nothing gets slower, and nobody
notices what another runs out of.

CYCLES says how many processes are spawned, called and reaped (tests/programs/cycles).
"""

import collections
import itertools
import os
import re

import pytest
from conftest import (
    BUILD,
    CONSOLE,
    KERNEL,
    NO_MEMORY,
    PASS,
    grant,
    manifest,
    qemu_run,
    service,
)

CYCLES = int(os.environ.get("CYCLES", "1000"))

# Costs are compared beside one of each and beside so many, as system-growth.cue says.
MOST = {"processes": 1000, "capabilities": 10000, "calls": 100}

SPAWNER = grant("spawner", "ProcessSpawner", "processSpawner")
FRAMES = grant("frames", "FrameAllocator", "frameAllocator")
ENDPOINTS = grant("endpoints", "EndpointFactory", "endpointFactory")
MANAGER = grant("capabilities", "CapabilityManager", "capabilityManager")


def cycles(count):
    return service(
        "cycles",
        caps=[{**CONSOLE, "name": str(count)}, SPAWNER, ENDPOINTS, MANAGER],
        limits={"frames": 2048, "processes": 8, "calls": 256},
    )


def test_cycles_of_spawn_call_transfer_and_exit_leave_nothing(boot):
    """The program compares what it uses, and the end of the run all that there is (T-30)."""
    run = boot(manifest(cycles(CYCLES)), timeout=60 + CYCLES / 20)
    print("\n".join(line for line in run.lines if line.startswith(("service ", "cycles"))))
    assert run.status == PASS, str(run)
    run.says(f"cycles: {CYCLES} times", "cycles: pass", "capos: passed")
    run.lacks("leak:")


def test_who_never_enters_the_kernel_again_gets_what_it_asked_for(boot):
    """The timer runs while there is work, though nobody but the one who asked is ready (T-27)."""
    limits = {"frames": 2048, "processes": 1, "calls": 64}
    run = boot(manifest(service("impatient", caps=[CONSOLE, SPAWNER], limits=limits)))
    assert run.status == PASS, str(run)
    run.says("impatient: pass")


@pytest.mark.measures
def test_beside_one_that_only_computes_a_child_lives_for_a_few_ticks(boot):
    """The kernel's work gets its share of each tick: spawning and reaping take a dozen slices."""
    spin = service("spin", caps=[], daemon=True)
    run = boot(manifest(spin, cycles(5), tickHz=100), "--icount")
    assert run.status == PASS, str(run)
    clocks = int(re.search(r"(\d+) clock counts from kernel entry to", run.text).group(1))
    assert clocks < 5 * 5 * 10_000_000, str(run)


@pytest.fixture(name="costs", scope="module")
def costs_fixture():
    """Instructions by operation and by what there is more and more of: [(how many, cost)]."""
    run = qemu_run(
        "--icount", "--memory", "512", "--kernel", KERNEL,
        "--manifest", BUILD / "system-growth.bin", timeout=300,
    )  # fmt: skip
    assert run.status == PASS, str(run)
    print(run.text)
    rows = collections.defaultdict(list)
    for name, what, count, cost in re.findall(r"^F (\S+) (\S+) (\d+) (\d+)$", run.text, re.M):
        rows[name, what].append((int(count), int(cost)))
    return rows


OPERATIONS = ["ping", "round-trip", "copy-release", "transfer", "map-unmap", "spawn-to-reap"]


@pytest.mark.measures
@pytest.mark.parametrize(
    "name, what", [*itertools.product(OPERATIONS, MOST), ("take-first", "calls")]
)
def test_an_operation_costs_the_same_however_many_there_are(costs, name, what):
    """To 5 percent and some tens of instructions."""
    row = costs[name, what]
    assert [count for count, _ in row][-1] == MOST[what]
    least = min(cost for _, cost in row)
    assert all(cost <= 1.05 * least + 50 for _, cost in row), f"{name} {what}: {row}"


@pytest.mark.measures
def test_giving_up_a_call_looks_at_the_own_entries_only(costs):
    """It has to be found among them: a dozen instructions for each that is in flight."""
    row = costs["cancel", "calls"]
    assert [count for count, _ in row] == [1, 10, 100]
    assert all(cost <= row[0][1] + 12 * count for count, cost in row), str(row)
    for what in ("processes", "capabilities"):
        assert len({cost for _, cost in costs["cancel", what]}) == 1


@pytest.mark.measures
def test_a_message_costs_no_more_than_its_copying(costs):
    """An instruction for each 8 bytes each way, and something for what is not short."""
    row = costs["round-trip", "bytes"]
    assert row[0][0] == 0 and row[-1][0] == 65536 - 32
    assert all(cost <= row[0][1] + 1.1 * bytes / 4 + 1000 for bytes, cost in row), str(row)


@pytest.mark.measures
def test_an_entry_costs_the_less_the_more_there_are(costs):
    """A NOP shares its way into the kernel. Calls of a server that takes one at a time wait in
    its queue, which costs something once, and no more the longer it is."""
    nops, calls = costs["nop", "batch"], costs["round-trip", "batch"]
    assert [count for count, _ in nops] == [1, 2, 4, 8, 16, 32, 64]
    assert [cost for _, cost in nops] == sorted((cost for _, cost in nops), reverse=True)
    assert all(cost <= calls[0][1] + 350 for _, cost in calls), str(calls)
    assert calls[-1][1] <= 1.05 * dict(calls)[8], str(calls)


# Of what tests/programs/glutton takes all there is, and what it may have of it.
LIMITS = {
    "slots": {"capSlots": 500},
    "memory": {"frames": 300, "capSlots": 500},
    "processes": {"processes": 5},
    "calls": {"calls": 300},
    "heap": {"calls": 600, "capSlots": 64},
    "machine": {"frames": 16000, "capSlots": 1000},
}


def glutton(taste):
    return service(
        f"glutton-of-{taste}",
        "glutton",
        caps=[{**CONSOLE, "name": taste}, MANAGER, SPAWNER, ENDPOINTS, FRAMES],
        ring={"sqEntries": 16, "cqEntries": 512, "areaBytes": 16384},
        limits={"frames": 2048, "calls": 800, **LIMITS[taste]},
        daemon=True,
    )


@pytest.mark.parametrize(
    "tastes", [*([taste] for taste in LIMITS), list(LIMITS)], ids=[*LIMITS, "all"]
)
def test_who_takes_all_is_refused_more_and_a_neighbour_does_not_notice(boot, tastes):
    """The neighbour spawns, calls, transfers, and must not be refused anything (T-17)."""
    gluttons = [glutton(taste) for taste in tastes]
    run = boot(manifest(*gluttons, cycles(100), tickHz=1000))
    assert run.status == PASS, str(run)
    run.lacks("leak:")
    for taste in tastes:
        run.says(f"glutton: {taste}: ", "and no more", f"glutton: {taste}: all", "cycles: pass")


def promised(frames):
    """Of the 32,300 frames there are 1,000 set aside for the heap that the others may cause."""
    slots = {**glutton("slots"), "limits": {"frames": 64, "capSlots": 8000}}
    machine = {**glutton("machine"), "limits": {"frames": frames, "capSlots": 1000}}
    neighbour = {**cycles(100), "limits": {"frames": 140, "processes": 1, "calls": 64}}
    return manifest(machine, slots, neighbour, tickHz=1000)


@pytest.mark.measures
@pytest.mark.parametrize("frames, status", [(31000, PASS), (32100, NO_MEMORY)])
def test_what_the_heap_may_take_is_not_promised_as_frames_too(boot, frames, status):
    run = boot(promised(frames))
    assert run.status == status, str(run)
