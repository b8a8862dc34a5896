# SPDX-License-Identifier: MIT
"""Services that init starts, as `make run-spawn` boots them and otherwise.

What they export and import, and how daemons end, is in test_exports.py.
"""

import json

import pytest
from conftest import (
    BUILD,
    CONSOLE,
    FAILED,
    KERNEL,
    NULL_CAP,
    PASS,
    ROOT,
    manifest,
    qemu_run,
    service,
)

SPAWN = json.loads((ROOT / "system-spawn.json").read_text())
INIT, *OTHERS = SPAWN["services"]
PROGRAMS = {one["name"]: ROOT / one["path"].removesuffix(".elf") for one in SPAWN["binaries"]}


@pytest.fixture(name="spawn_run", scope="module")
def spawn_run_fixture():
    """One run of the manifest that `make run-spawn` boots."""
    return qemu_run("--kernel", KERNEL, "--manifest", BUILD / "system-spawn.bin")


def of_init(*services):
    """Manifest data in which init starts these."""
    return manifest(INIT, *({**one, "starter": "init"} for one in services))


def test_the_kernel_starts_init_alone(spawn_run):
    assert spawn_run.status == PASS, str(spawn_run)
    assert INIT["name"] == "init"
    assert {one["starter"] for one in OTHERS} == {"init"}
    spawn_run.says("capos: starting 1 services", f"init: starting {len(OTHERS)} services")
    spawn_run.says("init: passed: every service ended as expected", "capos: passed")


@pytest.mark.parametrize("one", OTHERS, ids=lambda one: one["name"])
def test_init_lists_the_service(spawn_run, one):
    end = one.get("expect", {"exited": 0})
    if "exited" in end:
        text = f"exited {end['exited']}, starts"
    else:
        text = f"exception {end['faulted']['vector']} "
    spawn_run.says(f"{one['name']:<31}  {text}", "init: passed")


@pytest.mark.parametrize("name", sorted({one["binary"] for one in OTHERS}))
def test_the_program_prints_what_it_promises(spawn_run, name):
    expected = (PROGRAMS[name] / "expect").read_text().splitlines()
    assert expected
    spawn_run.says(*(line for line in expected if line))


def test_an_unexpected_end_fails_the_run(boot):
    run = boot(of_init(service("fail", caps=[]), service("leave", caps=[])))
    assert run.status == FAILED, str(run)
    run.says("exited 7, starts 1, not as expected", "init: failed: 1 services", "init (process 1)")


@pytest.mark.parametrize(
    "program, expect",
    [
        ("fail", {"exited": 7}),
        ("fault", {"faulted": {"vector": 14}}),
        ("leave", {"exited": 0}),
    ],
)
def test_an_expected_end_passes(boot, program, expect):
    run = boot(of_init(service(program, caps=[], expect=expect)))
    assert run.status == PASS, str(run)


def test_a_failure_is_retried_as_often_as_the_manifest_says(boot):
    again = {"policy": "onFailure", "count": 3}
    run = boot(of_init(service("fail", caps=[], restart=again), service("leave", restart=again)))
    assert run.status == FAILED, str(run)
    run.says("exited 7, starts 4", "exited 0, starts 1")


def test_init_grants_nothing_that_it_does_not_hold(boot):
    expect = {"failedToStart": "init does not hold what it is to be granted"}
    run = boot(of_init(service("leave", caps=[CONSOLE, NULL_CAP], expect=expect)))
    assert run.status == PASS, str(run)


def test_services_that_init_has_no_room_for_fail_to_start(boot):
    """Those that come first have what there is; those behind them are told."""
    limits = {"frames": 6000}
    expect = {"failedToStart": "the child would take more than the caller has left"}
    fits = [service(f"fits{i}", "wait", caps=[], limits=limits, daemon=True) for i in range(2)]
    run = boot(of_init(*fits, service("leave", caps=[], limits=limits, expect=expect)))
    assert run.status == PASS, str(run)
