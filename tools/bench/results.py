# SPDX-License-Identifier: MIT
"""What the measuring program printed (bench/main.c), and the files that say what to make of it."""

import collections
import json
import re
import sys

Row = collections.namedtuple("Row", "least median most operations")

LINE = re.compile(r"^R (\S+) min (\S+) med (\S+) max (\S+) ops (\d+)$", re.MULTILINE)
CALIBRATION = "loop"


def read_rows(path, counts_instructions=True):
    """Rows by name, in their order. Void where the loop of two instructions does not take two."""
    with open(path, encoding="utf-8", errors="replace") as f:
        found = LINE.findall(f.read().replace("\r", ""))
    rows = {name: Row(*map(float, costs[:3]), int(costs[3])) for name, *costs in found}
    if CALIBRATION not in rows:
        sys.exit(f"{path}: no row is called {CALIBRATION}: the run did not come to its rows")
    loop = rows[CALIBRATION]
    if counts_instructions and not loop.least == loop.most == 2.0:
        sys.exit(f"{path}: void: a loop of two instructions takes {loop.least} to {loop.most}")
    return rows


def read_description(path):
    """bench/rows.json: what the rows are, what others take for the like, what must be met."""
    with open(path, encoding="utf-8") as f:
        return json.load(f)
