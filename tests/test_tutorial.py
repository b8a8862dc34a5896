# SPDX-License-Identifier: MIT
"""docs/tutorial.md, done by the letter in a copy of the tree, and `make new-service`."""

import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT

PAGE = (ROOT / "docs/tutorial.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

# What of build/ a copy of the tree begins with; it is good wherever the tree lies.
BUILT = ("flags", "gen", "host", "kernel", "user", "kernel.elf")

# What evaluates CUE. Nothing on the page may need it.
EVALUATORS = ("cue", "node", "npm")


@pytest.fixture(name="tree")
def tree_fixture(tmp_path):
    """A copy of the tree, with a PATH that has no evaluator of CUE, as a function that runs a script."""
    copy = tmp_path / "capos"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns("build", ".git", "__pycache__", ".cache"), symlinks=True
    )
    for name in BUILT:
        if (BUILD / name).is_dir():
            shutil.copytree(BUILD / name, copy / "build" / name)
        else:
            shutil.copy2(BUILD / name, copy / "build" / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in EVALUATORS:
        (tools / name).write_text("#!/bin/sh\necho 'there is no evaluator of CUE' >&2\nexit 1\n")
        (tools / name).chmod(0o755)

    def run(script):
        env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        env |= {"SETUP": "no", "PATH": f"{tools}:{env['PATH']}", "CAPOS_CUE_CACHE": str(BUILD / "cue")}
        env.pop("MFLAGS", None)
        env.pop("CAPOS_KERNEL", None)  # the page speaks of the one that it builds
        env.pop("PYTEST_XDIST_WORKER", None)
        return subprocess.run(
            ["bash", "-ec", script], cwd=copy, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
            errors="replace",
        )  # fmt: skip

    run.path = copy
    return run


def uncounted(text):
    """Without numbers of instructions, and of calls and frames, which change with the kernel."""
    return re.sub(r"\d+ instructions|(?: +\d+){3}\r?$", "N", text, flags=re.MULTILINE)


def works(done):
    assert done.returncode == 0, done.stdout
    return done.stdout


def in_form(tree, name):
    """That the checks of the tree have nothing to say of a service."""
    works(tree(f"clang-format --dry-run --Werror demos/{name}/main.c demos/{name}-client/main.c"))
    works(tree("make check-style && tools/check-generated-capnp.sh"))


def test_the_page_is_true(tree):
    """Its commands work, in order, and print what it says that they print."""
    assert COMMANDS[0] == "make run\n"
    said = "".join(works(tree(command)) for command in COMMANDS)
    said += (tree.path / "build/graph/system-hello.txt").read_text()
    shown = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
    assert len(shown) > 10
    for line in shown:
        assert uncounted(line) in uncounted(said), f"{line}\n--\n{said}"
    # What was laid down and changed is as the checks of the tree want it.
    in_form(tree, "hello")


def test_a_name_of_two_words(tree):
    """And what was laid down is in form, agrees with its CUE, and is laid down once."""
    files = works(tree("make new-service NAME=a-longer-name-for-this-1"))
    works(tree("make test-service NAME=a-longer-name-for-this-1"))
    in_form(tree, "a-longer-name-for-this-1")
    first = json.loads((tree.path / "system-a-longer-name-for-this-1.json").read_text())
    assert first["services"][0]["caps"] == []
    again = tree("make new-service NAME=a-longer-name-for-this-1")
    assert again.returncode != 0
    assert "there is demos/schema/a-longer-name-for-this-1.capnp already" in again.stdout
    assert "tests/test_a_longer_name_for_this_1.py" in files
    # The evaluator that there is, if there is one: with the PATH as it was.
    agreed = tree("PATH=${PATH#*:}; tools/cue/export.sh system-a-longer-name-for-this-1.cue")
    if agreed.returncode != 3:
        assert works(agreed) == (tree.path / "system-a-longer-name-for-this-1.json").read_text()


REFUSED = {
    "": "say what the service is to be called: make new-service NAME=hello",
    "Hello": '"Hello" will not do: a name has small letters and digits',
    "9lives": "the first character is a letter",
    "a--b": 'joined by single "-"',
    "a_b": "will not do",
    "../up": "will not do",
    "two words": "will not do",
    "it's": "will not do",
    "$(id)": "will not do",
    "a" * 25: "has 25 characters; 24 is the most",
    "while": '"while" is taken',
    "capos": '"capos" is taken',
    "smoke": "there is rt/smoke already",
    "spin": "there is tests/programs/spin already",
    "ipc": "there is demos/ipc-client/main.c already",
    "depot": "there is demos/schema/depot.capnp already",
    "measure": "there is system-measure.cue already",
    "boot": "there is tests/test_boot.py already",
    "init": "there is tests/test_init.py already",
}


def listing(path):
    return sorted(str(one) for one in path.rglob("*") if "build" not in one.parts)


def test_a_name_that_will_not_do_is_refused_in_words(tree):
    before = listing(tree.path)
    for name, sentence in REFUSED.items():
        plugin = BUILD / "host/capnpc-capos"
        done = tree(f"NAME={json.dumps(name).replace('$', chr(92) + '$')}; "
                    f'tools/new-service/new-service "$NAME" {plugin}')  # fmt: skip
        assert done.returncode in (1, 2), f"{name}: {done.stdout}"
        assert sentence in done.stdout, f"{name}: {done.stdout}"
        assert len(done.stdout.splitlines()) == 1
    assert listing(tree.path) == before
    by_make = tree('make new-service NAME="it\'s"')
    assert by_make.returncode != 0 and "will not do" in by_make.stdout
    no_plugin = tree("tools/new-service/new-service fine /bin/false")
    assert no_plugin.returncode == 1
    assert "the schema could not be compiled" in no_plugin.stdout
    assert listing(tree.path) == before
    no_name = tree("make test-service")
    assert no_name.returncode != 0
    assert "say which: make test-service NAME=hello" in no_name.stdout
