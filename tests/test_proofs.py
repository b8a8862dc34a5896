# SPDX-License-Identifier: MIT
"""What counts the proofs and the planted bugs, with provers that do as they are told; and what
becomes of them where a prover cannot be had."""

import json
import os
import shutil
import sys

import pytest
from conftest import ROOT
from test_tools import bare_fixture, run, script  # noqa: F401  (a fixture is known by being here)

PROOFS = len(list(ROOT.glob("proofs/*_proof.c")))
CONTRACTS = len(list(ROOT.glob("proofs/wp/*.c")))


def last_line(done):
    return done.stdout.splitlines()[-1]


# Where a prover cannot be had


def get_cbmc(prefix, path):
    return run("tools/get-cbmc", prefix, path=path)


def apt_tools(directory, apt_get):
    """A Debian whose apt-get is the given shell text, and says where its packages come from."""
    for tool in ("rm", "awk", "timeout", "sha256sum"):
        (directory / tool).symlink_to(shutil.which(tool))
    script(directory / "dpkg", "echo amd64")
    script(directory / "dpkg-deb", "exit 0")
    script(
        directory / "apt-get",
        '[ "$1" = indextargets ] && echo Debian bookworm file:/nowhere key && exit\n' + apt_get,
    )


def test_get_cbmc_elsewhere_says_why(bare, tmp_path):
    done = get_cbmc(tmp_path / "cbmc", bare)
    assert done.returncode == 4
    assert done.stderr == "get-cbmc: CBMC cannot be had here: this is not Debian\n"


@pytest.mark.parametrize(
    ("apt_get", "why"),
    [
        ("exit 100", "the list of packages for trixie does not come"),
        ('case "$*" in *update) ;; *) exit 100 ;; esac', "a package does not come"),
        ('case "$*" in *update) ;; *) : >cbmc_1.deb; : >minisat_1.deb ;; esac', "another version"),
    ],
    ids=["no network", "no package", "another version"],
)
def test_get_cbmc_that_is_refused_says_why(bare, tmp_path, apt_get, why):
    apt_tools(bare, apt_get)
    done = get_cbmc(tmp_path / "cbmc", bare)
    assert done.returncode == 4
    assert "CBMC cannot be had here: " in done.stderr and why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "cbmc/bin").exists()


def test_get_cbmc_leaves_what_is_there_alone(bare, tmp_path):
    (tmp_path / "cbmc/bin").mkdir(parents=True)
    script(tmp_path / "cbmc/bin/cbmc", "exit 0")
    done = get_cbmc(tmp_path / "cbmc", bare)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_get_cbmc_wants_one_folder():
    assert run("tools/get-cbmc").returncode == 2


@pytest.mark.parametrize("goal", ["prove-lib", "prove-quick"])
def test_without_cbmc_nothing_is_proven(bare, tmp_path, goal):
    done = run("make", goal, "SETUP=no", f"O={tmp_path}/build", "CC=/usr/bin/gcc", path=bare)
    assert done.returncode == 0, done.stderr
    assert "CBMC cannot be had here" in done.stderr
    assert last_line(done).startswith("0 passed, 0 failed, ")
    assert int(last_line(done).split()[4]) >= PROOFS


@pytest.mark.parametrize("refusal", ["no password", "no package", "no setup"])
def test_without_frama_c_nothing_is_proven(bare, tmp_path, refusal):
    setup = "no" if refusal == "no setup" else "yes"
    (tmp_path / "build/setup").mkdir(parents=True)
    (tmp_path / "build/setup/test.mk").write_text("setup_done := yes\n")
    script(bare / "id", "echo 1000" if refusal == "no password" else "echo 0")
    script(bare / "apt-get", "echo no such package; exit 100")
    done = run(
        "make", "prove-wp", f"SETUP={setup}", f"O={tmp_path}/build", "CC=/usr/bin/gcc", path=bare
    )
    assert done.returncode == 0, done.stderr
    assert ("frama-c-base" in done.stderr) == (setup == "yes")
    assert "frama-c, why3, cvc4 is not installed: nothing was proven" in done.stdout
    assert last_line(done) == f"0 passed, 0 failed, {CONTRACTS} skipped"


# tools/prove


PROOF = """
/* CBMC: --unwind 2 */
void prove_first(void)
{
}

/* CBMC: --unwind 3 */
void prove_second(void)
{
}
"""


@pytest.fixture(name="prove")
def prove_fixture(tmp_path):
    """A function that runs tools/prove with a CBMC of the given shell text."""
    (tmp_path / "thing_proof.c").write_text(PROOF)

    def prove(cbmc, *options):
        script(tmp_path / "cbmc", cbmc)
        return run("tools/prove", "--cbmc", tmp_path / "cbmc", *options, tmp_path / "thing_proof.c")

    return prove


def test_what_cbmc_shows_is_counted(prove):
    done = prove("echo '** 0 of 7 failed (1 iterations)'")
    assert done.returncode == 0
    assert done.stdout.count(" passed in ") == 2 and ", 7 checks\n" in done.stdout
    assert last_line(done) == "2 passed, 0 failed"


@pytest.mark.parametrize(
    "cbmc",
    [
        "echo '[main.1] line 3 x < 4: FAILURE'; echo '** 1 of 7 failed'; exit 10",
        "echo '** 0 of 0 failed'",
        "echo '** 0 of 7 failed'; exit 6",
        "exit 0",
    ],
    ids=["a check fails", "no check", "it fails", "it says nothing"],
)
def test_what_cbmc_does_not_show_has_failed(prove, cbmc):
    done = prove(f'case "$*" in *prove_first*) {cbmc} ;; *) echo "** 0 of 7 failed" ;; esac')
    assert done.returncode == 1
    assert "thing: prove_first: failed" in done.stdout
    assert ("x < 4: FAILURE" in done.stdout) == ("FAILURE" in cbmc)
    assert last_line(done) == "1 passed, 1 failed"


def test_a_proof_without_end_is_ended(prove):
    done = prove("while :; do :; done", "--seconds", "1", "--only", "first")
    assert "no end after 1 s of a processor" in done.stdout
    assert last_line(done) == "0 passed, 1 failed"


def test_a_proof_has_so_much_memory_and_no_more(prove):
    done = prove("ulimit -d; exit 6", "--only", "first")
    assert f"  {8 << 20}\n" in done.stdout


def test_a_proof_that_is_chosen_by_no_name_is_a_failure(prove):
    assert prove("exit 0", "--only", "third").returncode == 1


def test_a_proof_without_options_is_refused(tmp_path):
    (tmp_path / "x_proof.c").write_text(PROOF + "void prove_third(void)\n{\n}\n")
    done = run("tools/prove", "--cbmc", "true", tmp_path / "x_proof.c")
    assert done.returncode == 1
    assert "a proof without a comment that says its options" in done.stderr


# tools/prove-wp


CONTRACT = "/* WP: functions f */\n/* WP: goals 3 */\n"


@pytest.fixture(name="prove_wp")
def prove_wp_fixture(tmp_path):
    """A function that runs tools/prove-wp with a Frama-C of the given shell text."""
    for tool in ("why3", "cvc4"):
        script(tmp_path / tool, "exit 0")
    (tmp_path / "thing.c").write_text(CONTRACT)

    def prove_wp(frama_c):
        script(tmp_path / "frama-c", frama_c)
        return run(
            sys.executable, "tools/prove-wp", "--work", tmp_path / "wp", tmp_path / "thing.c",
            path=f"{tmp_path}:{os.environ['PATH']}",
        )  # fmt: skip

    return prove_wp


def test_goals_that_wp_proves_are_counted(prove_wp):
    done = prove_wp("echo 'Proved goals:    3 / 3'")
    assert done.returncode == 0
    assert "3 of 3 goals" in done.stdout and last_line(done) == "1 passed, 0 failed"


@pytest.mark.parametrize(
    ("frama_c", "why"),
    [
        ("echo 'Goal typed_f_ensures : Timeout'; echo 'Proved goals: 2 / 3'", "typed_f_ensures : Timeout"),
        ("echo 'Proved goals: 2 / 2'", "the file says 3 goals, and there are 2"),
        ("echo '[wp] Warning: missing RTE'; echo 'Proved goals: 3 / 3'", "missing RTE"),
        ("echo 'Proved goals: 3 / 3'; exit 1", "it could not be tried"),
        ("exit 0", "it could not be tried"),
    ],
    ids=["not proven", "a goal is lost", "a warning", "it fails", "it says nothing"],
)
def test_what_wp_does_not_prove_has_failed(prove_wp, frama_c, why):
    done = prove_wp(frama_c)
    assert done.returncode == 1
    assert why in done.stdout and last_line(done) == "0 passed, 1 failed"


# tools/mutation-check, on a tree whose source is two numbers

MAKEFILE = """
build/san/thing_test:
	@! grep -q broken numbers
	@mkdir -p build/san
	@printf '#!/bin/sh\\ngrep -q 4 numbers\\n' >$@
	@chmod +x $@
build/model/ring_model build/model/ring_relacy:
test-ring-model:
	@grep -q 4 numbers
.PHONY: build/san/thing_test
"""
CBMC = """
grep -q broken numbers && exit 6
grep -q 4 numbers && echo '** 0 of 7 failed' || echo 'x == 4: FAILURE'
"""
FRAMA_C = """
grep -q broken numbers && exit 1
grep -q 4 numbers && echo 'Proved goals: 3 / 3' && exit
echo 'Goal typed_f_ensures : Timeout'
echo 'Proved goals: 2 / 3'
"""


@pytest.fixture(name="plant")
def plant_fixture(tmp_path):
    """A function that plants one bug, which is to be found by what it says."""
    tree = tmp_path / "tree"
    (tree / "proofs/wp").mkdir(parents=True)
    (tree / "tools").mkdir()
    for tool in ("prove", "prove-wp"):
        (tree / "tools" / tool).symlink_to(ROOT / "tools" / tool)
    (tree / "Makefile").write_text(MAKEFILE)
    (tree / "numbers").write_text("4 5 5\n")
    (tree / "proofs/thing_proof.c").write_text(PROOF)
    (tree / "proofs/wp/thing.c").write_text(CONTRACT)
    provers = tmp_path / "provers"
    provers.mkdir()
    for tool, text in {"cbmc": CBMC, "frama-c": FRAMA_C, "why3": "", "cvc4": ""}.items():
        script(provers / tool, text)

    def plant(path=f"{provers}:{os.environ['PATH']}", **bug):
        bug = {"bug": "a number", "file": "numbers", "old": "4", "new": "3", **bug}
        (tree / "mutations.json").write_text(json.dumps([bug]))
        command = [ROOT / "tools/mutation-check", "--cbmc", "cbmc", "mutations.json"]
        return run(*command, cwd=tree, path=path)

    return plant


FINDERS = ["unit thing_test", "model", "proof thing: prove_first", "wp thing"]


@pytest.mark.parametrize("found_by", FINDERS)
def test_a_planted_bug_is_found(plant, found_by):
    done = plant(found_by=found_by)
    assert done.returncode == 0, done.stdout
    assert f"{found_by}: a number: found in " in done.stdout
    assert last_line(done) == "1 passed, 0 failed"


@pytest.mark.parametrize("found_by", FINDERS)
def test_a_planted_bug_that_is_not_found_is_a_failure(plant, found_by):
    done = plant(found_by=found_by, old="4 5", new="4 6")
    assert done.returncode == 1
    assert "FAILED: it is not found" in done.stdout
    assert last_line(done) == "0 passed, 1 failed"


@pytest.mark.parametrize(
    ("bug", "sentence"),
    [
        ({"found_by": "unit thing_test", "old": "5"}, "its old text stands 2 times in numbers"),
        ({"found_by": "unit thing_test", "old": "6"}, "its old text stands 0 times in numbers"),
        ({"found_by": "unit thing_test", "new": "broken"}, "it does not build, or could not be"),
        ({"found_by": "proof thing: prove_first", "new": "broken"}, "it does not build, or could"),
        ({"found_by": "wp thing", "new": "broken"}, "it does not build, or could not be"),
        ({"found_by": "unit other_test"}, "what must find it does not pass without it"),
        ({"found_by": "proof thing: prove_third"}, "what must find it does not pass without it"),
        ({"found_by": "wp other"}, "what must find it does not pass without it"),
        ({"found_by": "model", "file": "absent"}, "its old text stands 0 times in absent"),
    ],
)
def test_a_bug_that_cannot_be_planted_is_a_failure(plant, bug, sentence):
    done = plant(**bug)
    assert done.returncode == 1
    assert sentence in done.stdout and last_line(done) == "0 passed, 1 failed"


def test_bugs_for_a_prover_that_is_not_here_are_skipped(plant, bare):
    for found_by in ("proof thing: prove_first", "wp thing"):
        done = plant(found_by=found_by, path=bare)
        assert done.returncode == 0, done.stdout
        assert "skipped, " in done.stdout
        assert last_line(done) == "0 passed, 0 failed, 1 skipped"
