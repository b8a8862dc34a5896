# SPDX-License-Identifier: MIT
"""What the basic operations may cost, in guest instructions, exactly counted.

The limits are promises, not measurements: `make bench` prints the measurements.
"""

import re

import pytest
from conftest import BUILD, KERNEL, PASS, qemu_run

LIMITS = {
    "cap_enter": 100,
    "ping": 500,
    "ping-32": 350,
    "add": 500,
    "add-32": 350,
}


@pytest.fixture(name="costs", scope="module")
def costs_fixture():
    """Median cost by the name of the operation."""
    run = qemu_run(
        "--icount", "--kernel", KERNEL, "--manifest", BUILD / "system-measure.bin", timeout=300
    )
    assert run.status == PASS, str(run)
    rows = re.findall(r"^R (\S+) min \S+ med (\S+) max \S+$", run.text, re.MULTILINE)
    return {name: float(cost) for name, cost in rows}


def test_the_loop_of_two_instructions_takes_two(costs):
    """Otherwise the clock does not count instructions, and no other row means anything."""
    assert costs["loop"] == 2.00


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_an_operation_costs_no_more_than_promised(costs, name):
    assert costs[name] <= LIMITS[name]
