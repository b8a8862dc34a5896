# SPDX-License-Identifier: MIT
"""The harness of the whole-system tests: a fixture that boots a machine.

    def test_something(boot):
        run = boot(manifest(service("ring-nop")))
        assert run.status == PASS
        run.says("ring-nop: passed", "capos: passed")

`make test-parts` has built all that is booted; nothing is built here, so tests
may run side by side. Every run has a hard time-out, in tools/qemu-run.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
KERNEL = BUILD / os.environ.get("CAPOS_KERNEL", "kernel.elf")
KERNEL_BARE = BUILD / "kernel-bare.elf"
KERNEL_SAN = BUILD / "kernel-san.elf"
MANIFEST = BUILD / "manifest.bin"

# The sanitized kernel takes several times as long for everything.
PATIENCE = 4 if KERNEL == KERNEL_SAN else 1

# What tools/qemu-run ends with.
PASS = 0
FAILED = 35
LEAK = 37
PANIC = 39
BAD_MANIFEST = 41
NO_MEMORY = 43
STALLED = 45
DEADLINE = 47
RESET = 99
TIMEOUT = 124


def grant(name, interface, kernel):
    """A service's grant of an object of the kernel."""
    return {"name": name, "interface": interface, "source": {"kernel": kernel}}


CONSOLE = grant("console", "Console", "console")
NULL_CAP = grant("null", "NullCap", "nullCap")


def service(name, binary=None, caps=(CONSOLE,), **fields):
    """One service of a manifest; its binary is a demo or a program of tests/programs."""
    return {"name": name, "binary": binary or name, "caps": list(caps), **fields}


def program_path(name):
    """Where a program lies, relative to build/user."""
    places = ("tests/programs/", "rt/", "demos/", "")
    for path in [f"{place}{name}.elf" for place in places]:
        if (BUILD / "user" / path).exists():
            return path
    raise FileNotFoundError(f"no program named {name} was built")


def manifest(*services, **params):
    """Manifest data with these services, the binaries they name, and kernelParams."""
    names = dict.fromkeys(one["binary"] for one in services)
    data = {
        "schemaVersion": 1,
        "binaries": [{"name": name, "path": program_path(name)} for name in names],
        "services": list(services),
    }
    if params:
        data["kernelParams"] = params
    return data


class Run:
    """How a run of the machine ended: exit status, and what the serial port said."""

    def __init__(self, status, transcript, errors=""):
        self.status = status
        self.text = transcript
        self.errors = errors
        self.lines = transcript.splitlines()

    def says(self, *expected):
        """Asserts that the transcript holds these texts, one behind the other."""
        at = 0
        for text in expected:
            found = self.text.find(text, at)
            assert found >= 0, f"{text!r} is missing behind {self.text[:at]!r}:\n{self}"
            at = found + len(text)

    def lacks(self, text):
        assert text not in self.text, f"{text!r} is there:\n{self}"

    def __str__(self):
        return f"{self.text}\n{self.errors}status {self.status}"


def pack(data, path):
    """Runs mkmanifest, as it was built under the sanitizers, on manifest data."""
    source = path.with_suffix(".json")
    source.write_text(json.dumps(data))
    return subprocess.run(
        [BUILD / "san/mkmanifest", "-o", path, "--binaries", BUILD / "user", source],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def make_manifest(data, path):
    """Packs manifest data that must be valid."""
    done = pack(data, path)
    assert done.returncode == 0, done.stderr
    return path


def make_iso(path, modules, kernel=KERNEL, loader=("--grub",)):
    subprocess.run(
        ["sh", ROOT / "tools/mkiso", *loader, "-o", path, kernel, *modules],
        check=True, timeout=60,
    )  # fmt: skip
    return path


def qemu_run(*options, timeout=60):
    """Runs tools/qemu-run to its end."""
    timeout *= PATIENCE
    done = subprocess.run(
        [sys.executable, ROOT / "tools/qemu-run", "--timeout", str(timeout), *map(str, options)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=timeout + 30, check=False,
    )  # fmt: skip
    return Run(
        done.returncode,
        done.stdout.decode(errors="replace").replace("\r\n", "\n"),
        done.stderr.decode(errors="replace"),
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "measures: costs, sizes or much time, which the sanitized kernel has others of"
    )


@pytest.fixture(name="boot")
def boot_fixture(tmp_path):
    """Boots by PVH: manifest data, the bytes of a boot module, its path, or None for none."""

    def boot(module, *options, kernel=KERNEL, timeout=60):
        line = ["--kernel", kernel]
        if isinstance(module, dict):
            module = make_manifest(module, tmp_path / "manifest.bin")
        elif isinstance(module, bytes):
            path = tmp_path / "module.bin"
            path.write_bytes(module)
            module = path
        if module is not None:
            line += ["--manifest", module]
        return qemu_run(*line, *options, timeout=timeout)

    return boot


@pytest.fixture(scope="session")
def default_run():
    """One run of the default manifest, for all who only read its transcript."""
    return qemu_run("--kernel", KERNEL, "--manifest", MANIFEST)
