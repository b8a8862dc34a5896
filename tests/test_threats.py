# SPDX-License-Identifier: MIT
"""Attacks of docs/threats.md that no other test tries in full (tests/programs/threat), and
that the page is true: tools/check-threats.
"""

import re

from conftest import CONSOLE, NULL_CAP, PASS, grant, manifest, service


def attack(name):
    caps = [
        {**CONSOLE, "name": name},
        NULL_CAP,
        grant("memory", "VirtualMemory", "virtualMemory"),
        grant("endpoints", "EndpointFactory", "endpointFactory"),
        grant("capabilities", "CapabilityManager", "capabilityManager"),
    ]
    return service("threat", caps=caps, limits={"frames": 1024, "calls": 64})


def test_t05_a_buffer_of_each_length_at_each_kind_of_place(boot):
    """T-05; what each must come to is worked out first."""
    run = boot(manifest(attack("buffers"), service("ring-nop")))
    assert run.status == PASS, str(run)
    assert int(re.search(r"threat: (\d+) buffers", run.text).group(1)) > 2000


def test_t11_circles_of_endpoints_end_with_their_makers(boot):
    """T-11; the last of them are left behind by their maker."""
    run = boot(manifest(attack("circles")))
    assert run.status == PASS, str(run)
    run.says("threat: 10000 circles", "threat: pass")
    run.lacks("leak:")
