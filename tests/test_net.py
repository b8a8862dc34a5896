# SPDX-License-Identifier: MIT
"""Network devices: what the kernel finds of them, through tools/qemu-net-harness.sh."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import CONSOLE, FAILED, KERNEL, PASS, ROOT, make_manifest, manifest, service

HARNESS = ROOT / "tools/qemu-net-harness.sh"
CASES = re.search(r"^all_cases='(.*)'$", HARNESS.read_text(), re.MULTILINE)[1].split()

LIST = ("--append", "capos.pci=list")


@pytest.fixture(name="small", scope="module")
def small_fixture(tmp_path_factory):
    """A manifest that soon comes to its end."""
    path = tmp_path_factory.mktemp("net") / "small.bin"
    return make_manifest(manifest(service("leave", caps=[])), path)


def harness(*arguments, **environment):
    return subprocess.run(
        [HARNESS, "-k", KERNEL, "-t", "60", *arguments],
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_there_is_found(small, case):
    done = harness("-m", small, case)
    assert done.returncode == 0, done.stderr
    assert f"{case}: as it should be" in done.stdout


# The harness itself: what is wrong is said to be wrong


def emulator(folder, script):
    """A QEMU of our own in front of the real one. Returns the PATH that leads to it."""
    path = folder / "qemu-system-x86_64"
    path.write_text(f"#!/bin/bash\nreal={shutil.which('qemu-system-x86_64')}\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


OTHER_DEVICE = """
for argument; do
    case $argument in virtio-net-pci*) argument=e1000e,netdev=net0,romfile= ;; esac
    arguments+=("$argument")
done
exec "$real" "${arguments[@]}"
"""


def test_a_device_that_is_not_found_is_missed(small, tmp_path):
    done = harness("-m", small, "modern", PATH=emulator(tmp_path, OTHER_DEVICE))
    assert done.returncode == 1, done.stdout
    assert "missing: " in done.stderr
    assert "the run ended" not in done.stderr


def test_a_device_that_should_not_be_there_is_noticed(small, tmp_path):
    add = 'exec "$real" "$@" -device virtio-net-pci,romfile='
    done = harness("-m", small, "absent", PATH=emulator(tmp_path, add))
    assert done.returncode == 1, done.stdout
    assert "there, but should not be: " in done.stderr
    assert "the run ended" not in done.stderr


def test_a_run_that_fails_is_a_failure(tmp_path):
    path = make_manifest(manifest(service("fail", caps=[CONSOLE])), tmp_path / "fail.bin")
    done = harness("-m", path, "modern")
    assert done.returncode == 1, done.stdout
    assert f"the run ended with status {FAILED}" in done.stderr


@pytest.mark.parametrize("arguments", [["no-such-case"], ["-m", "/nowhere"], ["-x"]])
def test_wrong_usage(small, arguments):
    assert harness("-m", small, *arguments).returncode == 2


# The kernel's command line


def test_a_machine_without_configuration_ports(boot, small):
    run = boot(small, *LIST, "--machine", "microvm")
    assert run.status == PASS, str(run)
    run.says("capos: pci: this machine has no configuration ports", "capos: starting")


@pytest.mark.parametrize("what", ["", "lis", "lists", "no-such"])
def test_what_cannot_be_done_is_said_to_be_so(boot, small, what):
    run = boot(small, "--append", f"capos.pci={what}")
    assert run.status == FAILED, str(run)
    run.says(f'capos: capos.pci: "{what}" is nothing that can be done')
    run.lacks("capos: starting")
