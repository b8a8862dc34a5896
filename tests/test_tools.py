# SPDX-License-Identifier: MIT
"""The tools that everything else is judged by: set-up, runner, build."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD, ROOT


def run(*command, cwd=ROOT, path=None, **environment):
    """Runs a command with an environment of its own. `path` replaces PATH."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    env.pop("MFLAGS", None)
    env.update(environment)
    if path is not None:
        env["PATH"] = str(path)
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
    )  # fmt: skip


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture(name="bare")
def bare_fixture(tmp_path):
    """A PATH with nothing on it but what every Debian has, and make."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for tool in ("sh", "make", "cat", "head", "grep", "sed", "mkdir", "touch", "env"):
        (directory / tool).symlink_to(shutil.which(tool))
    return directory


@pytest.fixture(name="debian")
def debian_fixture(bare, tmp_path):
    """The same with an apt-get that only notes what it was asked, and a user id."""
    script(bare / "apt-get", f'echo "$@" >>{tmp_path}/asked')
    script(bare / "id", "echo 1000")
    return bare


def asked(tmp_path):
    path = tmp_path / "asked"
    return path.read_text() if path.exists() else ""


# Set-up


@pytest.mark.parametrize("group", ["build", "image", "bench", "debug", "docs", "service", "test"])
def test_setup_is_silent_where_nothing_is_missing(group):
    done = run("sh", "tools/setup.sh", group)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_setup_installs_by_name_as_root(debian, tmp_path):
    script(debian / "id", "echo 0")
    done = run("sh", "tools/setup.sh", "build", path=debian)
    assert done.returncode == 0, done.stderr
    assert "setup: installing" in done.stderr
    assert "install --yes --no-install-recommends" in asked(tmp_path)
    assert "gcc" in asked(tmp_path).split() and "qemu-system-x86" in asked(tmp_path).split()


def test_setup_uses_sudo_that_asks_nothing(debian, tmp_path):
    script(debian / "sudo", f'echo "sudo $1" >>{tmp_path}/asked; shift; exec "$@"')
    script(debian / "true", "")
    done = run("sh", "tools/setup.sh", "build", path=debian)
    assert done.returncode == 0, done.stderr
    assert "sudo -n" in asked(tmp_path) and "gcc" in asked(tmp_path).split()


@pytest.mark.parametrize("sudo", [None, "exit 1"], ids=["none", "refused"])
def test_setup_that_is_refused_says_what_to_type(debian, tmp_path, sudo):
    if sudo:
        script(debian / "sudo", sudo)
    done = run("sh", "tools/setup.sh", "build", path=debian)
    assert done.returncode == 3
    assert "type: sudo apt-get update && sudo apt-get install" in done.stderr and "gcc" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert asked(tmp_path) == ""


def test_setup_elsewhere_names_what_is_needed(bare):
    done = run("sh", "tools/setup.sh", "build", path=bare)
    assert done.returncode == 3
    assert "not Debian" in done.stderr and "gcc" in done.stderr


def test_setup_fetches_the_lists_when_they_are_old(debian, tmp_path):
    script(debian / "id", "echo 0")
    fresh = tmp_path / "fresh"
    script(
        debian / "apt-get",
        f'echo "$@" >>{tmp_path}/asked\n'
        f'[ "$1" = update ] && exec touch {fresh}\n'
        f"test -e {fresh}",
    )
    done = run("sh", "tools/setup.sh", "build", path=debian)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in asked(tmp_path).splitlines()] == [
        "install",
        "update",
        "install",
    ]


def test_setup_says_what_apt_says_when_it_fails(debian):
    script(debian / "id", "echo 0")
    script(debian / "apt-get", "echo Get:1; for n in 1 2 3 4; do echo E: no package $n; done; exit 100")
    done = run("sh", "tools/setup.sh", "build", path=debian)
    assert done.returncode == 1
    assert "E: no package 1\n" in done.stderr
    assert "Get" not in done.stderr and "E: no package 4" not in done.stderr


def state_of_the_machine():
    """What doctor must leave alone: the installed packages, and the tree."""
    packages = pathlib.Path("/var/lib/dpkg/status")
    digest = hashlib.sha256(packages.read_bytes() if packages.exists() else b"").hexdigest()
    return digest, sorted(os.listdir(ROOT)), sorted(os.listdir(BUILD))


def test_doctor_lists_the_tools_and_changes_nothing():
    before = state_of_the_machine()
    done = run("make", "doctor")
    assert done.returncode == 0, done.stderr
    for tool in ("gcc", "qemu-system-x86", "libjansson-dev", "clang-tidy", "ovmf"):
        assert tool in done.stdout
    # The provers are brought by the goals that want them, not by the tests.
    assert {line.split()[0] for line in done.stdout.splitlines() if "MISSING" in line} <= {"prove"}
    assert state_of_the_machine() == before


def test_doctor_works_where_nothing_is_installed(debian, tmp_path):
    before = state_of_the_machine()
    done = run("make", "doctor", path=debian)
    assert done.returncode == 0, done.stderr
    assert "MISSING" in done.stdout
    assert "as root: apt-get update && apt-get install" in done.stdout
    assert asked(tmp_path) == ""
    assert state_of_the_machine() == before


def test_a_dry_run_installs_nothing(debian, tmp_path):
    run("make", "-n", "run", f"O={tmp_path}/build", path=debian)
    assert asked(tmp_path) == ""


@pytest.mark.parametrize(
    ("goal", "needed", "not_needed"),
    [("run", "gcc", "xorriso"), ("iso", "xorriso", "clang"), ("test", "clang", None)],
)
def test_set_up_comes_before_the_compiler(debian, tmp_path, goal, needed, not_needed):
    done = run("make", goal, "SETUP=yes", f"O={tmp_path}/build", path=debian)
    assert done.returncode == 2 and "Error 3" in done.stderr
    lines = [line for line in done.stderr.splitlines() if "type: sudo apt-get" in line]
    assert len(lines) == 1
    assert "gcc" in lines[0].split() and needed in lines[0].split()
    assert not_needed not in lines[0].split()
    assert "compiler" not in done.stderr


# The toolchain pin


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("__clang_major__ 11", "is gcc 11, and capOS needs gcc 12"),
        ("13 4", "is clang 13, and capOS needs gcc 12 or clang 14"),
    ],
)
def test_a_compiler_that_is_too_old_is_refused(tmp_path, version, sentence):
    script(tmp_path / "oldcc", f"echo {version}")
    done = run("make", "-n", "SETUP=no", f"CC={tmp_path}/oldcc", "kernel")
    assert done.returncode == 2
    assert sentence in done.stderr


def test_a_compiler_that_is_not_there_is_named():
    done = run("make", "-n", "SETUP=no", "CC=no-such-cc", "kernel")
    assert done.returncode == 2
    assert 'no C compiler named "no-such-cc"' in done.stderr


# The build


def test_a_second_make_does_nothing():
    done = run("make", "-q", "SETUP=no", "all")
    assert done.returncode == 0, run("make", "-n", "SETUP=no", "all").stdout


def test_another_flag_rebuilds():
    done = run("make", "-n", "SETUP=no", "V=1", "WARN=-Wall", "kernel")
    assert done.stdout.count(" -c -o ") > 10, done.stdout


def test_help_lists_the_targets():
    done = run("make", "help")
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
    assert {"run", "test", "doctor", "iso", "run-uefi", "bench", "lint", "fmt"} <= listed
    assert {"run-spawn", "run-net", "generated-code-check", "fuzz-smoke"} <= listed
    assert set(PARTIAL) <= listed


# What checks one part alone, and some of what it must run.
PARTIAL = {
    "test-lib": ["lib/test/elf_test", "lib/test/cap_table_test", "lib/capnp/test/"],
    "test-config": ["lib/test/manifest_test", "rt/test/capset_test", "tests/test_cue.py"],
    "test-mkmanifest": ["tests/test_mkmanifest.py"],
    "capos-rt-check": ["rt/test/capset_test", "rt/test/ring_test"],
}


@pytest.mark.parametrize("target", PARTIAL)
def test_a_target_of_one_part_runs_its_tests(target):
    (line,) = [
        line
        for line in run("make", "-n", "SETUP=no", "V=1", target).stdout.splitlines()
        if "tools/run-tests" in line
    ]
    for test in PARTIAL[target]:
        assert test in line


# tools/qemu-run, with a QEMU that ends as it is told


@pytest.fixture(name="emulator")
def emulator_fixture(tmp_path):
    """A function that runs tools/qemu-run with a QEMU of the given shell text."""
    kernel = tmp_path / "kernel.elf"
    kernel.touch()

    def emulate(text, *options):
        script(tmp_path / "qemu-system-x86_64", text)
        path = f"{tmp_path}:{os.environ['PATH']}"
        return run(
            sys.executable, "tools/qemu-run", "--kernel", kernel, *options, path=path
        )

    return emulate


@pytest.mark.parametrize(
    ("status", "expected", "sentence"),
    [
        (33, 0, None),
        (35, 35, "otherwise than expected"),
        (37, 37, "leak"),
        (39, 39, "panicked"),
        (41, 41, "manifest"),
        (43, 43, "too little memory"),
        (45, 45, "nothing could wake"),
        (47, 47, "deadline"),
        (0, 99, "reset"),
        (1, 1, "QEMU ended by itself with status 1"),
        (49, 1, "QEMU ended by itself with status 49"),
    ],
)
def test_each_end_of_a_run_has_its_status_and_sentence(emulator, status, expected, sentence):
    done = emulator(f"exit {status}")
    assert done.returncode == expected
    if sentence is None:
        assert done.stderr == ""
    else:
        assert sentence in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_run_without_end_is_stopped(emulator):
    done = emulator("exec sleep 60", "--timeout", "0.5")
    assert done.returncode == 124
    assert "had not ended after 0.5 s" in done.stderr


def test_the_transcript_goes_to_standard_output(emulator):
    done = emulator("echo hello; exit 33")
    assert done.stdout == "hello\n"


def test_standard_input_is_left_alone(emulator):
    done = emulator("cat; exit 33")
    assert done.returncode == 0 and done.stdout == ""


def test_without_qemu_there_is_a_sentence(tmp_path):
    kernel = tmp_path / "kernel.elf"
    kernel.touch()
    done = run(sys.executable, "tools/qemu-run", "--kernel", kernel, path=tmp_path)
    assert done.returncode == 1
    assert "qemu-system-x86_64 is not there" in done.stderr


@pytest.mark.parametrize(
    "options",
    [[], ["--iso", "absent.iso"], ["--kernel", "absent.elf"], ["--uefi", "--kernel", "Makefile"]],
)
def test_wrong_usage_of_the_runner(options):
    assert run(sys.executable, "tools/qemu-run", *options).returncode == 2


# tools/run-tests


def tap(passed, failed, planned=None):
    lines = [f"1..{passed + failed if planned is None else planned}"]
    lines += [f"ok {n} - good" for n in range(passed)]
    lines += [f"not ok {n} - bad" for n in range(failed)]
    return "\n".join(f"echo '{line}'" for line in lines)


@pytest.mark.parametrize(
    ("program", "last_line"),
    [
        (tap(3, 0), "3 passed, 0 failed"),
        (tap(2, 1) + "\nexit 1", "2 passed, 1 failed"),
        (tap(2, 0, planned=5) + "\nkill -SEGV $$", "2 passed, 1 failed"),
        (tap(2, 0) + "\nexit 23", "2 passed, 1 failed"),
        ("exit 0", "0 passed, 1 failed"),
    ],
    ids=["good", "failing", "dying", "leaking", "empty"],
)
def test_unit_programs_are_counted(tmp_path, program, last_line):
    script(tmp_path / "some_test", program)
    done = run(sys.executable, "tools/run-tests", "--unit", tmp_path / "some_test")
    assert done.stdout.splitlines()[-1] == last_line, done.stdout
    assert (done.returncode == 0) == last_line.endswith(" 0 failed")


def test_a_part_without_tests_is_a_failure(tmp_path):
    done = run(sys.executable, "tools/run-tests", "--pytest", tmp_path)
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"
    assert done.returncode != 0


def test_system_tests_and_checks_are_counted_together(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_a(): pass\ndef test_b(): assert False\n")
    done = run(
        sys.executable, "tools/run-tests", "--make", "sh -c", "--check", "true",
        "--pytest", tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed", done.stdout
    assert done.returncode != 0


# Limine


@pytest.fixture(name="limine")
def limine_fixture(tmp_path):
    """A folder with files named as Limine's, and pins of them."""
    for name in ("limine-bios.sys", "limine-bios-cd.bin", "limine-uefi-cd.bin"):
        (tmp_path / name).write_text(name)
    pins = tmp_path / "pins"
    assert run("sh", "tools/limine-check", "pin", pins, tmp_path).returncode == 0
    return tmp_path, pins


def test_limine_as_pinned_is_accepted(limine):
    folder, pins = limine
    assert run("sh", "tools/limine-check", "verify", pins, folder).returncode == 0


@pytest.mark.parametrize("name", ["limine-bios.sys", "limine-bios-cd.bin", "limine-uefi-cd.bin"])
def test_another_limine_is_refused(limine, name):
    folder, pins = limine
    (folder / name).write_text("another")
    done = run("sh", "tools/limine-check", "verify", pins, folder)
    assert done.returncode == 1
    assert name in done.stderr


def test_limine_that_is_not_there_is_named(limine, tmp_path):
    _, pins = limine
    done = run("sh", "tools/limine-check", "verify", pins, tmp_path / "absent")
    assert done.returncode == 2
    assert "absent" in done.stderr


def test_the_pins_of_the_tree_name_every_file():
    pins = (ROOT / "mk/limine.sha256").read_text()
    for name in ("limine-bios.sys", "limine-bios-cd.bin", "limine-uefi-cd.bin"):
        assert name in pins
