# SPDX-License-Identifier: MIT
"""What the basic operations may cost, in guest instructions, exactly counted.

The limits are promises, not measurements: `make bench` prints the measurements.
"""

import re
import subprocess
import sys

import pytest
from conftest import BUILD, KERNEL, PASS, ROOT, qemu_run

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


@pytest.fixture(name="messages", scope="module")
def messages_fixture():
    """Cost with this tree's Cap'n Proto and with the stock library, by the name of the row."""
    programs = [BUILD / "host/bench/capnp" / name for name in ("ours", "theirs")]
    done = subprocess.run(
        [sys.executable, ROOT / "tools/bench-capnp", *programs],
        stdout=subprocess.PIPE, text=True, check=True, timeout=300,
    )  # fmt: skip
    rows = re.findall(r"^C (\S+) +([\d.]+) +([\d.]+) ", done.stdout, re.MULTILINE)
    return {name: (float(ours), float(theirs)) for name, ours, theirs in rows}


@pytest.mark.parametrize("name", ["small-build", "small-read", "large-build", "large-read"])
def test_a_message_costs_no_more_than_with_the_stock_library(messages, name):
    ours, theirs = messages[name]
    assert 0 < ours <= theirs
