#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The hostile campaign: programs that throw everything they have at the kernel and at each
other, in one boot, and what came of it.

    hostile.py --entries 10000000        so many entries in one boot
    hostile.py --seconds 600             boots with one seed after another, as long as that
    hostile.py --pairs                   which pairs of opcode and outcome there cannot be, and why

Three kinds run side by side: soldiers (tests/programs/campaign), who share endpoints and
memory, and cancel, kill and starve each other; assailants (tests/programs/assault), who know
what each of their entries must come to; and trespassers (tests/programs/trespass), each of
whom tries one thing that the processor must stop. A run passes if the kernel says that every
service ended as expected and nothing leaked, if nobody was stuck, if at least half of the
soldiers' entries got past the look-up of what they name, and if of every opcode exactly those
outcomes were seen that there can be.
"""

import argparse
import dataclasses
import pathlib
import re
import sys
import tempfile
import time

from conftest import (
    CONSOLE,
    KERNEL,
    NULL_CAP,
    PANIC,
    PASS,
    STALLED,
    TIMEOUT,
    grant,
    make_manifest,
    manifest,
    qemu_run,
    service,
)
from test_assault import RINGS, assailant
from test_trespass import ACTS, trespasser

ERRORS = {
    "-1": "INVALID_REQUEST",
    "-2": "BAD_PARAMS",
    "-3": "BAD_RESULT",
    "-4": "INVOKE_FAILED",
    "-5": "UNSUPPORTED_OPCODE",
    "-7": "WRONG_INTERFACE",
    "-8": "BAD_TRANSFER",
    "-9": "CANCELED",
    "-10": "NOT_FOUND",
    "-11": "NOT_DELIVERED",
    "-12": "TOO_LARGE",
}
EXCEPTIONS = ("failed", "overloaded", "disconnected", "unimplemented", "invalid")
OUTCOMES = ("done", *ERRORS, *EXCEPTIONS)

# What keeps an opcode from an outcome; "" stands for all that are not named.
AT_ONCE = "it names nothing, has no buffer, and is done at once"
NO_OBJECT = "no object is called, so none refuses"
IMPOSSIBLE = {
    "NOP": {"": AT_ONCE},
    "CALL": {
        "-10": "it names a capability, not an entry or a call",
        "-11": "that is said to who returns",
    },
    "RECV": {
        "-2": "it has no parameters; a call that cannot be read fails with its caller",
        "-5": "no flag of it is reserved",
        "-8": "it sends no capabilities",
        "-10": "it names a capability, not an entry or a call",
        "-11": "that is said to who returns",
        "-12": "a call that is too large for it fails with its caller",
        "failed": NO_OBJECT,
        "unimplemented": NO_OBJECT,
        "invalid": NO_OBJECT,
    },
    "RETURN": {
        "-4": "it names a call, not a capability",
        "-5": "no flag of it is reserved",
        "-7": "it names a call, not a capability",
        "-12": "an answer that the caller has no room for is NOT_DELIVERED",
        "overloaded": "the receiver's own record is used again; only where the kernel has no"
        " memory for the first transfer of all, which kernel/test/allocation_test.c tries",
        "failed": NO_OBJECT,
        "unimplemented": NO_OBJECT,
        "invalid": NO_OBJECT,
    },
    "RELEASE": {"": "it has no buffer, calls nobody, and is done at once"},
    "CANCEL": {"": "it has no buffer, names an entry, and is done at once"},
    "FINISH": {"": "it is reserved, whatever it says"},
    "COPY": {"": "it has no buffer, calls nobody, and is done at once"},
    "unknown": {"": "there is no such opcode, whatever it says"},
}
POSSIBLE = {
    "NOP": {"done", "-1"},
    "CALL": set(OUTCOMES) - set(IMPOSSIBLE["CALL"]),
    "RECV": set(OUTCOMES) - set(IMPOSSIBLE["RECV"]),
    "RETURN": set(OUTCOMES) - set(IMPOSSIBLE["RETURN"]),
    "RELEASE": {"done", "-1", "-4"},
    "CANCEL": {"done", "-1", "-10"},
    "FINISH": {"-5"},
    "COPY": {"done", "-1", "-4", "-8", "overloaded"},
    "unknown": {"-1"},
}

# Refused before, or because, what the entry names was looked up.
NOT_LOOKED_UP = {
    "CALL": {"-1", "-4", "-5"},
    "RECV": {"-1", "-4"},
    "RETURN": {"-1", "-10"},
    "RELEASE": {"-1", "-4"},
    "CANCEL": {"-1", "-10"},
    "COPY": {"-1", "-4"},
}

ENTRIES_PER_BOOT = 250000


def campaign(seed, entries, faults):
    """The manifest of a campaign of soldiers alone."""
    caps = [
        CONSOLE,
        {**NULL_CAP, "name": f"seed-{seed}"},
        {**NULL_CAP, "name": f"entries-{entries}"},
        grant("memory", "VirtualMemory", "virtualMemory"),
        grant("spawner", "ProcessSpawner", "processSpawner"),
        grant("endpoints", "EndpointFactory", "endpointFactory"),
        grant("frames", "FrameAllocator", "frameAllocator"),
        grant("capabilities", "CapabilityManager", "capabilityManager"),
    ]
    if faults:
        caps.append(grant("faults", "FaultInjector", "faultInjector"))
    limits = {"frames": 8192, "capSlots": 8192, "processes": 64, "calls": 16384}
    general = service("general", "campaign", caps, limits=limits, ring={"areaBytes": 65536})
    data = manifest(general, service("leave"), deadline=min(60000 + entries, 2**32 - 1))
    del data["services"][1]
    return data


def everybody(seed, entries):
    """The same, with assailants and trespassers beside them."""
    data = campaign(seed, entries, faults=False)
    others = [assailant(seed, ring) for ring in RINGS]
    others += [trespasser(act, expect={"faulted": {"vector": v}}) for act, v in ACTS.items()]
    more = manifest(*others)
    return {
        **data,
        "binaries": data["binaries"] + more["binaries"],
        "services": data["services"] + more["services"],
    }


@dataclasses.dataclass
class Report:
    """What runs came to, added up."""

    entries: int = 0
    soldiers: int = 0
    processes: int = 0
    panics: int = 0
    leaks: int = 0
    stuck: int = 0
    failed: int = 0
    seen: dict = dataclasses.field(default_factory=dict)

    def add(self, run):
        for opcode, text in re.findall(r"^campaign: opcode (\w+): (.*)$", run.text, re.M):
            for outcome, count in re.findall(r"(\S+) (\d+)", text):
                pair = (opcode, outcome)
                self.seen[pair] = self.seen.get(pair, 0) + int(count)
        self.entries += sum(map(int, re.findall(r"(\d+) entries, ", run.text)))
        self.soldiers += sum(map(int, re.findall(r"(\d+) soldiers", run.text)))
        self.processes += len(re.findall(r"^\S+ +(?:exited|\w.*) +\d+ +\d+ +1$", run.text, re.M))
        self.panics += run.status == PANIC or "panic" in run.text
        self.leaks += run.text.count("leak:")
        self.stuck += run.status in (STALLED, TIMEOUT) or "is stuck" in run.text
        self.failed += run.status != PASS

    def got_past_lookup(self):
        """Entries that did, and all whose opcode and outcome were counted."""
        past = sum(
            count
            for (opcode, outcome), count in self.seen.items()
            if outcome not in NOT_LOOKED_UP.get(opcode, OUTCOMES)
        )
        return past, sum(self.seen.values())

    def never_seen(self):
        return [
            f"{opcode} {outcome}"
            for opcode, outcomes in POSSIBLE.items()
            for outcome in outcomes
            if self.seen.get((opcode, outcome), 0) == 0
        ]

    def not_possible(self):
        return [
            f"{opcode} {outcome}"
            for (opcode, outcome), count in self.seen.items()
            if count != 0 and outcome not in POSSIBLE[opcode]
        ]

    def is_good(self):
        past, counted = self.got_past_lookup()
        bad = self.panics + self.leaks + self.stuck + self.failed + len(self.not_possible())
        return bad == 0 and not self.never_seen() and 2 * past >= counted > 0

    def __str__(self):
        past, counted = self.got_past_lookup()
        pairs = sum(len(outcomes) for outcomes in POSSIBLE.values())
        lines = [
            f"hostile: {self.entries} entries by {self.soldiers + self.processes} processes",
            f"hostile: of {counted} counted by opcode, {past} got past the look-up"
            f" ({100 * past // max(counted, 1)} %)",
            f"hostile: {pairs - len(self.never_seen())} of {pairs} pairs of opcode and outcome"
            " were seen",
        ]
        for what, which in (("never", self.never_seen()), ("impossible", self.not_possible())):
            lines += [f"hostile: {what}: {', '.join(which)}"] if which else []
        lines.append(
            f"hostile: {self.panics} panics, {self.leaks} leaks, {self.stuck} stuck,"
            f" {self.failed} runs not as expected"
        )
        return "\n".join(lines)


def fight(seed, entries, kernel=KERNEL):
    with tempfile.TemporaryDirectory() as scratch:
        path = make_manifest(everybody(seed, entries), pathlib.Path(scratch) / "hostile.bin")
        return qemu_run(
            "--kernel", kernel, "--manifest", path, "--memory", "256", timeout=300 + entries // 300
        )


def print_pairs():
    for opcode, reasons in IMPOSSIBLE.items():
        for outcome in OUTCOMES:
            if outcome not in POSSIBLE[opcode]:
                name = ERRORS.get(outcome, outcome)
                print(f"{opcode:8} {name:20} {reasons.get(outcome) or reasons['']}")


def main():
    parser = argparse.ArgumentParser(prog="hostile")
    parser.add_argument("--entries", type=int, help="of soldiers, in one boot")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", action="store_true")
    options = parser.parse_args()
    if options.pairs:
        print_pairs()
        return 0
    report = Report()
    start = time.monotonic()
    seed = options.seed
    while seed == options.seed or (
        not options.entries and time.monotonic() - start < options.seconds
    ):
        run = fight(seed, options.entries or ENTRIES_PER_BOOT)
        report.add(run)
        if run.status != PASS:
            print(run)
            break
        seed += 1
    print(report)
    print(f"hostile: seeds {options.seed} to {seed - 1}, {time.monotonic() - start:.0f} s")
    return 0 if report.is_good() else 1


if __name__ == "__main__":
    sys.exit(main())
