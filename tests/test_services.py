# SPDX-License-Identifier: MIT
"""What services do, and what becomes of them."""

import json

import pytest
from conftest import (
    CONSOLE,
    DEADLINE,
    FAILED,
    LEAK,
    PASS,
    ROOT,
    STALLED,
    manifest,
    service,
)

SYSTEM = json.loads((ROOT / "system.json").read_text())
SERVICES = SYSTEM["services"]
PASSED = "capos: passed: every service ended as expected, and nothing leaked"


def expectation(directory):
    return [line for line in (directory / "expect").read_text().splitlines() if line]


def status_of(service):
    """How the summary calls the end that the manifest expects."""
    if service.get("daemon"):
        return "killed"
    ((kind, value),) = service.get("expect", {"exited": 0}).items()
    match kind:
        case "exited":
            return f"exited {value}"
        case "faulted":
            return {6: "invalid opcode", 14: "page fault"}[value["vector"]]
    return {"killed": "killed", "failedToStart": "failed to start"}[kind]


def test_default_run_passes(default_run):
    assert default_run.status == PASS, str(default_run)
    default_run.says(PASSED)


@pytest.mark.parametrize("one", SERVICES, ids=lambda one: one["name"])
def test_default_run_lists_the_service(default_run, one):
    row = f"{one['name']:<31}  {status_of(one)}"
    default_run.says(f"starting {len(SERVICES)} services", row, PASSED)


@pytest.mark.parametrize("name", sorted({one["binary"] for one in SYSTEM["services"]}))
def test_default_run_prints_what_the_program_promises(default_run, name):
    directory = ROOT / ("rt/smoke" if name == "smoke" else f"demos/{name}")
    expected = expectation(directory)
    holds_console = any(
        CONSOLE in one["caps"] for one in SYSTEM["services"] if one["binary"] == name
    )
    assert expected or not holds_console, f"{directory}/expect is empty"
    default_run.says(*expected)


@pytest.mark.parametrize(
    "deed",
    [
        "write what was made read-only",
        "write through a reader",
        "execute what is writable",
        "read what was unmapped",
    ],
)
def test_a_program_that_oversteps_its_memory_has_got_so_far(default_run, deed):
    default_run.says(f"virtual-memory: about to {deed}", "page fault", PASSED)


def test_a_call_that_was_refused_had_no_effect(default_run):
    """console-paths spoils calls that would print this."""
    default_run.lacks("MUST NOT BE SEEN")


def test_every_demo_is_in_some_manifest():
    """And so runs: in the default one, or in one of its own that it has a test for."""
    demos = {path.parent.name for path in (ROOT / "demos").glob("*/main.c")}
    started = {one["binary"] for one in SERVICES}
    for path in ROOT.glob("system-*.json"):
        started |= {one["binary"] for one in json.loads(path.read_text())["services"]}
    assert demos <= started


def test_an_unexpected_exit_code_fails_the_run(boot):
    run = boot(manifest(service("fail", caps=[]), service("leave", caps=[])))
    assert run.status == FAILED, str(run)
    run.says("fail (process", "exited with code 7", "failed: 1 services did not end as expected")


def test_an_expected_exit_code_passes(boot):
    run = boot(manifest(service("fail", caps=[], expect={"exited": 7})))
    assert run.status == PASS, str(run)


def test_an_exit_code_of_0_is_not_the_expected_7(boot):
    run = boot(manifest(service("leave", caps=[], expect={"exited": 7})))
    assert run.status == FAILED, str(run)


def test_a_fault_ends_that_process_only(boot):
    run = boot(manifest(service("fault", caps=[]), service("ring-nop")))
    assert run.status == FAILED, str(run)
    run.says("fault (process", "failed: 1 services did not end as expected")
    run.says("ring-nop", "exited 0")


def test_an_expected_fault_passes(boot):
    run = boot(manifest(service("fault", caps=[], expect={"faulted": {"vector": 14}})))
    assert run.status == PASS, str(run)


def test_a_fault_of_another_vector_is_not_the_expected_one(boot):
    run = boot(manifest(service("fault", caps=[], expect={"faulted": {"vector": 13}})))
    assert run.status == FAILED, str(run)


def test_a_service_that_loops_is_stopped_at_the_deadline(boot):
    run = boot(manifest(service("spin", caps=[]), service("leave", caps=[]), deadline=500))
    assert run.status == DEADLINE, str(run)
    run.says("did not end before its deadline")


@pytest.mark.parametrize("deadline", range(100, 160, 10))
def test_the_deadline_stops_a_restart_at_whatever_stage_it_is(boot, deadline):
    """Beside a loop each slice of a restart takes a tick, so these fall into all of them."""
    again = {"policy": "always", "count": 1000000}
    run = boot(
        manifest(
            service("leave", caps=[], restart=again), service("spin", caps=[]), deadline=deadline
        )
    )
    assert run.status == DEADLINE, str(run)
    run.lacks("leak:")


def test_work_of_the_kernel_alone_does_not_hold_up_the_deadline(boot):
    """A service that cannot be spawned is nothing but work, again and again."""
    never = {
        "limits": {"frames": 4000000},
        "expect": {"failedToStart": "the account that would be charged has no more"},
        "restart": {"policy": "always", "count": 1000000},
    }
    run = boot(manifest(service("leave", caps=[], **never), deadline=100))
    assert run.status == DEADLINE, str(run)


def test_a_batch_of_long_texts_does_not_hold_up_the_deadline(boot):
    """It would take longer than the run may last; the deadline comes in the middle of it."""
    run = boot(manifest(service("flood", ring={"sqEntries": 128, "cqEntries": 128}), deadline=50))
    assert run.status == DEADLINE, str(run.errors)
    assert 4096 <= run.text.count(".") < 128 * 4096


def test_a_service_that_loops_leaves_time_for_the_others(boot):
    run = boot(manifest(service("spin", caps=[]), service("ring-nop"), deadline=3000))
    assert run.status == DEADLINE, str(run)
    run.says("ring-nop", "exited 0")


def test_a_service_that_waits_for_nothing_is_named_a_stall(boot):
    run = boot(manifest(service("wait", caps=[]), service("leave", caps=[])))
    assert run.status == STALLED, str(run)
    run.says("services waited for what nobody could bring")


def test_a_service_that_never_reaps_hurts_nobody(boot):
    run = boot(manifest(service("hoard", caps=[]), service("ring-nop")))
    assert run.status == PASS, str(run)


def test_a_thousand_restarts_leave_the_recount_where_it_was(boot):
    again = {"policy": "always", "count": 1000}
    run = boot(manifest(service("leave", caps=[], restart=again)))
    assert run.status == PASS, str(run)
    (row,) = [line for line in run.lines if line.startswith("leave ")]
    assert row.split()[-1] == "1001", str(run)


def test_a_failure_is_retried_as_often_as_the_manifest_says(boot):
    run = boot(manifest(service("fail", caps=[], restart={"policy": "onFailure", "count": 3})))
    assert run.status == FAILED, str(run)
    assert run.text.count("exited with code 7") == 4, str(run)


def test_the_expected_end_is_not_retried_as_a_failure(boot):
    run = boot(manifest(service("leave", caps=[], restart={"policy": "onFailure", "count": 3})))
    assert run.status == PASS, str(run)
    (row,) = [line for line in run.lines if line.startswith("leave ")]
    assert row.split()[-1] == "1", str(run)


@pytest.mark.parametrize("kind", ["frame", "slot", "object"])
def test_a_planted_leak_fails_the_run(boot, kind):
    run = boot(manifest(service("leave", caps=[]), plantLeak=kind))
    assert run.status == LEAK, str(run)
    run.says("a leak was planted", "leak:", "failed: the recount differs")
