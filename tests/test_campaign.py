# SPDX-License-Identifier: MIT
"""Processes that fight each other (tests/programs/campaign).

Longer, with seeds of one's own:

    make test-parts && CAMPAIGN_ENTRIES=5000000 CAMPAIGN_SEEDS=7,8 pytest tests/test_campaign.py
"""

import os
import re

import pytest
from conftest import CONSOLE, DEADLINE, NULL_CAP, PASS, manifest, service

ENTRIES = int(os.environ.get("CAMPAIGN_ENTRIES", "30000"))
SEEDS = [int(seed) for seed in os.environ.get("CAMPAIGN_SEEDS", "1,2").split(",")]


def grant(name, interface, kernel):
    return {"name": name, "interface": interface, "source": {"kernel": kernel}}


def campaign(seed, entries, faults):
    caps = [
        CONSOLE,
        {**NULL_CAP, "name": f"seed-{seed}"},
        {**NULL_CAP, "name": f"entries-{entries}"},
        grant("memory", "VirtualMemory", "virtualMemory"),
        grant("spawner", "ProcessSpawner", "processSpawner"),
        grant("endpoints", "EndpointFactory", "endpointFactory"),
        grant("frames", "FrameAllocator", "frameAllocator"),
        grant("capabilities", "CapabilityManager", "capabilityManager"),
    ]
    if faults:
        caps.append(grant("faults", "FaultInjector", "faultInjector"))
    limits = {"frames": 8192, "capSlots": 8192, "processes": 64, "calls": 16384}
    general = service("general", "campaign", caps, limits=limits, ring={"areaBytes": 65536})
    data = manifest(general, service("leave"), deadline=60000 + entries)
    del data["services"][1]
    return data


@pytest.mark.parametrize("seed", SEEDS)
def test_a_campaign_leaves_the_kernel_standing(boot, seed):
    run = boot(campaign(seed, ENTRIES, seed % 2 == 0), timeout=120 + ENTRIES // 500)
    assert run.status == PASS, str(run)
    run.says("campaign: pass")
    run.lacks("leak:")
    for row in ["call client", "call Endpoint", "RECV", "RETURN", "CANCEL", "RELEASE"]:
        assert re.search(rf"campaign: {row}: done [1-9]", run.text), str(run)


@pytest.mark.parametrize("deadline", [300, 900])
def test_a_campaign_recounts_at_whatever_moment_it_is_stopped(boot, deadline):
    data = campaign(deadline, 1000000, faults=deadline > 500)
    run = boot({**data, "kernelParams": {"deadline": deadline}})
    assert run.status == DEADLINE, str(run)
    run.lacks("leak:")
