# SPDX-License-Identifier: MIT
"""mkmanifest from outside: what it refuses, and with which sentence; what it writes.

tests/manifests/refused/NAME.json is refused for one reason each; refused.txt says
which: the name, the exit status, and the sentence behind the file's name. What is in
tests/manifests/accepted/ is packed, and read back by the stock `capnp` tool.
"""

import json
import os
import pathlib
import re
import stat
import struct
import subprocess

import pytest
from conftest import BUILD, ROOT

MANIFESTS = ROOT / "tests/manifests"
REFUSED = dict(
    line.split(" ", 1) for line in (MANIFESTS / "refused.txt").read_text().splitlines()
)
OK, INVALID, USAGE, IO = range(4)

# What the schema says where the JSON is silent.
RING = {"sqEntries": 16, "cqEntries": 32, "areaBytes": 16384}
LIMITS = {"frames": 512, "capSlots": 256, "processes": 0, "calls": 0}
RESTART = {"policy": "never", "count": 0}
PARAMS = {"tickHz": 100, "plantLeak": "none", "deadline": 0}
SCHEMA = (ROOT / "schema/capos.capnp").read_text()
INTERFACES = {
    name: int(id, 16) for name, id in re.findall(r"^interface (\w+) @(0x[0-9a-f]+)", SCHEMA, re.M)
}


def elf(code=b"\xf4"):
    """A program of one segment: what is needed to be one, and nothing else."""
    header_bytes, base = 64 + 56, 0x400000
    size = header_bytes + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + header_bytes,
        64, 0, 0, 64, 56, 1, 64, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    return header + segment + code


def write_programs(folder):
    """The programs that the manifests under tests/manifests name."""
    (folder / "prog.elf").write_bytes(elf())
    (folder / "short.elf").write_bytes(elf()[:-1])
    (folder / "text.elf").write_text("no program at all, but long enough to have been one\n" * 2)


@pytest.fixture(name="programs", scope="module")
def programs_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    write_programs(folder)
    return folder


@pytest.fixture(name="mkmanifest", params=["host", "san"])
def mkmanifest_fixture(request, programs):
    """Runs mkmanifest among the programs; once as it is used, once under the sanitizers."""

    def run(*arguments):
        return subprocess.run(
            [BUILD / request.param / "mkmanifest", *arguments],
            cwd=programs, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_the_table_is_complete():
    assert set(REFUSED) == {path.stem for path in (MANIFESTS / "refused").glob("*.json")}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(mkmanifest, tmp_path, name):
    status, sentence = REFUSED[name].split(" ", 1)
    source = MANIFESTS / "refused" / f"{name}.json"
    run = mkmanifest("-o", tmp_path / "out.bin", source)
    assert run.stderr == f"mkmanifest: {source}: {sentence}\n"
    assert run.returncode == int(status)
    assert run.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_when_refused(mkmanifest, tmp_path):
    out = tmp_path / "out.bin"
    out.write_bytes(b"before")
    run = mkmanifest("-o", out, MANIFESTS / "refused/services-empty.json")
    assert run.returncode == INVALID
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


# ---------------------------------------------------------------------------
# What is written


def decode(path):
    """The message as the stock tool sees it, in its JSON: 64-bit numbers are strings."""
    done = subprocess.run(
        ["capnp", "convert", "-I", ROOT / "schema", "flat:json", ROOT / "schema/capos.capnp",
         "Manifest"],
        stdin=path.open("rb"), capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def interface_id(text):
    return INTERFACES[text] if text in INTERFACES else int(text, 16)


def expected_grant(grant):
    source = grant["source"]
    return {
        "name": grant["name"],
        "interfaceId": str(interface_id(grant["interface"])),
        "source": source if "kernel" in source else {"service": source},
        "badge": str(int(str(grant.get("badge", 0)), 0)),
    }


def expected_end(expect):
    if "exited" in expect:
        return {"exited": str(expect["exited"])}
    if "faulted" in expect:
        return {"faulted": {"vector": expect["faulted"]["vector"], "address": "0", "rip": "0"}}
    return expect


def expected_service(one):
    """What the stock tool shows of a service: structs that are not set are left out."""
    service = {"name": one["name"], "binary": one["binary"]}
    service["starter"] = one.get("starter", "kernel")
    service["daemon"] = one.get("daemon", False)
    if one["caps"]:
        service["caps"] = [expected_grant(grant) for grant in one["caps"]]
    if one.get("exports"):
        service["exports"] = [
            {"name": export["name"], "interfaceId": str(interface_id(export["interface"]))}
            for export in one["exports"]
        ]
    for field, defaults in (("ring", RING), ("limits", LIMITS), ("restart", RESTART)):
        if field in one:
            service[field] = {**defaults, **one[field]}
    if "expect" in one:
        service["expect"] = expected_end(one["expect"])
    return service


def expected_message(data, folder):
    message = {
        "schemaVersion": data["schemaVersion"],
        "binaries": [
            {"name": one["name"], "image": list((folder / one["path"]).read_bytes())}
            for one in data["binaries"]
        ],
        "services": [expected_service(one) for one in data["services"]],
    }
    if "kernelParams" in data:
        message["kernelParams"] = {**PARAMS, **data["kernelParams"]}
    return message


@pytest.mark.parametrize(
    "source", sorted((MANIFESTS / "accepted").glob("*.json")), ids=lambda path: path.stem
)
def test_accepted(mkmanifest, programs, tmp_path, source):
    out = tmp_path / "out.bin"
    run = mkmanifest("-o", out, source)
    assert (run.returncode, run.stdout, run.stderr) == (OK, "", "")
    assert list(tmp_path.iterdir()) == [out]
    assert decode(out) == expected_message(json.loads(source.read_text()), programs)


def test_same_input_same_bytes(mkmanifest, tmp_path):
    source = MANIFESTS / "accepted/everything.json"
    for name in ("a", "b"):
        assert mkmanifest("-o", tmp_path / name, source).returncode == OK
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_binaries_elsewhere(mkmanifest, tmp_path):
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/prog.elf").write_bytes(elf(b"\x90" * 100000))
    out = tmp_path / "out.bin"
    source = MANIFESTS / "accepted/plain.json"
    run = mkmanifest("-o", out, "--binaries", tmp_path / "programs", source)
    assert run.returncode == OK
    assert len(decode(out)["binaries"][0]["image"]) == 100000 + 120


def test_absolute_path_of_a_binary(mkmanifest, programs, tmp_path):
    data = json.loads((MANIFESTS / "accepted/plain.json").read_text())
    data["binaries"][0]["path"] = str(programs / "prog.elf")
    source = tmp_path / "in.json"
    source.write_text(json.dumps(data))
    assert mkmanifest("--check", "--binaries", "/nowhere", source).returncode == OK


def test_too_much_together(mkmanifest, tmp_path):
    big = tmp_path / "big.elf"
    big.write_bytes(elf())
    os.truncate(big, 40 << 20)
    data = json.loads((MANIFESTS / "accepted/plain.json").read_text())
    data["binaries"] = [{"name": f"big{i}", "path": str(big)} for i in range(2)]
    source = tmp_path / "in.json"
    source.write_text(json.dumps(data))
    run = mkmanifest("--check", source)
    assert run.returncode == INVALID
    assert "binaries[1].path: the programs together have more than 67108864 bytes" in run.stderr
    os.truncate(big, (64 << 20) + 1)
    run = mkmanifest("--check", source)
    assert run.returncode == INVALID
    assert f"binaries[0].path: {big} has more than 67108864 bytes" in run.stderr


def test_replaces_at_once(mkmanifest, tmp_path):
    """The name leads to a new file: whoever has the old one open keeps it."""
    out = tmp_path / "out.bin"
    out.write_bytes(b"before")
    with out.open("rb") as old:
        assert mkmanifest("-o", out, MANIFESTS / "accepted/plain.json").returncode == OK
        assert old.read() == b"before"
    assert out.stat().st_size % 8 == 0
    assert not stat.S_IMODE(out.stat().st_mode) & 0o111


# ---------------------------------------------------------------------------
# The command line and the file system


def test_check_writes_nothing(mkmanifest, tmp_path):
    out = tmp_path / "out.bin"
    source = MANIFESTS / "accepted/plain.json"
    run = mkmanifest("--check", "-o", out, source)
    assert run.returncode == OK
    assert run.stdout.startswith(f"{source}: valid: services 2, binaries 1, bytes ")
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments", [[], ["a.json", "b.json"], ["--frob", "a.json"], ["a.json", "-o"]], ids=str
)
def test_usage(mkmanifest, arguments):
    run = mkmanifest(*arguments)
    assert run.returncode == USAGE
    assert "usage: mkmanifest" in run.stderr
    assert run.stdout == ""


def test_help(mkmanifest):
    run = mkmanifest("--help")
    assert run.returncode == OK
    assert run.stdout.startswith("usage: mkmanifest")


def test_no_input(mkmanifest):
    run = mkmanifest("nowhere.json")
    assert run.returncode == IO
    assert run.stderr == (
        "mkmanifest: nowhere.json: cannot read nowhere.json: No such file or directory\n"
    )


def test_empty_input(mkmanifest, tmp_path):
    source = tmp_path / "in.json"
    source.touch()
    run = mkmanifest("--check", source)
    assert run.returncode == INVALID
    assert run.stderr.startswith(f"mkmanifest: {source}: line 1, column 0: ")


def test_no_place_to_write(mkmanifest, tmp_path):
    out = tmp_path / "nowhere/out.bin"
    run = mkmanifest("-o", out, MANIFESTS / "accepted/plain.json")
    assert run.returncode == IO
    assert f"cannot write {out}: No such file or directory" in run.stderr


@pytest.mark.parametrize("make", [pathlib.Path.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_does_not_replace_what_is_no_file(mkmanifest, tmp_path, make):
    out = tmp_path / "out.bin"
    make(out)
    run = mkmanifest("-o", out, MANIFESTS / "accepted/plain.json")
    assert run.returncode == IO
    assert f"cannot write {out}: it is not a regular file" in run.stderr
    assert list(tmp_path.iterdir()) == [out]
