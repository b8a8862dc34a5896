# SPDX-License-Identifier: MIT
"""Spawning, handles, and init.

init/smoke tries spawning from inside, by use and by abuse; what it prints is looked at
here. tests/programs/spawn-walk has each allocation fail; tests/test_scale.py does it often.
"""

import json
import re

import pytest
from conftest import (
    BUILD,
    CONSOLE,
    DEADLINE,
    FAILED,
    KERNEL,
    PASS,
    ROOT,
    STALLED,
    grant,
    manifest,
    qemu_run,
    service,
)
from test_scale import cycles

SYSTEM = json.loads((ROOT / "system-spawn.json").read_text())
INIT = SYSTEM["services"][0]
SPOILT = re.findall(r'^    \{"([a-z0-9-]+)", ', (ROOT / "init/smoke/spoilt.c").read_text(), re.M)
NAMED = re.findall(
    r'expect_(?:error|refusal)\("([a-z-]+)"', (ROOT / "init/smoke/main.c").read_text()
)
GROUPS = re.findall(r'\bgroup\(\s*"([^"]+)"', (ROOT / "init/smoke/main.c").read_text())

SPAWNER = grant("spawner", "ProcessSpawner", "processSpawner")
ENDPOINTS = grant("endpoints", "EndpointFactory", "endpointFactory")
MANAGER = grant("capabilities", "CapabilityManager", "capabilityManager")
BOOT = grant("boot", "BootPackage", "bootPackage")
INJECTOR = grant("faults", "FaultInjector", "faultInjector")


@pytest.fixture(scope="module", name="spawn_run")
def spawn_run_fixture():
    """One run of the manifest in which init starts everything."""
    return qemu_run("--kernel", KERNEL, "--manifest", BUILD / "system-spawn.bin")


def by_init(*services, **params):
    """A manifest in which init starts these."""
    return manifest(INIT, *({**one, "starter": "init"} for one in services), **params)


def test_the_spawn_smoke_passes(spawn_run):
    assert spawn_run.status == PASS, str(spawn_run)
    spawn_run.says("spawn-smoke: pass", "init: passed", "capos: passed")


def test_init_lists_each_of_its_services(spawn_run):
    for one in SYSTEM["services"][1:]:
        end = "exception 6" if "expect" in one else "exited 0"
        spawn_run.says(f"{one['name']:<31}  {end}")


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_of_the_smoke(spawn_run, name):
    spawn_run.says(f"spawn-smoke: {name}\n")


@pytest.mark.parametrize("name", SPOILT + NAMED)
def test_a_hostile_spawn_is_refused_with_a_sentence(spawn_run, name):
    assert re.search(rf"^spawn-smoke: {name}: .{{10,}}$", spawn_run.text, re.M), str(spawn_run)


def test_there_are_hostile_spawns():
    assert len(SPOILT) > 30 and len(NAMED) > 10 and len(GROUPS) > 10


@pytest.mark.parametrize("deadline", range(40, 240, 40))
def test_a_run_that_is_stopped_recounts_whatever_it_was_at(boot, deadline):
    """Spawns are under way, calls are queued, children are being reaped."""
    run = boot(manifest(cycles(100000), deadline=deadline))
    assert run.status == DEADLINE, str(run)
    run.lacks("leak:")


def test_each_allocation_of_a_spawn_fails_once_and_leaves_all_as_it_was(boot):
    run = boot(
        manifest(
            service(
                "spawn-walk",
                caps=[CONSOLE, SPAWNER, ENDPOINTS, MANAGER, INJECTOR],
                limits={"frames": 2048, "processes": 8, "calls": 256},
            )
        )
    )
    assert run.status == PASS, str(run)
    count = re.search(r"spawn-walk: (\d+) allocations failed", run.text).group(1)
    assert int(count) > 15, str(run)


def test_what_a_process_holds_and_the_manifest_can_be_read(boot):
    run = boot(
        manifest(
            service(
                "inventory",
                caps=[CONSOLE, MANAGER, BOOT, SPAWNER, ENDPOINTS],
                limits={"frames": 1024, "processes": 4, "calls": 64},
                ring={"areaBytes": 65536},
            )
        )
    )
    assert run.status == PASS, str(run)
    run.says("inventory: pass")


def test_init_says_what_did_not_end_as_expected(boot):
    run = boot(by_init(service("fail", caps=[]), service("leave", caps=[])))
    assert run.status == FAILED, str(run)
    run.says("exited 7, starts 1, not as expected", "init: failed: 1 services")


@pytest.mark.parametrize(
    "name, expect",
    [
        ("fail", {"exited": 7}),
        ("fault", {"faulted": {"vector": 14}}),
    ],
)
def test_init_compares_ends_with_what_is_expected(boot, name, expect):
    run = boot(by_init(service(name, caps=[], expect=expect)))
    assert run.status == PASS, str(run)


def test_init_retries_a_failure_as_often_as_the_manifest_says(boot):
    retry = {"policy": "onFailure", "count": 3}
    run = boot(by_init(service("fail", caps=[], restart=retry)))
    assert run.status == FAILED, str(run)
    run.says("exited 7, starts 4, not as expected")


def test_init_restarts_what_always_is_to_run(boot):
    always = {"policy": "always", "count": 100}
    run = boot(by_init(service("leave", caps=[], restart=always)))
    assert run.status == PASS, str(run)
    run.says("exited 0, starts 101")


def test_what_init_has_no_budget_for_fails_to_start(boot):
    """Refused, with the spawner's sentence for a reason."""
    reason = "the child would take more than the caller has left"
    huge = {"limits": {"frames": 4000000}, "expect": {"failedToStart": reason}}
    run = boot(by_init(service("leave", caps=[], **huge), service("ring-nop")))
    assert run.status == PASS, str(run)
    run.says(f"failed to start: {reason}", "ring-nop", "exited 0")


def test_what_init_does_not_hold_it_cannot_grant(boot):
    run = boot(by_init(service("leave", caps=[MANAGER, INJECTOR])))
    assert run.status == FAILED, str(run)
    run.says("failed to start: init does not hold what it is to be granted")


def test_a_child_that_waits_for_nothing_is_a_stall(boot):
    run = boot(by_init(service("wait", caps=[])))
    assert run.status == STALLED, str(run)
    run.lacks("leak:")


def test_forty_services_are_waited_for_at_once(boot):
    small = {"limits": {"frames": 64, "capSlots": 16}}
    run = boot(by_init(*(service(f"leave-{i}", "leave", caps=[], **small) for i in range(40))))
    assert run.status == PASS, str(run)
    run.says("init: starting 40 services", "leave-39 ")


def test_more_services_than_init_can_wait_for_are_refused(boot):
    small = {"limits": {"frames": 64, "capSlots": 16}}
    run = boot(by_init(*(service(f"leave-{i}", "leave", caps=[], **small) for i in range(60))))
    assert run.status == FAILED, str(run)
    run.says("init: there are more services than the 48")
