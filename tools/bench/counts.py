# SPDX-License-Identifier: MIT
"""What the plugin tools/profile/count.c wrote of a run of the benchmark, by row.

The n-th section of its file is the n-th row that the run printed. The programs, and the
kernel, are found by the bytes of their instructions.
"""

import bisect
import collections
import re
import struct
import subprocess

Insn = collections.namedtuple("Insn", "program address count copied code")


class Program:
    """The code of an ELF file: its bytes, and its functions in order of address."""

    def __init__(self, path):
        self.path = path
        self.name = path.removeprefix("build/").removeprefix("user/").split(".")[0]
        self.segments = []
        with open(path, "rb") as f:
            data = f.read()
        (start,) = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        for i in range(count):
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, start + i * size)
            if kind == 1:
                self.segments.append((address, data[offset : offset + length]))
        listing = subprocess.run(["nm", "-n", path], stdout=subprocess.PIPE, text=True, check=True)
        found = re.findall(r"^([0-9a-f]+) [tTwW] (\S+)$", listing.stdout, re.MULTILINE)
        self.addresses = [int(address, 16) for address, _ in found]
        self.names = [name for _, name in found]
        self.starts = dict(zip(self.addresses, self.names))

    def has(self, address, code):
        """Whether these bytes lie at this address."""
        for start, data in self.segments:
            if start <= address < start + len(data):
                return data[address - start : address - start + len(code)] == code
        return False

    def symbol(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"

    def places(self, addresses):
        """The source file of each address, without its folders: of the innermost function."""
        asked = "".join(f"{address:x}\n" for address in addresses)
        done = subprocess.run(
            ["addr2line", "-s", "-e", self.path],
            input=asked, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        files = [line.split(":")[0] for line in done.stdout.splitlines()]
        return dict(zip(addresses, files, strict=True))


class Counts:
    """Sections by row; the rows are those that the run printed."""

    def __init__(self, path, rows, elves):
        self.rows = rows
        self.programs = [Program(elf) for elf in elves]
        self.sections = dict(zip(rows, self._read(path), strict=True))
        first = next(iter(rows))
        most = max(count for _, _, count, _, _ in self.sections[first])
        self.rounds = most // rows[first].operations

    @staticmethod
    def _read(path):
        found = []
        with open(path, encoding="ascii") as f:
            for line in f:
                if line == "section\n":
                    found.append([])
                else:
                    *numbers, code = line.split()
                    found[-1].append((*(int(n, 16) for n in numbers), bytes.fromhex(code)))
        return found

    def operations(self, row):
        return self.rounds * self.rows[row].operations

    def instructions(self, row):
        """All that was executed in the row, each with its program; None: of none that is known."""
        section = self.sections[row]
        pages = collections.defaultdict(list)
        for address, page, _, _, code in section:
            pages[page, address >> 12].append((address, code))
        owner = {
            key: next((p for p in self.programs if all(p.has(*insn) for insn in insns)), None)
            for key, insns in pages.items()
        }
        for address, page, count, copied, code in section:
            yield Insn(owner[page, address >> 12], address, count, copied, code)
