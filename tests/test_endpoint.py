# SPDX-License-Identifier: MIT
"""Endpoints and transfers, by raw entries (tests/programs/endpoint)."""

import itertools

import pytest
from conftest import CONSOLE, PASS, manifest, service

ENDPOINTS = {
    "name": "endpoints",
    "interface": "EndpointFactory",
    "source": {"kernel": "endpointFactory"},
}
SPAWNER = {
    "name": "spawner",
    "interface": "ProcessSpawner",
    "source": {"kernel": "processSpawner"},
}
FAULTS = {
    "name": "faults",
    "interface": "FaultInjector",
    "source": {"kernel": "faultInjector"},
}
MEMORY = {"name": "memory", "interface": "VirtualMemory", "source": {"kernel": "virtualMemory"}}


INTERFACE = "0xe4d9017a2c6b35f8"


def player(name, *caps, **fields):
    fields.setdefault("limits", {"frames": 1024, "capSlots": 96})
    return service(name, "endpoint", [CONSOLE, ENDPOINTS, MEMORY, *caps], **fields)


def export(name):
    return {"name": name, "interface": INTERFACE}


def client(name, server, exported):
    return {**export(name), "source": {"service": server, "export": exported}}


@pytest.mark.parametrize("area", [16384, 524288])
@pytest.mark.parametrize("entries", [32, 256])
def test_one_process_on_both_sides(boot, entries, area):
    """With all messages outside the message area, and with all inside."""
    run = boot(manifest(player("endpoint", ring={"cqEntries": entries, "areaBytes": area})))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


@pytest.mark.parametrize("entries", [4, 64])
def test_equally_long_queues_have_nothing_in_flight(boot, entries):
    ring = {"sqEntries": entries, "cqEntries": entries}
    run = boot(manifest(player("endpoint", ring=ring)))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


def test_calls_that_the_kernel_answers_later(boot):
    """Waits for processes that end only when they are killed."""
    limits = {"frames": 2048, "capSlots": 1024, "processes": 4, "calls": 256}
    data = manifest(player("endpoint", SPAWNER, limits=limits), service("wait"))
    del data["services"][1]
    run = boot(data)
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


def test_an_allocation_that_fails_harms_nobody(boot):
    run = boot(manifest(player("endpoint", FAULTS, limits={"frames": 1024, "capSlots": 256})))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


@pytest.mark.parametrize("area", [16384, 524288])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_whoever_dies_the_others_are_told_once(boot, order, area):
    """The victim faults with calls in service and waiting; later the server ends likewise."""
    parts = [
        player("server", exports=[export("stage")], ring={"areaBytes": area}),
        player(
            "victim",
            client("fall", "server", "stage"),
            exports=[export("heart")],
            expect={"faulted": {"vector": 6}},
            ring={"areaBytes": area},
        ),
        player(
            "lead",
            client("lead", "server", "stage"),
            client("pulse", "victim", "heart"),
            limits={"frames": 1024, "capSlots": 256},
            ring={"areaBytes": area},
        ),
    ]
    run = boot(manifest(*(parts[i] for i in order)))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


@pytest.mark.parametrize("pairs", [1, 3])
def test_calls_without_a_pause_starve_nobody(boot, pairs):
    """Servers and callers hand the processor to each other; who only computes gets its turns."""
    stages = [f"server-{i}" for i in range(pairs)]
    services = []
    for stage in stages:
        services += [
            player(stage, exports=[export("stage")], daemon=True),
            player(f"caller-of-{stage}", client("rally", stage, "stage")),
            player(f"spinner-of-{stage}", client("spin", stage, "stage")),
        ]
    run = boot(manifest(*services, deadline=30000))
    assert run.status == PASS, str(run)


def test_receiving_long_messages_lets_others_run_in_between(boot):
    """Two receive long messages, eight in one batch, and write a line behind each."""
    sides = ["left", "right"]
    run = boot(manifest(*(player(side, {**CONSOLE, "name": side}) for side in sides)))
    assert run.status == PASS, str(run)
    runs = [(line, len(list(group))) for line, group in itertools.groupby(run.lines)]
    for side in sides:
        assert (side, 1) in runs, str(runs)
