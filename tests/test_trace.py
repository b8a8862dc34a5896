# SPDX-License-Identifier: MIT
"""What a trace says of a run, against what the run says of itself."""

import collections
import json
import re
import struct
import subprocess
import sys

import pytest
from conftest import BUILD, KERNEL, PASS, ROOT, make_manifest, manifest, service

DECODER = BUILD / "san/trace"
CALL = re.compile(r"^(\S+) → (\w+)\.(\w+)\(")
MORE = re.compile(r"^    … and (\d+) more like it$")

# Services of the default manifest that call each other, and the kernel in every way.
WATCHED = (
    "console-paths", "ring-reserved-opcodes", "endpoint-roundtrip", "ipc-server", "ipc-client",
    "ipc-client-dying", "ipc-client-bystander",
)  # fmt: skip

Trace = collections.namedtuple("Trace", "status lines serial errors")


def record(module, serial, *options):
    done = subprocess.run(
        [
            sys.executable, ROOT / "tools/trace/record", "--plugin", BUILD / "trace/plugin.so",
            "--decoder", DECODER, "--kernel", KERNEL, "--manifest", module, "--serial", serial,
            *options,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    said = serial.read_text(errors="replace") if serial.exists() else ""
    return Trace(done.returncode, done.stdout.splitlines(), said, done.stderr)


@pytest.fixture(name="labels")
def labels_fixture(tmp_path):
    """The server and the client of docs/runtime.md."""
    exports = [{"name": "labelled", "interface": "Console"}]
    source = {"service": "label-server", "export": "labelled"}
    caps = [{"name": "console", "interface": "Console", "badge": 7, "source": source}]
    data = manifest(
        service("label-client", caps=caps), service("label-server", daemon=True, exports=exports)
    )
    return make_manifest(data, tmp_path / "manifest.bin")


def test_a_call_is_told_as_the_golden_trace_has_it(labels, tmp_path):
    trace = record(labels, tmp_path / "serial")
    assert trace.status == PASS, trace.errors
    golden = (ROOT / "tests/golden/trace-label.txt").read_text().splitlines()
    assert [re.sub(r"\d+ instructions", "N instructions", line) for line in trace.lines] == golden
    kernel, server = (int(re.search(r"(\d+) instr", trace.lines[i])[1]) for i in (2, 4))
    assert 100 < kernel < server
    # Another run has the same, to the instruction; here one process of it.
    of_server = record(labels, tmp_path / "serial", "--only", "label-server").lines
    assert of_server == [line for line in trace.lines if line.startswith("label-server ")]


def calls_told(lines):
    """How many calls of each process a trace tells, by its first halves and whole lines."""
    calls = collections.Counter()
    caller = None
    for line in lines:
        more = MORE.match(line)
        if more:
            calls[caller] += int(more[1]) if caller else 0
            continue
        call = CALL.match(line)
        caller = call[1] if call else None
        calls[caller] += 1
    return calls


IN_WORDS = (
    'console-paths → Console.writeLine(text = "console-paths: pass") … ok, N instructions',
    'ipc-client → Depot.echo(text = "depot ", times = 1) …',
    'ipc-server ← Depot.echo(text = "depot ", times = 1), badge 1',
    'ipc-server ↩ Depot.echo ok (text = "depot ")',
    'ipc-client … Depot.echo ok (text = "depot "), N instructions',
    "ipc-client … Depot.open ok (depot = <external capability>), N instructions",
    'ipc-client → Depot.leave() … disconnected "the endpoint\'s owner is gone", N instructions',
    "ring-reserved-opcodes → opcode 255 … INVALID_REQUEST, N instructions",
    "endpoint-roundtrip → EndpointFactory.create() … "
    "ok (endpoint = <external capability>), N instructions",
)


def test_every_call_is_told(tmp_path):
    """The kernel's own summary has the number of CALL entries that it took of each service."""
    data = json.loads((ROOT / "system.json").read_text())
    data["services"] = [one for one in data["services"] if one["name"] in WATCHED]
    trace = record(make_manifest(data, tmp_path / "manifest.bin"), tmp_path / "serial")
    assert trace.status == PASS, trace.errors
    summary = re.findall(r"^(\S+) +\S.*?  +(\d+) +\d+ +\d+\r?$", trace.serial, re.MULTILINE)
    assert len(summary) == len(WATCHED), trace.serial
    told = calls_told(trace.lines)
    assert {name: told[name] for name, _ in summary} == {name: int(n) for name, n in summary}
    lines = {re.sub(r"\d+ instructions", "N instructions", line) for line in trace.lines}
    assert lines.issuperset(IN_WORDS), set(IN_WORDS) - lines


# The decoder, on what no plugin writes

HEAD = "<IIQQ"


def decode(data, *options):
    return subprocess.run(
        [DECODER, *options], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "data, why",
    [
        (b"x", b"an event's head"),
        (struct.pack(HEAD, 1, 1 << 30, 1, 0), b"an event's head"),
        (struct.pack(HEAD, 1, 32, 1, 0) + b"x", b"an event that ends too early"),
        (struct.pack(HEAD, 1, 8, 1, 0) + bytes(8), b"a process of another size"),
        (struct.pack(HEAD, 2, 8, 1, 0) + bytes(8), b"an entry that is too short"),
        (struct.pack(HEAD, 3, 8, 1, 0) + bytes(8), b"a completion that is too short"),
        (struct.pack(HEAD, 9, 0, 1, 0), b"an event of no kind"),
        (struct.pack(HEAD, 3, 40, 1, 0) + bytes(40), b"a process that was not introduced"),
        (struct.pack(HEAD, 2, 80, 1, 0) + bytes(49) + b"\1" + bytes(22) + b"\1" + bytes(7),
         b"an entry without its message"),
    ],
)  # fmt: skip
def test_what_no_plugin_writes_is_refused(data, why):
    done = decode(data)
    assert done.returncode == 1
    assert why in done.stderr, done.stderr


def test_a_message_that_is_malformed_is_told_to_be_so():
    """A call of Console.writeLine whose text lies outside of the message."""
    name = b"who".ljust(32, b"\0")
    message = struct.pack("<QQ", 1 << 48, 0xFFFF_0000_0000_0001)
    sqe = struct.pack("<BBHHHQQQQIIQII", 1, 0, 0, 1, 0, 0, 0xF0A4B1C86D2E7395, 0, 0, 16, 0, 0, 0, 0)
    entry = struct.pack("<Q", 0) + sqe + struct.pack("<Q", 1) + message
    data = struct.pack(HEAD, 1, len(name), 1, 0) + name
    data += struct.pack(HEAD, 2, len(entry), 1, 0) + entry
    done = decode(data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("who → Console.writeLine(16 bytes: ")


def test_wrong_usage_of_the_decoder_is_told():
    assert decode(b"", "--none").returncode == 2
