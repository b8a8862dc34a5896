#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints JSON from standard input in the one form in which it is checked in.

Versions of CUE differ in the order in which they print fields, so the order is
fixed here: as a reader wants them, and by name where this list is silent. Values
that fit stay on one line, so that a grant is a line and a change to it too.
"""

import json
import sys

ORDER = (
    "schemaVersion kernelParams binaries services "
    "name path binary interface source kernel service export badge "
    "caps exports restart ring limits expect "
    "policy count sqEntries cqEntries areaBytes frames capSlots "
    "tickHz plantLeak deadline"
).split()
WIDTH = 100


def rank(field):
    return (ORDER.index(field) if field in ORDER else len(ORDER), field)


def ordered(value):
    if isinstance(value, dict):
        return {field: ordered(value[field]) for field in sorted(value, key=rank)}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value


def render(value, indent):
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or (indent and indent + len(line) < WIDTH):
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {render(v, indent + 2)}" for k, v in value.items()]
    else:
        parts = [render(item, indent + 2) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if not parts:
        return opening + closing
    return opening + "\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + closing


print(render(ordered(json.load(sys.stdin)), 0))
