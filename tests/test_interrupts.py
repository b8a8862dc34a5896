# SPDX-License-Identifier: MIT
"""For how many instructions interrupts are off (tools/profile/interrupts.c), and that
there is a bound (T-18)."""

import re

import pytest
from conftest import BUILD, CONSOLE, PASS, grant, manifest, service
from hostile import campaign
from test_limits import LIMITS

# One call may zero and map so many pages, at no more than that each; nothing else that the
# kernel does in one go takes as long.
PER_PAGE = 425
LONGEST = LIMITS["MEMORY_PAGES_MAX"] * PER_PAGE + 10000

MOST = service(
    "longest",
    caps=[
        CONSOLE,
        grant("memory", "VirtualMemory", "virtualMemory"),
        grant("frames", "FrameAllocator", "frameAllocator"),
        grant("endpoints", "EndpointFactory", "endpointFactory"),
    ],
    ring={"sqEntries": 1024, "cqEntries": 4096, "areaBytes": 16384},
    limits={"frames": 4096, "calls": 4096},
)

RUNS = {
    "most": manifest(MOST, service("ring-nop")),
    "campaign": campaign(11, 20000, faults=False),
}


@pytest.mark.measures
@pytest.mark.parametrize("what", RUNS)
def test_interrupts_are_off_for_a_bounded_time(boot, tmp_path, what):
    out = tmp_path / "interrupts"
    plugin = f"{BUILD / 'profile/interrupts.so'},out={out}"
    run = boot(RUNS[what], "--icount", "--plugin", plugin, timeout=300)
    assert run.status == PASS, str(run)
    longest = int(re.search(r"^longest (\d+)$", out.read_text(), re.M).group(1))
    print(f"{what}: interrupts were off for {longest} instructions at most, of {LONGEST}")
    assert 1000 < longest <= LONGEST
