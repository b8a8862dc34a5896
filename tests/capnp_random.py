# SPDX-License-Identifier: MIT
"""Random schemas and random values of them, as text of the schema language.

Everything follows from the seed. What the stock tool cannot read back from a
stream of several messages is left out of strings: brackets, # and /. So are control
characters whose code has a letter, which it reads wrongly from JSON.
"""

import base64
import random
import struct

INTEGERS = {
    "Int8": (-(1 << 7), (1 << 7) - 1),
    "Int16": (-(1 << 15), (1 << 15) - 1),
    "Int32": (-(1 << 31), (1 << 31) - 1),
    "Int64": (-(1 << 63), (1 << 63) - 1),
    "UInt8": (0, (1 << 8) - 1),
    "UInt16": (0, (1 << 16) - 1),
    "UInt32": (0, (1 << 32) - 1),
    "UInt64": (0, (1 << 64) - 1),
}
SCALARS = ["Void", "Bool", *INTEGERS, "Float32", "Float64"]
LETTERS = "abcxyz ABC 0189 .,:;!?=-_+*%&<>|~^@$'\"\\\n\t\r\b\f\x01\x19\x7féßλ→日\U0001f600"
DEPTH = 4


class Schema:
    """A schema file with some enums and structs; `values` gives values of the last struct.

    Where it is annotated, annotations of json.capnp are strewn over it.
    """

    def __init__(self, seed, annotated=False):
        self.chance = random.Random(seed)
        self.annotated = annotated
        self.enums = {}
        self.structs = {}
        self.lines = [f"@{(1 << 63 | self.chance.getrandbits(63)):#x};"]
        if annotated:
            self.lines.append('using Json = import "/capnp/compat/json.capnp";')
        for i in range(self.chance.randint(1, 2)):
            names = [f"value{n}" for n in range(self.chance.randint(1, 5))]
            self.enums[f"Enum{i}"] = names
            numbered = " ".join(f"{name} @{n}{self.rename(name)};" for n, name in enumerate(names))
            self.lines.append(f"enum Enum{i} {{ {numbered} }}")
        self.lines.append("struct Box(T) { value @0 :T; many @1 :List(One); struct One { of @0 :T; } }")
        for i in range(self.chance.randint(2, 4)):
            self.add_struct(f"Struct{i}")
        self.root = f"Struct{i}"

    def text(self):
        return "\n".join(self.lines) + "\n"

    def pick_type(self, nesting=0):
        kind = self.chance.choice(["scalar"] * 6 + ["Text", "Data", "enum", "struct", "list", "box"])
        if kind == "scalar":
            return self.chance.choice(SCALARS)
        if kind == "enum":
            return self.chance.choice(list(self.enums))
        if kind == "struct":
            return self.chance.choice(list(self.structs) or ["Text"])
        if kind == "list":
            return ("List", self.pick_type(nesting + 1)) if nesting < 3 else "Bool"
        if kind == "box":
            inner = self.pick_type(3)
            pointer = inner in ("Text", "Data") or inner in self.structs or isinstance(inner, tuple)
            return ("Box", inner) if pointer else "Data"
        return kind

    def name_of(self, kind):
        return kind if isinstance(kind, str) else f"{kind[0]}({self.name_of(kind[1])})"

    def add_struct(self, name):
        """Fields, groups and unions; numbers are given out in the order of a shuffle."""
        self.structs[name] = None
        members = [self.pick_member(0, f"{'abcdefgh'[i]}") for i in range(self.chance.randint(1, 7))]
        if self.chance.random() < 0.5:
            inside = [self.pick_member(1, f"u{'abcd'[i]}") for i in range(self.chance.randint(2, 4))]
            members.insert(self.chance.randrange(len(members) + 1), ("union", "", inside))
        leaves = []
        self.collect(members, leaves)
        order = list(range(len(leaves)))
        if self.chance.random() < 0.5:
            self.chance.shuffle(order)
        numbers = dict(zip(leaves, order))
        tagged = self.discriminator() if any(member[0] == "union" for member in members) else ""
        self.lines.append(f"struct {name}{tagged} {{ {self.declare(members, numbers)} }}")
        self.structs[name] = members

    def pick_member(self, nesting, name):
        choice = self.chance.random()
        if nesting < 2 and choice < 0.15:
            kind = "group" if choice < 0.08 else "named union"
            count = self.chance.randint(2, 3)
            return (kind, name, [self.pick_member(nesting + 1, f"{name}{i}") for i in range(count)])
        kind = self.pick_type()
        default = None
        scalar = kind in SCALARS or kind in self.enums or kind in ("Text", "Data")
        if scalar and kind != "Void" and self.chance.random() < 0.3:
            default = self.value(kind, DEPTH)
        return ("field", name, kind, default)

    def collect(self, members, leaves):
        for member in members:
            if member[0] == "field":
                leaves.append(member[1])
            else:
                self.collect(member[2], leaves)

    def declare(self, members, numbers):
        parts = []
        for member in members:
            notes = self.annotations(member)
            if member[0] == "field":
                default = "" if member[3] is None else f" = {member[3]}"
                kind = self.name_of(member[2])
                parts.append(f"{member[1]} @{numbers[member[1]]} :{kind}{default}{notes};")
                continue
            inside = self.declare(member[2], numbers)
            kind = "group" if member[0] == "group" else "union"
            head = "union" if member[0] == "union" else f"{member[1]} :{kind}{notes}"
            parts.append(f"{head} {{ {inside} }}")
        return " ".join(parts)

    # -- annotations of json.capnp

    def often(self, chance):
        return self.annotated and self.chance.random() < chance

    def rename(self, name):
        return f' $Json.name("{name.upper()} \u00e9")' if self.often(0.3) else ""

    def discriminator(self):
        if not self.often(0.6):
            return ""
        options = ['name = "tag"'] if self.chance.random() < 0.7 else []
        options += ['valueName = "value"'] if self.chance.random() < 0.5 else []
        return f" $Json.discriminator({', '.join(options)})"

    def annotations(self, member):
        kind = member[2] if member[0] == "field" else member[0]
        notes = self.rename(member[1]) if kind != "union" else ""
        complete = isinstance(kind, str) and self.structs.get(kind) is not None
        if (kind in ("group", "named union") or complete) and self.often(0.5):
            prefix = f'prefix = "{member[1]}_"' if self.chance.random() < 0.6 else ""
            notes += f" $Json.flatten({prefix})"
        if kind == "named union":
            notes += self.discriminator()
        if kind == "Data" and self.often(0.6):
            notes += self.chance.choice((" $Json.base64", " $Json.hex"))
        return notes

    def string(self):
        letters = self.chance.choices(LETTERS, k=self.chance.choice((0, 1, 3, 8, 20, 60)))
        return '"' + "".join(self.escape(letter) for letter in letters) + '"'

    @staticmethod
    def escape(letter):
        if letter in '"\\\n' or ord(letter) < 32 or ord(letter) == 127:
            return f"\\x{ord(letter):02x}"
        return letter

    def data(self):
        count = self.chance.choice((1, 2, 7, 8, 9, 30))
        safe = [byte for byte in range(256) if chr(byte) not in "()#{}/[]"]
        data = bytes(self.chance.choices(safe, k=count))
        while self.annotated and b"/" in base64.b64encode(data):
            data = bytes(self.chance.choices(safe, k=count))
        return f'0x"{data.hex(" ")}"'

    def number(self, kind):
        if kind in INTEGERS:
            low, high = INTEGERS[kind]
            near = self.chance.randint(max(low, -9), min(high, 9))
            return str(self.chance.choice((low, high, 0, near, near, self.chance.randint(low, high))))
        choice = self.chance.random()
        if choice < 0.15:
            return self.chance.choice(("inf", "-inf", "nan", "0", "-1", "1.5", "1e300", "1e-310"))
        if choice < 0.5:
            return repr(self.chance.randint(-100000, 100000) / self.chance.choice((1, 8, 10, 1000)))
        bits = self.chance.getrandbits(64)
        value = struct.unpack("<d", struct.pack("<Q", bits))[0]
        return repr(value) if value - value == 0 else "0.1"

    def value(self, kind, depth):
        if isinstance(kind, tuple) and kind[0] == "List":
            count = self.chance.choice((0, 1, 2, 3)) if depth else 0
            return "[" + ", ".join(self.value(kind[1], depth - 1) for _ in range(count)) + "]"
        if isinstance(kind, tuple):
            if not depth:
                return "()"
            values = [self.value(kind[1], depth - 1) for _ in range(3)]
            return f"(value = {values[0]}, many = [(of = {values[1]}), (), (of = {values[2]})])"
        if kind == "Void":
            return "void"
        if kind == "Bool":
            return self.chance.choice(("true", "false"))
        if kind == "Text":
            return self.string()
        if kind == "Data":
            return self.data()
        if kind in self.enums:
            return self.chance.choice(self.enums[kind])
        if kind in self.structs:
            return "(" + ", ".join(self.fields(self.structs[kind] or [], depth)) + ")"
        return self.number(kind)

    def fields(self, members, depth):
        parts = []
        for member in members:
            if member[0] == "union":
                parts += self.fields([self.chance.choice(member[2])], depth)
            elif member[0] == "named union":
                inside = self.fields([self.chance.choice(member[2])], depth)
                parts.append(f"{member[1]} = ({', '.join(inside)})")
            elif member[0] == "group":
                parts.append(f"{member[1]} = ({', '.join(self.fields(member[2], depth))})")
            elif depth and self.chance.random() < 0.7:
                parts.append(f"{member[1]} = {self.value(member[2], depth - 1)}")
        return parts

    def values(self, count):
        return [self.value(self.root, DEPTH) for _ in range(count)]
