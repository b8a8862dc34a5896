# SPDX-License-Identifier: MIT
"""Services that serve each other: exports, imports, badges, restarts, daemons.

tests/programs/desk serves whatever it exports; tests/programs/visitor calls what it
imports, as the names of its grants say. What holds of services that the kernel starts
holds of those that init starts.
"""

import json
import re

import pytest
from conftest import (
    CONSOLE,
    DEADLINE,
    FAILED,
    PASS,
    ROOT,
    STALLED,
    grant,
    manifest,
    service,
)

INIT = json.loads((ROOT / "system-spawn.json").read_text())["services"][0]
KIND = "0x1234"


def desk(name="desk", *exports, caps=(), **fields):
    exports = [{"name": export, "interface": KIND} for export in exports or ("counter",)]
    return service(name, binary="desk", caps=caps, exports=exports, **fields)


def visit(name, source="desk.counter", badge=0):
    """A grant of an export, to be visited in the way that its name says."""
    server, export = source.split(".")
    return {
        "name": name, "interface": KIND, "badge": badge,
        "source": {"service": server, "export": export},
    }  # fmt: skip


def visitor(*visits, name="visitor", **fields):
    return service(name, binary="visitor", caps=[CONSOLE, *visits], **fields)


def row(run, name):
    """What the summary says of a service."""
    (line,) = [line for line in run.lines if re.match(f"{name}  .*[0-9]", line)]
    return line


def starts(run, name):
    """How often it was started, as the summary of either starter says."""
    return int(re.search(r"starts (\d+)|(\d+)$", row(run, name)).group(0).split()[-1])


def pids(run):
    return [int(pid) for pid in re.findall(r"answered by process (\d+)", run.text)]


@pytest.fixture(name="start", params=["kernel", "init"])
def start_fixture(request, boot):
    """Boots services that the one starts, or the other."""

    def start(*services):
        if request.param == "kernel":
            return boot(manifest(*services))
        return boot(manifest(INIT, *({**one, "starter": "init"} for one in services)))

    start.by = request.param
    return start


AGAIN = {"policy": "onFailure", "count": 1}


def test_each_client_is_known_by_its_badge(start):
    badges = {"ask-1": 7, "ask-2": 2**64 - 1, "ask-3": 0, "end-0": 1}
    visits = [visit(name, badge=f"0x{badge:x}") for name, badge in badges.items()]
    run = start(desk(), visitor(*visits))
    assert run.status == PASS, str(run)
    run.says(*(f", badge {badge}\n" for badge in badges.values()))
    assert len(set(pids(run))) == 1


def test_a_client_may_come_before_its_server(start):
    run = start(visitor(visit("ask-1"), visit("end-0")), desk())
    assert run.status == PASS, str(run)
    assert len(pids(run)) == 2


def test_exports_of_one_service_are_endpoints_of_their_own(start):
    visits = [visit("ask-1", "desk.a", 1), visit("ask-2", "desk.b", 2), visit("end-0", "desk.b")]
    run = start(desk("desk", "a", "b"), visitor(*visits))
    assert run.status == PASS, str(run)
    run.says("badge 1\n", "badge 2\n")


def test_a_service_may_import_from_itself_and_in_circles(start):
    """The visitor owns an endpoint that it does not serve, and calls elsewhere."""
    back = [{"name": "back", "interface": KIND}]
    run = start(
        desk(caps=[visit("own"), visit("back", "visitor.back")]),
        visitor(visit("ask-1"), visit("end-0"), exports=back),
    )
    assert run.status == PASS, str(run)


def test_the_capset_holds_as_many_exports_as_it_has_room_for(start):
    names = [f"e{number}" for number in range(63)]
    run = start(
        desk("desk", *names), visitor(visit("ask-1", "desk.e7"), visit("end-0", "desk.e3"))
    )
    assert run.status == PASS, str(run)


@pytest.mark.parametrize("end", ["drop-9", "fault-1"])
def test_a_client_reaches_the_server_that_is_started_again(start, end):
    visits = [visit("ask-1"), visit(end), visit("ask-2"), visit("end-0")]
    run = start(desk(restart=AGAIN), visitor(*visits))
    assert run.status == PASS, str(run)
    first, second, third = pids(run)
    assert first != second == third
    assert starts(run, "desk") == 2


def test_a_server_that_has_ended_for_good_is_gone(start):
    visits = [visit("end-3"), visit("gone-1"), visit("gone-2")]
    run = start(desk(expect={"exited": 3}), visitor(*visits))
    assert run.status == PASS, str(run)


def test_so_is_one_that_was_started_as_often_as_it_may(start):
    visits = [visit("drop-1"), visit("ask-2"), visit("end-3"), visit("gone-1")]
    run = start(desk(restart=AGAIN, expect={"exited": 3}), visitor(*visits))
    assert run.status == PASS, str(run)


def test_and_one_that_never_started(start):
    reasons = {
        "kernel": "the account that would be charged has no more",
        "init": "the child would take more than the caller has left",
    }
    expect = {"failedToStart": reasons[start.by]}
    never = {"limits": {"frames": 4000000}, "expect": expect}
    run = start(visitor(visit("gone-1"), visit("gone-2")), desk(**never))
    assert run.status == PASS, str(run)


def test_a_client_that_is_started_again_reaches_the_same_server(start):
    again = {"policy": "always", "count": 20}
    run = start(desk(daemon=True), visitor(visit("ask-1"), restart=again))
    assert run.status == PASS, str(run)
    assert len(pids(run)) == 21 and len(set(pids(run))) == 1


def test_a_client_that_is_started_again_finds_a_server_that_is_gone(start):
    """It is born with its client facet though nobody else holds the endpoint any more."""
    counter = [{"name": "counter", "interface": KIND}]
    run = start(
        service("desk", binary="leave", caps=[], exports=counter),
        visitor(visit("gone-1"), restart={"policy": "always", "count": 3}),
    )
    assert run.status == PASS, str(run)
    assert starts(run, "visitor") == 4


def test_restarts_of_both_leave_nothing_behind(start):
    again = {"policy": "always", "count": 100}
    run = start(
        desk("desk", "a", "b", caps=[visit("own", "desk.a")], restart=again, daemon=True),
        visitor(visit("ask-1", "desk.a"), visit("end-0", "desk.b"), restart=again),
    )
    assert run.status == PASS, str(run)
    assert len(pids(run)) == 202


def test_the_run_ends_though_a_daemon_waits_for_calls(start):
    run = start(desk(daemon=True), visitor(visit("ask-1")))
    assert run.status == PASS, str(run)
    assert "killed" in row(run, "desk") and "not as expected" not in row(run, "desk")
    run.lacks("desk (process")


@pytest.mark.parametrize("program", ["wait", "spin"])
def test_whatever_a_daemon_does_does_not_hold_up_the_end(start, program):
    run = start(service(program, caps=[], daemon=True), service("leave", caps=[]))
    assert run.status == PASS, str(run)


def test_a_server_that_is_no_daemon_is_waited_for(start):
    run = start(desk(), visitor(visit("ask-1")))
    assert run.status == STALLED, str(run)
    run.says("killed: it waits for completions", "not as expected")


def test_a_daemon_that_fails_fails_the_run(start):
    run = start(desk(daemon=True), visitor(visit("drop-5")))
    assert run.status == FAILED, str(run)
    run.says("exited", "5", "not as expected")


def test_a_daemon_may_end_by_itself_as_expected(start):
    run = start(desk(daemon=True), visitor(visit("end-0")))
    assert run.status == PASS, str(run)
    assert "exited 0" in row(run, "desk")


def test_a_daemon_is_not_started_again_at_the_end_of_the_run(start):
    """It may be between two starts when the last of the others ends, or in one of them."""
    run = start(
        service("leave", caps=[], restart={"policy": "always", "count": 1000000}, daemon=True),
        service("ring-nop", restart={"policy": "always", "count": 30}),
    )
    assert run.status == PASS, str(run)
    assert starts(run, "leave") > 10


def test_daemons_that_call_each_other_end_together(start):
    ring = [
        service(f"d{i}", binary="visitor", daemon=True,
                caps=[CONSOLE, visit("ask-1", f"d{(i + 1) % 3}.counter")],
                exports=[{"name": "counter", "interface": KIND}])
        for i in range(3)
    ]  # fmt: skip
    run = start(*ring, service("leave", caps=[], restart={"policy": "always", "count": 50}))
    assert run.status == PASS, str(run)


# ---------------------------------------------------------------------------
# What the kernel says of those that it starts


def test_a_stall_is_not_laid_to_a_daemon(boot):
    run = boot(manifest(desk(daemon=True), service("wait", caps=[])))
    assert run.status == STALLED, str(run)
    run.says("wait (process 2): killed: it waits for completions")
    run.lacks("desk (process")
    assert "not as expected" not in row(run, "desk")


def test_nor_is_a_deadline(boot):
    run = boot(manifest(desk(daemon=True), service("spin", caps=[]), deadline=300))
    assert run.status == DEADLINE, str(run)
    run.says("spin (process 2): killed: the run's deadline has passed")
    run.lacks("desk (process")


# ---------------------------------------------------------------------------
# What services leave behind


SPAWNER = grant("spawner", "ProcessSpawner", "processSpawner")
MANY = {"frames": 4096, "capSlots": 4096, "processes": 8, "calls": 512}


def deserter(*grants, **fields):
    """Spawns programs, by grants named spawn-PROGRAM, and ends without them."""
    caps = [SPAWNER, *({**CONSOLE, "name": name} for name in grants)]
    return service("deserter", caps=caps, limits=MANY, **fields)


def desert(boot, *services, options=(), **params):
    """Boots services, with the programs that the deserter spawns among the binaries."""
    spawned = (service(name) for name in ("spin", "wait", "leave", "endpoint"))
    data = manifest(*services, *spawned, **params)
    data["services"] = list(services)
    return boot(data, *options)


@pytest.mark.parametrize("left", [["spin"], ["wait"], ["spin", "wait", "leave"]], ids="-".join)
@pytest.mark.parametrize("daemon", [False, True])
def test_processes_that_were_left_behind_end_with_the_run(boot, left, daemon):
    other = service("ring-nop", restart={"policy": "always", "count": 3})
    run = desert(boot, deserter(*(f"spawn-{program}" for program in left), daemon=daemon), other)
    assert run.status == PASS, str(run)


def test_one_that_is_being_spawned_is_not_started(boot):
    """By counted instructions: no tick comes in between, however slow the host is."""
    run = desert(boot, deserter("hurry"), options=["--icount"])
    assert run.status == PASS, str(run)


def test_the_deadline_ends_those_too(boot):
    run = desert(boot, deserter("spawn-spin", "spawn-leave"), service("spin", caps=[]), deadline=300)
    assert run.status == DEADLINE, str(run)
    run.lacks("leak:")


def test_a_stall_ends_those_too(boot):
    left = deserter("spawn-wait", "hurry")
    run = desert(boot, left, service("wait", caps=[]), options=["--icount"])
    assert run.status == STALLED, str(run)
    run.lacks("leak:")
