# SPDX-License-Identifier: MIT
"""What the runtime notices of a program's own mistakes, and that its manual page is true."""

import pytest
from conftest import CONSOLE, KERNEL, PASS, ROOT, make_manifest, manifest, qemu_run, service

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


PAGE = (ROOT / "docs/runtime.md").read_text()


def without_head(name):
    """A program of tests/programs behind its licence line and first comment."""
    return (ROOT / "tests/programs" / name / "main.c").read_text().split("*/\n", 1)[1].strip("\n")


@pytest.mark.parametrize("name", ["label-server", "label-client"])
def test_the_page_shows_the_programs_that_are_tested(name):
    assert f"```c\n{without_head(name)}\n```\n" in PAGE


def test_a_server_is_a_dozen_lines():
    """Its main and its handler, without includes, blank lines and brackets."""
    lines = [line.strip() for line in without_head("label-server").splitlines()]
    code = [line for line in lines if line not in ("", "{", "}") and line[0] != "#"]
    assert len(code) <= 14


def test_the_server_on_the_page_serves(tmp_path):
    export = [{"name": "labelled", "interface": "Console"}]
    source = {"service": "server", "export": "labelled"}
    labelled = {"name": "console", "interface": "Console", "source": source}
    clients = [
        service(f"client-{badge}", "label-client", [{**labelled, "badge": badge}])
        for badge in (7, 4711)
    ]
    data = manifest(service("server", "label-server", exports=export, daemon=True), *clients)
    run = qemu_run("--kernel", KERNEL, "--manifest", make_manifest(data, tmp_path / "m.bin"))
    assert run.status == PASS, str(run)
    assert "client 7: hello" in run.lines
    assert "client 4711: hello" in run.lines
