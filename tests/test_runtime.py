# SPDX-License-Identifier: MIT
"""What the runtime notices of a program's own mistakes, and how it says so."""

import pytest
from conftest import CONSOLE, KERNEL, PASS, make_manifest, manifest, qemu_run, service

RT_EXIT_PANIC = 101

BLUNDERS = {
    "free-twice": "the block is free already",
    "free-foreign": "the pointer is not a block of the heap",
    "write-past-the-end": "the block was written past its end",
    "need-unknown": 'no capability named "no-such-name" was granted',
    "need-other-type": 'the capability "need-other-type" is not of interface 0x9b7d20f3e81c5a64',
    "assert-falsehood": "assertion failed: rt_capset()->count == 2",
    "panic-in-disorder": "the ring is in disorder, and this line is not",
    "panic-at-length": "0000000000",
}


@pytest.fixture(name="blunders_run", scope="module")
def blunders_run_fixture(tmp_path_factory):
    services = [
        service(name, "blunder", [{**CONSOLE, "name": name}], expect={"exited": RT_EXIT_PANIC})
        for name in BLUNDERS
    ]
    path = tmp_path_factory.mktemp("blunders") / "manifest.bin"
    return qemu_run("--kernel", KERNEL, "--manifest", make_manifest(manifest(*services), path))


def test_every_blunder_ends_in_a_panic(blunders_run):
    assert blunders_run.status == PASS, str(blunders_run)


@pytest.mark.parametrize("sentence", BLUNDERS.values())
def test_the_panic_says_what_was_wrong(blunders_run, sentence):
    lines = [line for line in blunders_run.lines if sentence in line]
    assert len(lines) == 1, str(blunders_run)
    assert "panic" in lines[0]
