# SPDX-License-Identifier: MIT
"""Names of interfaces and methods, out of the schema's text.

The kernel knows interfaces by their ids alone. Every schema of the tree declares its
interfaces at the top level, with an explicit id, and one method a line.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMAS = ("schema/*.capnp", "demos/schema/*.capnp")
INTERFACE = re.compile(r"^interface (\w+)(?:\(.*\))? @(0x[0-9a-f]+)", re.MULTILINE)
METHOD = re.compile(r"^  (\w+) @(\d+) \(", re.MULTILINE)


def read():
    """For each interface id, its name and its methods' names by number."""
    found = {}
    for pattern in SCHEMAS:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            starts = list(INTERFACE.finditer(text))
            for one, following in zip(starts, [*starts[1:], None]):
                body = text[one.end() : following.start() if following else len(text)]
                methods = {int(number): name for name, number in METHOD.findall(body)}
                found[int(one[2], 16)] = (one[1], methods)
    return found


class Interfaces:
    def __init__(self):
        self.by_id = read()

    def name(self, interface_id):
        name, _ = self.by_id.get(interface_id, (f"{interface_id:#x}", {}))
        return name

    def method(self, interface_id, number):
        _, methods = self.by_id.get(interface_id, ("", {}))
        return f"{self.name(interface_id)}.{methods.get(number, number)}"

    def id_of(self, text):
        """The id that a manifest names an interface by, or says itself."""
        if text.startswith("0x"):
            return int(text, 16)
        return next((key for key, (name, _) in self.by_id.items() if name == text), 0)
