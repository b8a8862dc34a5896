# SPDX-License-Identifier: MIT
"""What the Cap'n Proto runtime promises of its size and of a small call's cost."""

import re
import shutil
import subprocess

import pytest
from conftest import BUILD

CORE = ["read", "build", "grow", "copy"]
CORE_TEXT_MAX = 16 * 1024
CALL_MAX = 90
FEW, MANY = 10, 1010


def test_reader_and_builder_are_small():
    objects = [str(BUILD / "user/lib/capnp" / f"{name}.o") for name in CORE]
    done = subprocess.run(["size", *objects], stdout=subprocess.PIPE, text=True, check=True)
    texts = [int(line.split()[0]) for line in done.stdout.splitlines()[1:]]
    assert len(texts) == len(CORE)
    assert 0 < sum(texts) <= CORE_TEXT_MAX


def test_nothing_is_allocated():
    """What the runtime calls is itself, and what any compiler may call: no memory comes from anywhere."""
    objects = sorted(str(path) for path in (BUILD / "user/lib/capnp").glob("*.o"))
    done = subprocess.run(["nm", *objects], stdout=subprocess.PIPE, text=True, check=True)
    symbols = [line.split()[-2:] for line in done.stdout.splitlines() if line and not line.endswith(":")]
    defined = {name for kind, name in symbols if kind != "U"}
    wanted = {name for kind, name in symbols if kind == "U"}
    assert len(objects) > 10
    assert wanted - defined <= {"memcpy", "memmove", "memset", "memcmp"}


def instructions(row, function):
    """Of one call of the function, as bench/capnp/ours makes it for the row."""
    counts = []
    for operations in (FEW, MANY):
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
             f"--toggle-collect={function}*", BUILD / "host/bench/capnp/ours", row, str(operations)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True, timeout=300,
        )  # fmt: skip
        counts.append(int(re.search(r"Collected : (\d+)", done.stderr).group(1)))
    return (counts[1] - counts[0]) / (MANY - FEW)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
def test_a_small_call_is_built_and_checked_in_few_instructions():
    """A UInt64 and 16 bytes of Data."""
    built = instructions("call-build", "build_call")
    checked = instructions("call-check", "check_call")
    assert built > 0 and checked > 0
    assert built + checked <= CALL_MAX, f"{built} + {checked}"
