# SPDX-License-Identifier: MIT
"""Every way to boot, and everything that can be wrong with what is booted."""

import os
import re

import pytest
from conftest import (
    BAD_MANIFEST,
    CONSOLE,
    FAILED,
    KERNEL_BARE,
    MANIFEST,
    NO_MEMORY,
    NULL_CAP,
    PANIC,
    PASS,
    ROOT,
    TIMEOUT,
    make_iso,
    make_manifest,
    manifest,
    qemu_run,
    service,
)

STARTED = "capos: starting"


@pytest.fixture(name="good", scope="module")
def good_fixture(tmp_path_factory):
    """The bytes of a small valid manifest, for spoiling."""
    path = tmp_path_factory.mktemp("good") / "manifest.bin"
    return make_manifest(manifest(service("leave", caps=[])), path).read_bytes()


def refused(run, status=BAD_MANIFEST):
    """A sentence, the right status, and no half-started system."""
    assert run.status == status, str(run)
    assert any(line.startswith("capos: ") for line in run.lines), str(run)
    run.lacks(STARTED)


# The boot paths


def test_pvh(default_run):
    default_run.says("capos: booted by PVH", STARTED)
    assert default_run.status == PASS, str(default_run)


@pytest.mark.parametrize("firmware", [[], ["--uefi"]], ids=["bios", "uefi"])
def test_iso(tmp_path, firmware):
    iso = make_iso(tmp_path / "capos.iso", [MANIFEST])
    run = qemu_run("--iso", iso, *firmware, timeout=120)
    assert run.status == PASS, str(run)
    run.says("capos: booted by Multiboot2", STARTED)


@pytest.mark.skipif("LIMINE_DIR" not in os.environ, reason="LIMINE_DIR names no folder")
@pytest.mark.parametrize("firmware", [[], ["--uefi"]], ids=["bios", "uefi"])
def test_iso_by_limine(tmp_path, firmware):
    loader = ("--limine", os.environ["LIMINE_DIR"])
    iso = make_iso(tmp_path / "capos.iso", [MANIFEST], loader=loader)
    run = qemu_run("--iso", iso, *firmware, timeout=120)
    assert run.status == PASS, str(run)
    run.says("capos: booted by Limine", STARTED)


def test_a_processor_without_protection_features(boot):
    run = boot(MANIFEST, "--cpu", "qemu64")
    assert run.status == PASS, str(run)


@pytest.mark.measures
def test_a_kernel_for_hardware_comes_to_its_end_and_halts(boot):
    run = boot(MANIFEST, kernel=KERNEL_BARE, timeout=15)
    assert run.status == TIMEOUT, str(run)
    run.says("capos: passed", "capos: halted")


@pytest.mark.measures
def test_two_runs_that_count_instructions_are_identical(boot):
    runs = [boot(MANIFEST, "--icount", timeout=120) for _ in range(2)]
    assert runs[0].status == PASS, str(runs[0])
    assert runs[0].text == runs[1].text


def test_more_than_four_gigabytes(boot, good):
    run = boot(good, "--memory", "5000")
    assert run.status == PASS, str(run)


# The machine


@pytest.mark.measures
@pytest.mark.parametrize("megabytes", [8, 12, 16])
def test_too_little_memory(boot, good, megabytes):
    refused(boot(good, "--memory", megabytes), NO_MEMORY)


@pytest.mark.measures
def test_the_documented_minimum_of_memory_is_enough(boot, good):
    """16 MiB, and room for kernel, manifest and firmware."""
    run = boot(good, "--memory", "18")
    assert run.status == PASS, str(run)


# The modules


def test_no_module(boot):
    run = boot(None)
    refused(run)
    run.says("handed over 0 modules")


@pytest.mark.parametrize("count", [0, 2])
def test_an_iso_with_another_number_of_modules(tmp_path, count):
    iso = make_iso(tmp_path / "capos.iso", [MANIFEST] * count)
    run = qemu_run("--iso", iso)
    refused(run)
    run.says(f"handed over {count} modules")


@pytest.mark.parametrize(
    "module",
    [b"\0", b"garbage", bytes(8), b"\xff" * 4096, bytes(range(256)) * 64],
    ids=["byte", "text", "empty-struct", "ones", "ramp"],
)
def test_garbage(boot, module):
    refused(boot(module))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_manifest_that_is_cut_short(boot, good, share):
    refused(boot(good[: int(len(good) * share) // 8 * 8]))


def test_a_manifest_of_no_whole_number_of_words(boot, good):
    refused(boot(good + b"\0"))


def spoil(data, old, new):
    """Replaces one run of bytes, which must be there, by another of its length."""
    assert len(old) == len(new) and old in data
    return data.replace(old, new)


def test_a_program_that_is_no_program(boot, good):
    run = boot(spoil(good, b"\x7fELF", b"\x7fFLE"))
    refused(run)
    run.says('binary "leave" is not a program')


def test_a_program_cut_short(boot, good):
    """The program header table of the image points beyond its end."""
    at = good.index(b"\x7fELF")
    spoiled = bytearray(good)
    spoiled[at + 32 : at + 40] = (1 << 40).to_bytes(8, "little")  # e_phoff
    run = boot(bytes(spoiled))
    refused(run)
    run.says('binary "leave" is not a program')


def test_a_service_without_its_binary(boot, good):
    """The last of the two equal names is that of the service or of its binary."""
    at = good.rindex(b"leave")
    run = boot(good[:at] + b"leafy" + good[at + 5 :])
    refused(run)
    run.says("there is no binary named")


def test_two_services_of_one_name(boot, tmp_path):
    data = manifest(service("first", "leave", caps=[]), service("other", "leave", caps=[]))
    path = make_manifest(data, tmp_path / "two.bin")
    run = boot(spoil(path.read_bytes(), b"other", b"first"))
    refused(run)
    run.says('the name "first" is already')


def test_a_wrong_interface(boot, tmp_path):
    data = manifest(service("leave", caps=[CONSOLE]))
    path = make_manifest(data, tmp_path / "interface.bin")
    console = (0xF0A4B1C86D2E7395).to_bytes(8, "little")
    null_cap = (0x9B7D20F3E81C5A64).to_bytes(8, "little")
    run = boot(spoil(path.read_bytes(), console, null_cap))
    refused(run)
    run.says('grant "console" expects interface')


def test_the_measuring_capability_can_be_granted(boot):
    run = boot(manifest(service("leave", caps=[CONSOLE, NULL_CAP])))
    assert run.status == PASS, str(run)


# The kernel's own defences and memory, which its boot option capos.test tries

SELFTESTS = re.findall(
    r'^        {"([a-z-]+)", test_', (ROOT / "kernel/selftest.c").read_text(), re.MULTILINE
)
COMES_TO_AN_END = {"heap", "frames", "aspace", "paging"}


@pytest.mark.parametrize("test", [name for name in SELFTESTS if name not in COMES_TO_AN_END])
def test_a_bug_in_the_kernel_is_a_panic(boot, good, test):
    run = boot(good, "--append", f"capos.test={test}")
    assert run.status == PANIC, str(run)
    run.lacks("nothing caught it")
    # The backtrace names functions of the kernel, unless the stack is what is broken.
    if test != "panic-damaged-stack":
        run.says("capos: panic: ", "kernel_main+", "`make debug`", "docs/debugging.md")


@pytest.mark.parametrize("test", sorted(COMES_TO_AN_END))
def test_memory_in_the_kernel(boot, good, test):
    assert test in SELFTESTS
    run = boot(good, "--append", f"capos.test={test}")
    assert run.status == PASS, str(run)


def test_a_selftest_that_is_not_there_is_said_to_be_so(boot, good):
    run = boot(good, "--append", "capos.test=no-such")
    assert run.status == FAILED, str(run)
    run.says('there is no test "no-such"')
