# SPDX-License-Identifier: MIT
"""The budget of what operations cost is kept: `make bench-check` compares what was measured
with it (tools/bench/budget), and this is about what that finds."""

import json
import re
import subprocess
import sys

import pytest
from conftest import NULL_CAP, PASS, ROOT

pytestmark = pytest.mark.measures

COSTS = {"cap_enter": 83.01, "echo": 575.01, "spawn": 48707.43}


def write_output(path, costs, loop=2.0):
    lines = [f"R {name} min {c} med {c} max {c} ops 3200" for name, c in costs.items()]
    path.write_text("\n".join(["booted", f"R loop min {loop} med {loop} max {loop} ops 3200", *lines]))


def write_budget(path, costs, tolerance=1):
    lines = [f"{name} {cost} {tolerance}" for name, cost in costs.items()]
    path.write_text("\n".join(["# A budget.", *lines]) + "\n")


@pytest.fixture(name="budget")
def budget_fixture(tmp_path):
    """Runs the tool on these costs, with options, against the budget of COSTS."""
    write_budget(tmp_path / "budget", COSTS)

    def budget(costs, *options, loop=2.0):
        write_output(tmp_path / "output", costs, loop)
        return subprocess.run(
            [sys.executable, ROOT / "tools/bench/budget", *options,
             tmp_path / "output", tmp_path / "budget"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    budget.path = tmp_path / "budget"
    return budget


def changed(factor):
    return {**COSTS, "echo": round(COSTS["echo"] * factor, 2)}


def test_what_costs_as_much_as_the_budget_says_passes(budget):
    run = budget(COSTS)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("factor", [0.985, 1.009])
def test_a_small_difference_is_tolerated(budget, factor):
    assert budget(changed(factor)).returncode == 0


def test_a_row_three_percent_slower_fails(budget):
    run = budget(changed(1.03))
    assert run.returncode == 1
    assert "echo: 592.26 instructions, budget 575.01 (+3.0 %): more than 1 % above" in run.stderr


def test_a_row_three_percent_faster_fails_unless_rows_may_fall(budget):
    run = budget(changed(0.97))
    assert run.returncode == 1
    assert "echo: 557.76 instructions, budget 575.01 (-3.0 %): it costs less now" in run.stderr
    assert budget(changed(0.97), "--may-fall").returncode == 0


def test_rows_that_only_one_side_has_fail(budget):
    run = budget({"cap_enter": 83.01, "echo": 575.01, "page": 4775.01})
    assert run.returncode == 1
    assert "spawn: is in the budget and was not measured" in run.stderr
    assert "page: was measured and is not in the budget" in run.stderr


def test_a_run_whose_clock_does_not_count_instructions_is_void(budget):
    run = budget(COSTS, loop=2.01)
    assert run.returncode == 1
    assert "void: a loop of two instructions takes 2.01" in run.stderr


def test_a_run_without_rows_fails(budget, tmp_path):
    (tmp_path / "output").write_text("nothing\n")
    run = subprocess.run(
        [sys.executable, ROOT / "tools/bench/budget", tmp_path / "output", budget.path],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "no row is called loop" in run.stderr


@pytest.mark.parametrize(
    "line, sentence",
    [
        ("echo 575.01", "expected a name, instructions and a tolerance"),
        ("echo few 1", "expected a name, instructions and a tolerance"),
        ("echo 575.01 3", "a tolerance is 0 to 2 percent"),
    ],
)
def test_a_budget_that_cannot_be_read_fails(budget, line, sentence):
    budget.path.write_text(f"cap_enter 83.01 1\n{line}\n")
    run = budget(COSTS)
    assert run.returncode == 1
    assert f"{budget.path}:2: {sentence}" in run.stderr


def test_an_update_writes_what_was_measured_and_keeps_tolerances(budget):
    write_budget(budget.path, {"cap_enter": 90, "echo": 600}, tolerance=0.5)
    assert budget(COSTS).returncode == 1
    assert budget(COSTS, "--update").returncode == 0
    assert budget(COSTS).returncode == 0
    lines = [line.split() for line in budget.path.read_text().splitlines()]
    assert lines[0] == ["#", "A", "budget."]
    assert ["echo", "575.01", "0.5"] in lines and ["spawn", "48707.43", "1"] in lines


def measure(boot, slower):
    """What the measuring program prints whose ipc-move takes so many instructions more."""
    data = json.loads((ROOT / "system-measure.json").read_text())
    one = {item["name"]: item for item in data["binaries"] + data["services"]}
    one["bench"]["path"] = "bench/slower.elf"
    one["measure"]["caps"].append({**NULL_CAP, "name": str(slower)})
    run = boot(data, "--icount", timeout=120)
    assert run.status == PASS, str(run)
    return run.text


def test_a_row_that_is_made_three_percent_slower_is_found_and_no_other(boot, tmp_path):
    """Really slower: measured in the booted system, as the budget is (bench/slower)."""

    def held(text):
        (tmp_path / "output").write_text(text)
        command = [sys.executable, ROOT / "tools/bench/budget", tmp_path / "output"]
        return subprocess.run(
            [*command, tmp_path / "budget"], capture_output=True, text=True, timeout=60, check=False
        )

    usual = measure(boot, slower=0)
    rows = re.findall(r"^R (\S+) min \S+ med (\S+) ", usual, re.M)
    costs = {name: float(cost) for name, cost in rows if name != "loop"}
    write_budget(tmp_path / "budget", costs)
    assert held(usual).returncode == 0
    run = held(measure(boot, slower=round(0.03 * costs["ipc-move"] / 2) * 2))
    said = r"budget: ipc-move: .*\(\+(2\.9|3\.[01]) %\): more than 1 % above it\n"
    assert run.returncode == 1 and re.fullmatch(said, run.stderr), run.stderr
