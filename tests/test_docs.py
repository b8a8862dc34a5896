# SPDX-License-Identifier: MIT
"""The manual is true where a machine can tell: its programs, its commands, its checks."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD, KERNEL, MANIFEST, PASS, ROOT, qemu_run

sys.path.insert(0, str(ROOT / "tools"))
import manual  # noqa: E402

PAGES = [path for path in sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))]
WARNINGS = ["-std=c17", "-Wall", "-Wextra", "-Werror"]
PROGRAM_PATHS = ["-Iabi/include", "-Ilib/capnp/include", "-Ischema/gen", "-Irt/include"]
HOST_PATHS = ["-Ilib/capnp/include", "-Ischema/gen"]

# A line before a block says that it is run as it stands.
RUNS = re.compile(r"^<!-- runs -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs():
    """Every block of C that is a whole program, with its page."""
    for page in PAGES:
        for language, content in manual.blocks(page.read_text()):
            if language == "c" and "int main(" in content:
                yield str(page.relative_to(ROOT)), content


def commands():
    for page in PAGES:
        for content in RUNS.findall(page.read_text()):
            yield str(page.relative_to(ROOT)), content


def names(found):
    return [page for page, _ in found]


def run(*command, cwd=ROOT, **environment):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**inherited, **environment},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=300, check=False,
    )  # fmt: skip


def test_there_are_programs_and_commands():
    assert len(list(programs())) >= 4
    assert len(list(commands())) >= 3


@pytest.mark.parametrize(("page", "source"), list(programs()), ids=names(programs()))
def test_a_program_on_a_page_works(page, source, tmp_path):
    """One for the host is run; one for capOS is compiled."""
    (tmp_path / "main.c").write_text(source)
    if "<stdio.h>" in source:
        libraries = [BUILD / "host/liblib.a", BUILD / "host/libcapnp.a"]
        done = run("gcc", *WARNINGS, *HOST_PATHS, "-o", tmp_path / "main", tmp_path / "main.c", *libraries)
        assert done.returncode == 0, done.stdout
        done = run(tmp_path / "main")
        assert done.returncode == 0 and done.stdout, page
    else:
        done = run("gcc", *WARNINGS, "-ffreestanding", "-fsyntax-only", *PROGRAM_PATHS, tmp_path / "main.c")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("page", "block"), list(commands()), ids=names(commands()))
def test_commands_on_a_page_run(page, block):
    done = run("bash", "-e", "-o", "pipefail", "-c", block, SETUP="no")
    assert done.returncode == 0, f"{page}: {done.stdout}"


def shape(line):
    """A line without its numbers, and with one space for many."""
    return re.sub(r"\d+", "0", " ".join(line.split()))


def test_the_first_run_is_what_a_run_prints():
    """Each line of the transcript in the README, but for the numbers in it and their order."""
    page = (ROOT / "README.md").read_text()
    first = re.search(r"^```\n\$ make run\n(.*?)^```$", page, re.MULTILINE | re.DOTALL).group(1)
    run = qemu_run("--kernel", KERNEL, "--manifest", MANIFEST)
    assert run.status == PASS, str(run)
    printed = {shape(line) for line in run.lines}
    missing = [line for line in first.splitlines() if line != "..." and shape(line) not in printed]
    assert not missing


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


OBJECTS = {
    "FrameAllocator": "frame_alloc",
    "MemoryReader": "memory_object",
    "NullCap": "null",
}


@pytest.mark.parametrize(
    "name", [p.stem for p in sorted((ROOT / "docs/interfaces").glob("*.md")) if p.stem not in ("README", "types")]
)
def test_a_page_names_the_exceptions_that_the_object_refuses_with(name):
    page = (ROOT / f"docs/interfaces/{name}.md").read_text()
    code = (ROOT / f"kernel/cap/{OBJECTS.get(name, snake(name))}.c").read_text()
    said = set(re.findall(r"^\| `(\w+)` \|", re.sub(r"\| Value \|.*", "", page, flags=re.DOTALL), re.MULTILINE))
    refused = {
        re.sub(r"_(\w)", lambda m: m.group(1).upper(), one.lower())
        for one in re.findall(r"CAPNP_EXC_(\w+)", code)
    }
    assert refused <= said
    exceptions = {"failed", "overloaded", "disconnected", "unimplemented", "invalidArgument"}
    assert said & exceptions <= refused


# The checks see what they are for: each is given a tree that has one thing wrong.


@pytest.fixture(name="tree")
def tree_fixture(tmp_path):
    """What the checks of the manual look at, but for generated and binary files."""
    for name in ("Makefile", "mkdocs.yml", "mk", "docs", "tools", *[p.name for p in ROOT.glob("*.md")]):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, tmp_path / name)
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name not in (".git", "build") and not (tmp_path / folder.name).exists():
            (tmp_path / folder.name).symlink_to(folder)
    for path in ROOT.iterdir():
        if path.is_file() and not (tmp_path / path.name).exists():
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def add(path, text):
    path.write_text(path.read_text() + text)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def check(tree, name):
    return run(sys.executable, tree / "tools" / name, cwd=tree)


@pytest.mark.parametrize("name", ["check-docs", "check-map"])
def test_a_check_of_the_manual_passes(tree, name):
    done = check(tree, name)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[x](no-such-page.md)", "there is no such page"),
        ("[x](abi.md#no-such-heading)", "the page has no such heading"),
        ("[x](../Makefile)", "only pages are linked"),
        ("`kernel/no_such_file.c`", "the tree has no kernel/no_such_file.c"),
        ("`lib/no_such_header.h`", "the tree has no lib/no_such_header.h"),
        ("`make no-such-target`", "there is no such target"),
        ("```sh\nmake run no-such-target\n```", "there is no such target"),
        ("```sh\ntrue && make no-such-target\n```", "there is no such target"),
    ],
)
def test_check_docs_sees_what_is_not_there(tree, text, sentence):
    add(tree / "docs/memory.md", f"\n{text}\n")
    done = check(tree, "check-docs")
    assert done.returncode == 1
    assert re.search(rf"^docs/memory.md:\d+: .*{sentence}", done.stdout, re.MULTILINE), done.stdout


def test_check_docs_sees_a_page_that_nobody_finds(tree):
    (tree / "docs/lonely.md").write_text("# Lonely\n")
    done = check(tree, "check-docs")
    assert done.returncode == 1 and "docs/lonely.md:1: mkdocs.yml lists this page 0 times" in done.stdout


def test_check_docs_sees_two_words_of_status(tree):
    replace(tree / "docs/proposals/smp.md", "Status: **future**", "Status: **accepted**")
    done = check(tree, "check-docs")
    assert done.returncode == 1 and "no row of smp.md that says accepted" in done.stdout


def test_check_docs_sees_a_word_that_is_none(tree):
    replace(tree / "docs/ring-design.md", "Status: **implemented**", "Status: **finished**")
    done = check(tree, "check-docs")
    assert done.returncode == 1 and "docs/ring-design.md:1: no line `Status: **…**`" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("`kernel/src/spawn.rs`", "`kernel/src/spawned.rs`", "no row of kernel/src/spawn.rs"),
        ("`kernel/spawn.c`", "`kernel/spawned.c`", "the tree has no kernel/spawned.c"),
        ("| `make test-mkmanifest` |", "| `make test-no-such` |", "there is no target test-no-such"),
        ("| `kernel/mem/frame.c` |", "| |", "nothing stands here for kernel/src/mem/frame.rs"),
    ],
)
def test_check_map_sees_what_is_missing(tree, old, new, sentence):
    replace(tree / "docs/repository-map.md", old, new)
    done = check(tree, "check-map")
    assert done.returncode == 1 and sentence in done.stdout, done.stdout


def test_a_drawing_that_is_none_is_refused(tree):
    add(tree / "docs/memory.md", "\n```dot\ndigraph { a -> }\n```\n")
    done = run(sys.executable, "tools/docs-source", tree / "out", cwd=tree)
    assert done.returncode == 1 and "docs/memory.md: a drawing is not one" in done.stdout


def test_a_drawing_is_drawn(tree):
    add(tree / "docs/memory.md", "\n```dot\ndigraph { a -> b }\n```\n")
    done = run(sys.executable, "tools/docs-source", tree / "out", cwd=tree)
    assert done.returncode == 0, done.stdout
    page = (tree / "out/docs/memory.md").read_text()
    assert '<figure class="diagram">' in page and "digraph" not in page


# The generator of the interface pages, under the sanitizers.

GENERATOR = BUILD / "san/interface-pages"


def test_the_pages_of_the_interfaces_are_those_of_the_schema(tmp_path):
    done = run(GENERATOR, tmp_path)
    assert done.returncode == 0 and done.stdout == ""
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (ROOT / "docs/interfaces").iterdir()}
    assert made == kept and len(made) >= 15


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "usage: interface-pages FOLDER"),
        (["a", "b"], 2, "usage: interface-pages FOLDER"),
        (["no-such-folder"], 1, "interface-pages: no-such-folder/"),
        (["x" * 5000], 1, "cannot be written"),
        (["/dev/full"], 1, "cannot be written"),
    ],
    ids=["none", "two", "no-folder", "long", "no-directory"],
)
def test_the_generator_says_what_is_wrong(arguments, status, sentence):
    done = run(GENERATOR, *arguments)
    assert done.returncode == status
    assert sentence in done.stdout


def test_the_generator_sees_that_a_page_was_not_written_to_its_end(tmp_path):
    (tmp_path / "Console.md").symlink_to("/dev/full")
    done = run(GENERATOR, tmp_path)
    assert done.returncode == 1 and "Console.md cannot be written" in done.stdout
