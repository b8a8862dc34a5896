# SPDX-License-Identifier: MIT
"""Limits of abi/limits.h that only a booted system reaches: what is exactly as large
as it may be is served. What is larger is refused by mkmanifest (test_mkmanifest.py)
and by the validator (lib/test/manifest_values_test.c).
"""

import itertools
import re

import pytest
from conftest import CONSOLE, PASS, ROOT, manifest, pack, service

HEADER = (ROOT / "abi/include/abi/limits.h").read_text()
LIMITS = {
    name: int(value)
    for name, value in re.findall(r"^#define ([A-Z_]+) +(\d+)u$", HEADER, re.MULTILINE)
}


def row(run, name):
    """The columns of a service's line in the summary: calls, frames, starts."""
    (line,) = [line for line in run.lines if re.match(rf"{name} +exited 0 ", line)]
    return [int(column) for column in line.split()[-3:]]


def test_everything_of_the_largest_size(boot):
    sizes = {
        "sqEntries": LIMITS["CAP_SQ_MAX"],
        "cqEntries": LIMITS["CAP_CQ_MAX"],
        "areaBytes": LIMITS["CAP_AREA_MAX"],
    }
    slots = {"capSlots": LIMITS["CAP_SLOTS_MAX"]}
    run = boot(manifest(service("largest", ring=sizes, limits=slots)))
    assert run.status == PASS, str(run)
    run.says("largest: pass")


def test_thread_local_storage_of_the_largest_alignment(boot):
    """As much of it as there may be: its control block then takes a page of its own."""
    run = boot(manifest(service("tls-page")))
    assert run.status == PASS, str(run)
    run.says("tls-page: pass")


def test_as_many_services_as_there_may_be(boot):
    count = LIMITS["MANIFEST_SERVICES_MAX"]
    services = [
        service(f"leave-{i}", "leave", caps=[], limits={"frames": 64}) for i in range(count)
    ]
    run = boot(manifest(*services), "--memory", "256")
    assert run.status == PASS, str(run)
    run.says(f"starting {count} services", f"leave-{count - 1} ")


def test_as_many_grants_as_there_may_be_with_the_longest_names(boot):
    """As many as the process has slots; the runtime checks each entry of the CapSet."""
    count = LIMITS["MANIFEST_CAPS_MAX"]
    caps = [
        {**CONSOLE, "name": str(i).rjust(LIMITS["CAP_NAME_MAX"], "-")} for i in range(count)
    ]
    run = boot(manifest(service("leave", caps=caps, limits={"capSlots": count})))
    assert run.status == PASS, str(run)


def test_a_long_batch_lets_others_run_when_its_drain_is_at_its_limit(boot):
    """
    Two services write lines: one submits a thousand at once, the other call by call. By the
    instruction, since ticks of a machine that is busy come between any two lines.
    """
    entries = {"sqEntries": 1024, "cqEntries": 1024}
    run = boot(
        manifest(
            service("batch", "chatter", [{**CONSOLE, "name": "batch"}], ring=entries),
            service("single", "chatter", [{**CONSOLE, "name": "single"}]),
        ),
        "--icount",
    )
    assert run.status == PASS, str(run)
    runs = [(line, len(list(group))) for line, group in itertools.groupby(run.lines)]
    batches = [count for line, count in runs if line == "batch"]
    assert LIMITS["CAP_DRAIN_BUDGET"] in batches, str(runs)


@pytest.mark.measures
@pytest.mark.parametrize("name", ["leave", "tls-smoke"])
def test_the_frames_that_a_program_is_said_to_take_are_those_it_takes(boot, tmp_path, name):
    refused = pack(manifest(service(name, limits={"frames": 1})), tmp_path / "small.bin")
    assert refused.returncode != 0
    needed = int(re.search(r"program, stack and ring take (\d+)", refused.stderr).group(1))
    run = boot(manifest(service(name, limits={"frames": needed})))
    assert run.status == PASS, str(run)
    assert row(run, name)[1] == needed


@pytest.mark.parametrize(
    "field, default",
    [
        ("sqEntries", "CAP_SQ_DEFAULT"),
        ("cqEntries", "CAP_CQ_DEFAULT"),
        ("areaBytes", "CAP_AREA_DEFAULT"),
        ("frames", "PROC_FRAMES_DEFAULT"),
        ("capSlots", "CAP_SLOTS_DEFAULT"),
    ],
)
def test_the_schema_has_the_same_defaults(field, default):
    schema = (ROOT / "schema/capos.capnp").read_text()
    assert re.search(rf"\b{field} @\d+ :UInt32 = {LIMITS[default]};", schema)
    cue = (ROOT / "tools/cue/manifest.cue").read_text()
    assert re.search(rf"\b{field}: +\*{LIMITS[default]} ", cue)
