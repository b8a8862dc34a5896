# SPDX-License-Identifier: MIT
"""docs/abi.md says of each number and offset what the headers say."""

import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs/abi.md").read_text()
HEADERS = {
    name: (ROOT / f"abi/include/abi/{name}.h").read_text() for name in ("error", "ring", "limits")
}


def numbers_of(enum):
    """The enumerators NAME_X = n of a header's enum, without the last, which counts."""
    body = re.search(rf"enum {enum} {{(.*?)}};", HEADERS["ring"], re.DOTALL).group(1)
    return re.findall(r"(\w+) = (\d+)", body)


def errors_of(prefix):
    text = re.search(rf"#define {prefix}_LIST\(X\)(.*?)\n\n", HEADERS["error"], re.DOTALL).group(1)
    return re.findall(r'X\((\w+), (-?\d+), "(.*?)"\)', text)


@pytest.mark.parametrize(("name", "number", "sentence"), errors_of("CAP_ERR") + errors_of("SYS_ERR"))
def test_error_has_its_row(name, number, sentence):
    assert f"| `{name}` | {number.replace('-', '−')} | {sentence} |" in PAGE


@pytest.mark.parametrize(("name", "number", "sentence"), errors_of("CAP_EXC"))
def test_exception_has_its_row(name, number, sentence):
    camel = re.sub(r"_(\w)", lambda m: m.group(1).upper(), name.lower())
    assert f"| `{camel}` | {number} | {sentence} |" in PAGE


@pytest.mark.parametrize(("name", "number"), numbers_of("cap_op"))
def test_opcode_has_its_row(name, number):
    assert f"| {number} | `{name.removeprefix('CAP_OP_')}`" in PAGE


@pytest.mark.parametrize(
    ("name", "number"), re.findall(r"#define CAP_SQE_F_(\w+) +([1-9]\d*)u", HEADERS["ring"])
)
def test_flag_has_its_row(name, number):
    assert f"| {number} | `{name}` |" in PAGE


@pytest.mark.parametrize(
    ("field", "offset"),
    re.findall(
        r"offsetof\(struct cap_(?:ring_header|sqe|cqe|transfer|message_header), (\w+)\) == (\d+)",
        HEADERS["ring"],
    ),
)
def test_field_stands_at_its_offset(field, offset):
    """Or in the row of the field before it, which names both."""
    rows = re.findall(r"^\| (\d+) \|(.*)$", PAGE, re.MULTILINE)
    assert any(int(at) <= int(offset) and f"`{field}`" in row for at, row in rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, int(value))
        for name, value in re.findall(r"^#define (\w+) +(\d+)u$", HEADERS["limits"], re.MULTILINE)
    ],
)
def test_limit_stands_in_the_table(name, value):
    table = PAGE[PAGE.index("## Limits") :]
    assert f"| {value:,} |" in table, f"{name} is {value:,}"
