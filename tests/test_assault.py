# SPDX-License-Identifier: MIT
"""Programs that throw everything they have at the ring, each with its own seed and ring."""

import pytest
from conftest import CONSOLE, NULL_CAP, PASS, manifest, service

RINGS = {
    "least": {"sqEntries": 2, "cqEntries": 4, "areaBytes": 1024},
    "default": {"sqEntries": 16, "cqEntries": 32, "areaBytes": 16384},
    "square": {"sqEntries": 64, "cqEntries": 64, "areaBytes": 4096},
    "most": {"sqEntries": 1024, "cqEntries": 4096, "areaBytes": 524288},
}


def assailant(seed, ring):
    spares = [{**(CONSOLE if i % 4 == 0 else NULL_CAP), "name": f"spare-{i}"} for i in range(16)]
    caps = [{**NULL_CAP, "name": f"{ring}-{seed}"}, CONSOLE, *spares]
    return service(f"assault-{ring}-{seed}", "assault", caps, ring=RINGS[ring])


@pytest.mark.parametrize("seed", range(2))
def test_an_assault_hurts_nobody(boot, seed):
    services = [assailant(seed, ring) for ring in RINGS]
    run = boot(manifest(*services, service("ring-nop")))
    assert run.status == PASS, str(run)
    assert run.text.count("assault: pass") == len(RINGS), str(run)
    run.says("ring-nop", "exited 0")
