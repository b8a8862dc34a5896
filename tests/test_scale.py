# SPDX-License-Identifier: MIT
"""Often, and many at once: nothing is left behind, nothing gets slower, and nobody
notices what another runs out of.

CYCLES says how many processes are spawned, called and reaped (tests/programs/cycles).
"""

import os

from conftest import CONSOLE, PASS, manifest, service

CYCLES = int(os.environ.get("CYCLES", "2000"))


def grant(name, interface, kernel):
    return {"name": name, "interface": interface, "source": {"kernel": kernel}}


SPAWNER = grant("spawner", "ProcessSpawner", "processSpawner")
ENDPOINTS = grant("endpoints", "EndpointFactory", "endpointFactory")
MANAGER = grant("capabilities", "CapabilityManager", "capabilityManager")


def test_cycles_of_spawn_call_transfer_and_exit_leave_nothing(boot):
    """The program compares what it uses, and the end of the run all that there is."""
    cycles = service(
        "cycles",
        caps=[{**CONSOLE, "name": str(CYCLES)}, SPAWNER, ENDPOINTS, MANAGER],
        limits={"frames": 2048, "processes": 8, "calls": 256},
    )
    run = boot(manifest(cycles), timeout=60 + CYCLES / 20)
    assert run.status == PASS, str(run)
    run.says(f"cycles: {CYCLES} times", "cycles: pass", "capos: passed")
    run.lacks("leak:")


def test_who_never_enters_the_kernel_again_gets_what_it_asked_for(boot):
    """The timer runs while there is work, though nobody but the one who asked is ready."""
    limits = {"frames": 2048, "processes": 1, "calls": 64}
    run = boot(manifest(service("impatient", caps=[CONSOLE, SPAWNER], limits=limits)))
    assert run.status == PASS, str(run)
    run.says("impatient: pass")
