# SPDX-License-Identifier: MIT
"""The manifests in CUE and the check that their JSON agrees, in a tree of the test's own."""

import os
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


def check(tree, **environment):
    """Runs the check; skips where it says that there is nothing to evaluate CUE with."""
    done = subprocess.run(
        ["tools/check-cue.sh"], cwd=tree, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "CAPOS_CUE_CACHE": str(BUILD / "cue"), **environment},
    )  # fmt: skip
    if "skipped" in done.stdout and not environment:
        pytest.skip(done.stdout)
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
        ("ring: {", "rign: {"),
        ("sqEntries: 64", "sqEntries: -64"),
        ('name:   "measure"', 'name:   "Measure"'),
        ("#NullCap]", '#NullCap & {source: kernel: "console"}]'),
    ],
    ids=["field", "number", "name", "source"],
)
def test_what_the_definitions_refuse(tree, old, new):
    edit(tree / "system-measure.cue", old, new)
    run = check(tree)
    assert run.returncode == 1
    assert "system-measure.cue cannot be evaluated" in run.stderr


def test_skipped_without_evaluator(tree):
    path = tree / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    run = check(tree, PATH=str(path), CAPOS_CUE_CACHE=str(tree / "cache"))
    assert run.returncode == 0
    assert run.stdout == "check-cue: skipped: no CUE evaluator can be had here\n"
