# SPDX-License-Identifier: MIT
"""Endpoints and transfers, by raw entries (tests/programs/endpoint)."""

import pytest
from conftest import CONSOLE, PASS, manifest, service

ENDPOINTS = {
    "name": "endpoints",
    "interface": "EndpointFactory",
    "source": {"kernel": "endpointFactory"},
}
MEMORY = {"name": "memory", "interface": "VirtualMemory", "source": {"kernel": "virtualMemory"}}


def player(name, **fields):
    fields.setdefault("limits", {"frames": 1024, "capSlots": 96})
    return service(name, "endpoint", [CONSOLE, ENDPOINTS, MEMORY], **fields)


@pytest.mark.parametrize("entries", [32, 256])
def test_one_process_on_both_sides(boot, entries):
    run = boot(manifest(player("endpoint", ring={"cqEntries": entries})))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")


@pytest.mark.parametrize("entries", [4, 64])
def test_equally_long_queues_have_nothing_in_flight(boot, entries):
    ring = {"sqEntries": entries, "cqEntries": entries}
    run = boot(manifest(player("endpoint", ring=ring)))
    assert run.status == PASS, str(run)
    run.says("endpoint: pass")
