# SPDX-License-Identifier: MIT
"""What the checks of the manual share: pages, make's targets, and what is in the tree."""

import glob
import pathlib
import re

FENCE = re.compile(r"^(\s*)```(\w*)\n(.*?)^\s*```$", re.MULTILINE | re.DOTALL)


def pages():
    """Every page of the manual, and of the root."""
    return sorted(pathlib.Path().glob("*.md")) + sorted(pathlib.Path("docs").rglob("*.md"))


def without_blocks(text):
    """A page without its fenced blocks, line by line as before."""
    return FENCE.sub(lambda m: "\n" * m.group(0).count("\n"), text)


def blocks(text):
    """The fenced blocks of a page: (language, content)."""
    return [(m.group(2), m.group(3)) for m in FENCE.finditer(text)]


def make_files():
    yield pathlib.Path("Makefile")
    yield from sorted(pathlib.Path("mk").glob("*.mk"))


def make_targets():
    """The targets that people name: those with a line of help, and the phony ones."""
    found = set()
    for path in make_files():
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        found.update(re.findall(r"^##\s+(\S+)\s", text, re.MULTILINE))
        for names in re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE):
            found.update(names.split())
        for names in re.findall(r"^plain_goals := (.*)$", text, re.MULTILINE):
            found.update(names.split())
    return found


def targets_named(command):
    """The targets that a line `make …` asks for, without options and variables."""
    command = re.sub(r"'[^']*'|\"[^\"]*\"", "", command)
    for word in command.split()[1:]:
        if word in ("&&", "||", "|", ";", "#", ">", "<", "and", "or") or word.startswith((">", "#")):
            return
        if not word.startswith("-") and "=" not in word:
            yield word.rstrip(";,.:)")


def braces(path):
    """a{b,c} becomes ab and ac."""
    found = re.search(r"\{([^{}]*)\}", path)
    if not found:
        return [path]
    return [
        whole
        for part in found.group(1).split(",")
        for whole in braces(path[: found.start()] + part + path[found.end() :])
    ]


def exists(path):
    """Whether the tree has it: a file, a folder, or something that the pattern fits."""
    return all(glob.glob(part.rstrip("/")) for part in braces(path))
