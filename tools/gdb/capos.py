# SPDX-License-Identifier: MIT
"""Commands for gdb that know the kernel's objects: docs/debugging.md.

    gdb -x tools/gdb/capos.py build/kernel.elf
"""

import pathlib
import sys

TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOOLS / "gdb"), str(TOOLS / "graph")]

import commands  # noqa: E402
import gdb  # noqa: E402

gdb.execute("set max-value-size unlimited")  # tables are read whole
commands.register()
