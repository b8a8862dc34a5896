# SPDX-License-Identifier: MIT
"""What gdb's commands print of a machine that stands still, and whether it is so.

The commands read the kernel by its debugging data, so these tests are also what notices
that a struct has changed and tools/gdb has not.
"""

import json
import re
import subprocess
import sys

import pytest
from conftest import CONSOLE, KERNEL, MANIFEST, ROOT, make_manifest, manifest, service

DRAW = ROOT / "tools/graph/draw"
STOP_AT_SYSTEM_CALLS = "hbreak *syscall_entry"
STOP_AT_RETURNS = (
    "python entry = int(gdb.parse_and_eval('(unsigned long)&syscall_entry')); "
    "code = gdb.selected_frame().architecture().disassemble(entry, entry + 256); "
    "[gdb.execute('hbreak *%d' % i['addr']) for i in code if i['asm'].startswith('sysret')]"
)
LABELLED = {
    "name": "console", "interface": "Console", "badge": 7,
    "source": {"service": "server", "export": "labelled"},
}  # fmt: skip
EXPORTS = [{"name": "labelled", "interface": "Console"}]


@pytest.fixture(name="gdb")
def gdb_fixture(tmp_path):
    """Boots under gdb, runs commands, and gives what each of them printed."""

    def gdb(module, *commands, options=()):
        if isinstance(module, dict):
            module = make_manifest(module, tmp_path / "manifest.bin")
        line = [sys.executable, ROOT / "tools/gdb/debug", "--timeout", "60"]
        line += ["--kernel", KERNEL, "--manifest", module, "--serial", tmp_path / "serial", "--icount", *options]
        for number, command in enumerate(commands):
            line += ["--do", f"echo \\n-- {number}\\n", "--do", command]
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=90, check=False,
        )  # fmt: skip
        answers = re.split(r"^-- \d+\n", done.stdout, flags=re.MULTILINE)[1:]
        assert len(answers) == len(commands), done.stdout
        return answers

    return gdb


def rows(answer):
    """A printed table as lists of cells."""
    return [re.split(r"  +", line.strip()) for line in answer.strip().splitlines()]


def agrees(recount):
    """That every hold was found, and no other, by the objects' own counts."""
    return recount.strip().endswith("; 0 objects count otherwise")


@pytest.fixture(name="labels")
def labels_fixture():
    """The server and the client of docs/runtime.md."""
    caps = [dict(LABELLED)]
    server = service("server", "label-server", daemon=True, exports=EXPORTS)
    return manifest(service("client", "label-client", caps=caps), server)


def test_the_default_system_when_its_services_have_started(gdb):
    _, processes, caps, recount, holders = gdb(
        MANIFEST, "capos started", "capos processes", "capos caps ipc-client", "capos recount",
        "capos holders ipc-server.depot",
    )  # fmt: skip
    declared = json.loads((ROOT / "system.json").read_text())["services"]
    assert [row[1] for row in rows(processes)[1:]] == [one["name"] for one in declared]
    assert all(row[2] == "live" for row in rows(processes)[1:])
    assert [(row[2], row[3], row[4], row[5]) for row in rows(caps)[1:]] == [
        ("console", "Console", "Console", "0"),
        ("luggage", "Console", "Console", "0"),
        ("depot", "Depot", "ipc-server.depot", "1"),
        ("pulse", "Depot", "ipc-client-dying.pulse", "0"),
    ]
    assert agrees(recount), recount
    assert "ipc-server.depot (EndpointClient) is held 7 times, as it counts:" in holders
    assert '  ipc-client (process 15), slot 2 "depot"\n' in holders
    assert "  the grants of the service ipc-client-bystander\n" in holders


def test_a_call_in_service(gdb):
    """The server stands in its handler; two other processes are linked to the same addresses."""
    answers = gdb(
        MANIFEST, "capos break demos/ipc-server echo", "continue", "backtrace 1", "capos ring ipc-client",
        "capos ring ipc-server", "capos endpoints", "capos recount",
    )  # fmt: skip
    _, _, frame, client, server, endpoints, recount = answers
    assert "echo (" in frame and "demos/ipc-server/main.c" in frame
    assert re.search(r"^  SERVED by ipc-server \(process 14\), user data 0x", client, re.MULTILINE)
    assert re.search(
        r"^  SERVING call 0x[0-9a-f]+ of ipc-client \(process 15\) at ipc-server.depot",
        server, re.MULTILINE,
    )  # fmt: skip
    armed = len(re.findall(r"^  ARMED at ipc-server.depot", server, re.MULTILINE))
    assert armed > 0
    assert f"ipc-server.depot: 0 calls wait, {armed} receivers wait\n" in endpoints
    assert endpoints.count("  receiver ipc-server (process 14), room for") == armed
    assert agrees(recount), recount


def test_an_entry_that_has_not_been_taken(gdb, labels):
    answers = gdb(labels, STOP_AT_SYSTEM_CALLS, *["continue", "capos ring client"] * 3)
    waiting = [text for text in answers[2::2] if "submissions: 0 taken, 1 waiting" in text]
    assert waiting, answers
    assert re.search(
        r'^  0: CALL Console.writeLine, by "console" \(server.labelled\), \d+ bytes at 0x',
        waiting[0], re.MULTILINE,
    )  # fmt: skip
    taken = [text for text in answers[2::2] if "submissions: 1 taken, 0 waiting" in text]
    assert taken and "  SERVED by server (process 2)" in taken[-1], answers


def test_a_call_that_waits(gdb):
    """
    Nobody receives: the server spins. Another starts and ends, which is where it is looked at.
    The server comes before the client: after a stop of gdb the clock jumps to the next tick,
    and whoever runs first then gets none of it.
    """
    other = service("other", "leave", caps=[], restart={"policy": "always", "count": 100})
    client = service("client", "label-client", caps=[LABELLED])
    server = service("server", "spin", caps=[], daemon=True, exports=EXPORTS)
    answers = gdb(
        manifest(other, server, client), STOP_AT_SYSTEM_CALLS,
        *["continue", "capos endpoints", "capos recount"] * 8,
    )  # fmt: skip
    waits = [i for i, text in enumerate(answers) if "server.labelled: 1 calls wait, 0 receivers" in text]
    assert waits, answers
    assert (
        "  call of client (process 3): QUEUED Console.writeLine at server.labelled, badge 7"
        in answers[waits[0]]
    )
    assert all(agrees(answers[i + 1]) for i in waits)


def test_a_completion_that_has_not_been_taken(gdb, labels):
    answers = gdb(
        labels, "capos started", STOP_AT_RETURNS, *["continue", "capos ring client"] * 6
    )  # fmt: skip
    seen = [text for text in answers[3::2] if "completions: 1 posted, 1 not taken yet" in text]
    assert seen, answers
    assert re.search(r"^  0: ok, 0 bytes, user data 0x", seen[0], re.MULTILINE), seen[0]


def test_a_count_that_is_wrong_is_found(gdb, labels):
    _, _, recount, holders = gdb(
        labels, "capos started", "set 'kernel/cap/console.c'::console.holds = 9", "capos recount",
        "capos holders Console",
    )  # fmt: skip
    assert "Console counts 9, and is held 3 times\n" in recount
    assert recount.strip().endswith("; 1 objects count otherwise")
    assert "Console (Console) is held 3 times, BUT IT COUNTS 9:" in holders


def test_what_is_not_there_is_refused_in_words(gdb, labels):
    asked = {
        "capos processes": "the kernel's memory cannot be read here; try: capos started",
        "capos started": "",
        "capos caps": "there is no process without a name; there are: client (1), server (2)",
        "capos ring nobody": "there is no process nobody; there are: client (1), server (2)",
        "capos holders nothing": "there is no object nothing; `capos objects` lists all",
        "capos holders 0x10": "there is no object 0x10; `capos objects` lists all",
        "capos break demos/ipc-server": "what is wanted is: capos break PROGRAM FUNCTION",
        "capos break demos/none main": "demos/none is no program that was built",
        "capos break demos/ipc-server none": "demos/ipc-server has no function none",
    }
    for answer, (command, expected) in zip(gdb(labels, *asked), asked.items()):
        assert expected in answer, f"{command}: {answer}"


def test_at_a_prompt(labels, tmp_path):
    """Commands from standard input; what the machine says comes to the same place."""
    module = make_manifest(labels, tmp_path / "manifest.bin")
    done = subprocess.run(
        [sys.executable, ROOT / "tools/gdb/debug", "--kernel", KERNEL, "--manifest", module],
        input="capos started\ncapos processes\ncontinue\n", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert "`help capos` lists the commands" in done.stdout
    assert re.search(r"^1 +client +live +ready", done.stdout, re.MULTILINE), done.stdout
    assert "client 7: hello" in done.stdout
    assert "capos: passed" in done.stdout


def test_a_panic_can_be_stopped_where_it_begins(gdb, labels):
    _, _, trace = gdb(
        labels, "hbreak panic", "continue", "backtrace 2", options=["--append", "capos.test=panic"]
    )
    assert re.search(r"^#0  .*panic \(fmt=", trace, re.MULTILINE), trace
    assert re.search(r"^#1  .*test_panic \(", trace, re.MULTILINE), trace


RENAME = (
    "python import model; p = model.System().process('server'); "
    "gdb.selected_inferior().write_memory(int(p.value['name'].address), b'client\\0')"
)


def test_two_processes_of_one_name_are_told_apart_by_number(gdb, labels):
    *_, both, one = gdb(labels, "capos started", RENAME, "capos caps client", "capos caps 2")
    assert "several processes are called client; say which: 1, 2" in both
    assert "labelled" in one


# The graph


@pytest.fixture(name="compare")
def compare_fixture(tmp_path):
    """What `draw compare` says of a manifest's data and what gdb wrote: status, and lines."""

    def compare(data):
        path = tmp_path / "system.json"
        path.write_text(json.dumps(data))
        done = subprocess.run(
            [DRAW, "compare", path, tmp_path / "running.txt"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.splitlines()

    return compare


def test_the_graphs_of_the_default_system_agree(gdb, compare, tmp_path):
    gdb(MANIFEST, "capos started", f"capos graph {tmp_path}/running")
    declared = json.loads((ROOT / "system.json").read_text())
    status, said = compare(declared)
    assert status == 0, said
    assert "the running system agree: 25 processes hold 58 capabilities" in said[-1]
    subprocess.run(
        ["dot", "-Tsvg", "-o", tmp_path / "running.svg", tmp_path / "running.dot"], check=True
    )
    svg = (tmp_path / "running.svg").read_text()
    assert "ipc&#45;server.depot" in svg and "unprivileged&#45;stranger" in svg


@pytest.mark.parametrize(
    "spoil, expected",
    [
        (lambda client, server: client["caps"][0].update(badge=8),
         "-client: console as Console → server.labelled, badge 8"),
        (lambda client, server: client["caps"].append(CONSOLE | {"name": "more"}),
         "-client: more as Console → Console"),
        (lambda client, server: server.update(caps=[]), "+server: console as Console → Console"),
        (lambda client, server: client.update(name="other"),
         "+client: console as Console → server.labelled, badge 7"),
    ],
    ids=["badge", "more", "less", "who"],
)  # fmt: skip
def test_graphs_that_differ_are_told(gdb, labels, compare, tmp_path, spoil, expected):
    gdb(labels, "capos started", f"capos graph {tmp_path}/running")
    assert compare(labels)[0] == 0
    spoil(*labels["services"])
    status, said = compare(labels)
    assert status == 1
    assert expected in said, said


def test_a_graph_of_what_is_not_there_is_refused(tmp_path):
    done = subprocess.run(
        [DRAW, "manifest", tmp_path / "none.json", tmp_path / "out"],
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"draw: {tmp_path}/none.json: No such file or directory\n"
