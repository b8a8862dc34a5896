# SPDX-License-Identifier: MIT
"""The manifests in CUE and the check that their JSON agrees, in a tree of the test's own."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT

TOOLS = ("sh", "dirname", "cmp", "cat", "mktemp", "rm", "diff", "python3")


@pytest.fixture(name="tree")
def tree_fixture(tmp_path):
    """What the check looks at: the tools and the measuring manifest."""
    (tmp_path / "tools").mkdir()
    shutil.copytree(ROOT / "tools/cue", tmp_path / "tools/cue")
    shutil.copy(ROOT / "tools/check-cue.sh", tmp_path / "tools")
    for name in ("system-measure.cue", "system-measure.json"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def check(tree, *options, **environment):
    """Runs the check; skips where there is nothing to evaluate CUE with."""
    done = subprocess.run(
        ["tools/check-cue.sh", *options], cwd=tree, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "CAPOS_CUE_CACHE": str(BUILD / "cue"), **environment},
    )  # fmt: skip
    if ("skipped" in done.stdout or done.returncode == 3) and not environment:
        pytest.skip(done.stdout + done.stderr)
    return done


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_agreement(tree):
    run = check(tree)
    assert run.returncode == 0
    assert run.stdout == "check-cue: system-measure.json agrees with system-measure.cue\n"


def test_edited_json(tree):
    edit(tree / "system-measure.json", "128", "256")
    run = check(tree)
    assert run.returncode == 1
    assert "system-measure.json is not what system-measure.cue evaluates to" in run.stderr


def test_missing_json(tree):
    (tree / "system-measure.json").unlink()
    run = check(tree)
    assert run.returncode == 1
    assert "system-measure.json is missing" in run.stderr


@pytest.mark.parametrize(
    "old, new",
    [
        ("ring: #Room", "rign: #Room"),
        ("sqEntries: 64", "sqEntries: -64"),
        ('name:   "measure"', 'name:   "Measure"'),
        ("#NullCap, ", '#NullCap & {source: kernel: "console"}, '),
    ],
    ids=["field", "number", "name", "source"],
)
def test_what_the_definitions_refuse(tree, old, new):
    edit(tree / "system-measure.cue", old, new)
    run = check(tree)
    assert run.returncode == 1
    assert "system-measure.cue cannot be evaluated" in run.stderr


def test_an_interface_may_be_an_id(tree):
    edit(tree / "system-measure.cue", 'interface: "NullCap"', 'interface: "0x9b7d20f3e81c5a64"')
    run = check(tree, "--write")
    assert run.returncode == 0, run.stderr
    assert '"interface": "0x9b7d20f3e81c5a64"' in (tree / "system-measure.json").read_text()


def test_written_again(tree):
    before = (tree / "system-measure.json").read_text()
    edit(tree / "system-measure.cue", "sqEntries: 64", "sqEntries: 32")
    assert check(tree, "--write").returncode == 0
    assert (tree / "system-measure.json").read_text() != before
    assert check(tree).returncode == 0


def test_what_cannot_be_evaluated_leaves_its_json(tree):
    before = (tree / "system-measure.json").read_text()
    edit(tree / "system-measure.cue", "ring: #Room", "rign: #Room")
    assert check(tree, "--write").returncode == 1
    assert (tree / "system-measure.json").read_text() == before


@pytest.fixture(name="no_evaluator")
def no_evaluator_fixture(tree):
    """The environment of a machine without cue and npm."""
    path = tree / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    return {"PATH": str(path), "CAPOS_CUE_CACHE": str(tree / "cache")}


def test_not_written_without_evaluator(tree, no_evaluator):
    before = (tree / "system-measure.json").read_text()
    run = check(tree, "--write", **no_evaluator)
    assert run.returncode == 3
    assert "install cue, or npm, or make the same change in system-measure.json" in run.stderr
    assert (tree / "system-measure.json").read_text() == before


def test_skipped_without_evaluator(tree, no_evaluator):
    run = check(tree, **no_evaluator)
    assert run.returncode == 0
    assert run.stdout == "check-cue: skipped: no CUE evaluator can be had here\n"


@pytest.mark.parametrize(
    "definition, enum",
    [("#KernelObject:", "KernelObject"), ("starter?:", "Starter"), ("policy:", "Policy")],
)
def test_the_definitions_know_every_name_of_the_schema(definition, enum):
    schema = (ROOT / "schema/capos.capnp").read_text()
    cue = (ROOT / "tools/cue/manifest.cue").read_text()
    (body,) = re.findall(rf"enum {enum} {{(.*?)}}", schema, re.S)
    (line,) = re.findall(rf"^\s*{re.escape(definition)}(.*)$", cue, re.M)
    assert re.findall(r'"(\w+)"', line) == re.findall(r"^\s*(\w+) @\d+;", body, re.M)


def test_the_usual_grants_are_named_for_their_objects():
    cue = (ROOT / "tools/cue/manifest.cue").read_text()
    grants = re.findall(
        r'^#(\w+): #Grant & {.*?interface: "(\w+)"\n\tsource: kernel: "(\w+)"', cue, re.M | re.S
    )
    assert len(grants) == 8
    for definition, interface, source in grants:
        assert definition == interface
        assert definition == source[0].upper() + source[1:]
