# SPDX-License-Identifier: MIT
"""Services that serve each other: exports, imports, badges, restarts, daemons.

tests/programs/desk serves whatever it exports; tests/programs/visitor calls what it
imports, as the names of its grants say.
"""

import re

import pytest
from conftest import (
    CONSOLE,
    DEADLINE,
    FAILED,
    PASS,
    STALLED,
    manifest,
    service,
)

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
    (line,) = [line for line in run.lines if re.match(f"{name} .*[0-9]", line)]
    return line


def pids(run):
    return [int(pid) for pid in re.findall(r"answered by process (\d+)", run.text)]


AGAIN = {"policy": "onFailure", "count": 1}


def test_each_client_is_known_by_its_badge(boot):
    largest = f"0x{2**64 - 1:x}"
    run = boot(manifest(desk(), visitor(visit("ask-1", badge=7), visit("ask-2", badge=largest),
                                        visit("ask-3"), visit("end-0", badge=1))))  # fmt: skip
    assert run.status == PASS, str(run)
    for badge in (7, 2**64 - 1, 0, 1):
        run.says(f"answered by process 1, badge {badge}\n")


def test_a_client_may_come_before_its_server(boot):
    run = boot(manifest(visitor(visit("ask-1"), visit("end-0")), desk()))
    assert run.status == PASS, str(run)
    assert pids(run) == [2, 2]


def test_exports_of_one_service_are_endpoints_of_their_own(boot):
    run = boot(
        manifest(
            desk("desk", "a", "b"),
            visitor(
                visit("ask-1", "desk.a", 1), visit("ask-2", "desk.b", 2), visit("end-0", "desk.b")
            ),
        )
    )
    assert run.status == PASS, str(run)
    run.says("badge 1\n", "badge 2\n")


def test_a_service_may_import_from_itself_and_in_circles(boot):
    """Both are spawned; a visitor that owns an endpoint does not serve it, and calls elsewhere."""
    run = boot(
        manifest(
            desk(caps=[visit("own"), visit("back", "visitor.back")]),
            visitor(visit("ask-1"), visit("end-0"), exports=[{"name": "back", "interface": KIND}]),
        )
    )
    assert run.status == PASS, str(run)


def test_the_capset_holds_as_many_exports_as_it_has_room_for(boot):
    names = [f"e{number}" for number in range(63)]
    visits = [visit("ask-1", "desk.e7"), visit("end-0", "desk.e3")]
    run = boot(manifest(desk("desk", *names), visitor(*visits)))
    assert run.status == PASS, str(run)


@pytest.mark.parametrize("end", ["drop-9", "fault-1"])
def test_a_client_reaches_the_server_that_is_started_again(boot, end):
    visits = [visit("ask-1"), visit(end), visit("ask-2"), visit("end-0")]
    run = boot(manifest(desk(restart=AGAIN), visitor(*visits)))
    assert run.status == PASS, str(run)
    first, second, third = pids(run)
    assert first == 1 and second == third == 3
    assert row(run, "desk").split()[-1] == "2"


def test_a_server_that_has_ended_for_good_is_gone(boot):
    visits = [visit("end-3"), visit("gone-1"), visit("gone-2")]
    run = boot(manifest(desk(expect={"exited": 3}), visitor(*visits)))
    assert run.status == PASS, str(run)


def test_so_is_one_that_was_started_as_often_as_it_may(boot):
    run = boot(
        manifest(
            desk(restart=AGAIN, expect={"exited": 3}),
            visitor(visit("drop-1"), visit("ask-2"), visit("end-3"), visit("gone-1")),
        )
    )
    assert run.status == PASS, str(run)


def test_and_one_that_never_started(boot):
    reason = "the account that would be charged has no more"
    never = {"limits": {"frames": 4000000}, "expect": {"failedToStart": reason}}
    run = boot(manifest(visitor(visit("gone-1"), visit("gone-2")), desk(**never)))
    assert run.status == PASS, str(run)


def test_a_client_that_is_started_again_reaches_the_same_server(boot):
    run = boot(
        manifest(
            desk(daemon=True),
            visitor(visit("ask-1"), restart={"policy": "always", "count": 20}),
        )
    )
    assert run.status == PASS, str(run)
    assert pids(run) == [1] * 21


def test_a_client_that_is_started_again_finds_a_server_that_is_gone(boot):
    """It is born with its client facet though nobody else holds the endpoint any more."""
    run = boot(
        manifest(
            service(
                "desk", binary="leave", caps=[], exports=[{"name": "counter", "interface": KIND}]
            ),
            visitor(visit("gone-1"), restart={"policy": "always", "count": 3}),
        )
    )
    assert run.status == PASS, str(run)


def test_restarts_of_both_leave_nothing_behind(boot):
    again = {"policy": "always", "count": 100}
    run = boot(
        manifest(
            desk("desk", "a", "b", caps=[visit("own", "desk.a")], restart=again, daemon=True),
            visitor(visit("ask-1", "desk.a"), visit("end-0", "desk.b"), restart=again),
        )
    )
    assert run.status == PASS, str(run)
    assert len(pids(run)) == 202


# ---------------------------------------------------------------------------
# Daemons


def test_the_run_ends_though_a_daemon_waits_for_calls(boot):
    run = boot(manifest(desk(daemon=True), visitor(visit("ask-1"))))
    assert run.status == PASS, str(run)
    assert "killed" in row(run, "desk") and "not as expected" not in row(run, "desk")
    run.lacks("desk (process")


@pytest.mark.parametrize("program", ["wait", "spin"])
def test_whatever_a_daemon_does_does_not_hold_up_the_end(boot, program):
    run = boot(manifest(service(program, caps=[], daemon=True), service("leave", caps=[])))
    assert run.status == PASS, str(run)


def test_a_server_that_is_no_daemon_is_waited_for(boot):
    run = boot(manifest(desk(), visitor(visit("ask-1"))))
    assert run.status == STALLED, str(run)
    run.says("desk (process 1): killed: it waits for completions", "not as expected")


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


def test_a_daemon_that_fails_fails_the_run(boot):
    run = boot(manifest(desk(daemon=True), visitor(visit("drop-5"))))
    assert run.status == FAILED, str(run)
    run.says("desk (process 1): exited with code 5")


def test_a_daemon_may_end_by_itself_as_expected(boot):
    run = boot(manifest(desk(daemon=True), visitor(visit("end-0"))))
    assert run.status == PASS, str(run)
    assert "exited 0" in row(run, "desk")


def test_a_daemon_is_not_started_again_at_the_end_of_the_run(boot):
    """It may be between two starts when the last of the others ends, or in one of them."""
    again = {"policy": "always", "count": 1000000}
    run = boot(manifest(service("leave", caps=[], restart=again, daemon=True),
                        service("ring-nop", restart={"policy": "always", "count": 30})))  # fmt: skip
    assert run.status == PASS, str(run)
    assert int(row(run, "leave").split()[-1]) > 10


def test_daemons_that_call_each_other_end_together(boot):
    ring = [
        service(f"d{i}", binary="visitor", daemon=True,
                caps=[CONSOLE, visit("ask-1", f"d{(i + 1) % 3}.counter")],
                exports=[{"name": "counter", "interface": KIND}])
        for i in range(3)
    ]  # fmt: skip
    again = {"policy": "always", "count": 50}
    run = boot(manifest(*ring, service("leave", caps=[], restart=again)))
    assert run.status == PASS, str(run)
