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
    "cap_enter": 85,
    "nop": 226,
    "nop-32": 84,
    "raw-ping": 360,
    "raw-ping-32": 218,
    "ping": 400,
    "ping-32": 276,
    "add": 475,
    "add-32": 347,
    "echo": 587,
    "echo-32": 463,
    "ipc-ping": 1040,
    "ipc-ping-32": 760,
    "ipc-add": 1145,
    "ipc-echo": 1256,
    "ipc-echo-32": 977,
    "ipc-1k": 2436,
    "ipc-4k": 4040,
    "ipc-move": 2512,
    "copy-release": 1811,
    "page": 4871,
    "spawn": 49700,
}


@pytest.fixture(name="costs", scope="module")
def costs_fixture():
    """Median cost by the name of the operation."""
    run = qemu_run(
        "--icount", "--kernel", KERNEL, "--manifest", BUILD / "system-measure.bin", timeout=300
    )
    assert run.status == PASS, str(run)
    rows = re.findall(r"^R (\S+) min \S+ med (\S+) max \S+ ops \d+$", run.text, re.MULTILINE)
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
