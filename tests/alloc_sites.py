#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every place where the kernel asks for memory, out of what was linked, and how often each
was refused it in test runs.

    alloc_sites.py        prints them, most refused first; 1 if one never was, without a reason

A place is a call of a function that hands memory out, or of one that charges it to an
account; where a charge is compiled in line, it is the call that is left of it when it is
refused. Memory that is handed out is refused by the kernel's FaultInjector, one allocation
after the other, which says where the one was asked for (tests/programs/faults); charges
are refused because the budget is used up, which a plugin of the emulator counts
(tools/profile/refusals.c).
"""

import collections
import concurrent.futures
import dataclasses
import pathlib
import re
import subprocess
import sys
import tempfile

from conftest import (
    BUILD,
    CONSOLE,
    KERNEL,
    NO_MEMORY,
    PASS,
    grant,
    make_manifest,
    manifest,
    qemu_run,
    service,
)
from test_scale import (
    ENDPOINTS,
    FRAMES,
    LIMITS,
    MANAGER,
    SPAWNER,
    cycles,
    glutton,
    promised,
)

HAND_OUT = {
    "heap_alloc",
    "frame_alloc",
    "frame_alloc_zeroed",
    "frame_alloc_many",
    "frame_alloc_contiguous",
}
REFUSED = "account_refused"
CHARGE = {"account_take", "account_open", REFUSED}

# What each function that hands out asks whether it is to fail; nobody else does.
ASKS = "alloc_fault_count"

BOOT = "the boot, before there is a program: without memory it ends with a sentence"
SELFTEST = "the kernel tries itself at boot, and panics if it has no memory for that"
ASSERTED = "a new account holds its process: asserted"
HEAP = "made at a spawn only, and a new process has heap for it: PROCESS_HEAP_PER_PROCESS"

# Places that no test run refuses: what asks for what there, and why that is so.
APART = {
    ("paging_init", "frame_alloc_zeroed"): BOOT,
    ("kernel_table_below", "frame_alloc_zeroed"): BOOT,
    ("kstack_alloc", "frame_alloc_zeroed"): BOOT,
    ("program_init", "heap_alloc"): BOOT,
    ("services_init", "heap_alloc"): BOOT,
    ("null_cap_create", "heap_alloc"): BOOT,
    ("plant_leak", "frame_alloc"): "a leak is planted once, before the first program runs",
    ("test_aspace", "frame_alloc_zeroed"): SELFTEST,
    ("test_frames", "frame_alloc_zeroed"): SELFTEST,
    ("test_frames", "frame_alloc"): SELFTEST,
    ("take_all", "heap_alloc"): SELFTEST,
    ("user_page", "frame_alloc"): SELFTEST,
    ("test_exec_direct_map", "frame_alloc"): SELFTEST,
    ("open_account", REFUSED): ASSERTED,
    ("virtual_memory_create", "account_take"): HEAP,
    ("capability_manager_create", "account_take"): HEAP,
    ("frame_alloc", REFUSED): "only the first frame of a process is charged there, and a"
    " process that may have none is refused before",
    ("process_reserve_caps", REFUSED): "a child that may have fewer capabilities than it is"
    " born with is refused before",
    ("make_calls", REFUSED): "as many as a new process may have, at most",
}

# Compiled in line where a charge is refused; what matters is who called them.
IN_LINE = {"account_charge", "charge", "process_make_room"}


@dataclasses.dataclass
class Site:
    """One instruction that calls, or jumps to, a function that may refuse."""

    address: int
    returns_to: int
    jumps: bool
    asked: str
    place: str = ""  # by function and line, with those that it was compiled into in line
    refused: int = 0

    def where(self):
        """The function of the source that asks, and its line: the same for each copy of it."""
        frames = re.findall(r"(\w+) at (\S+)", self.place)
        return next(frame for frame in frames if frame[0] not in IN_LINE)

    def function(self):
        return self.where()[0]


def disassemble(elf):
    """(function, address, operation, function that it goes to) of each call and jump to one."""
    done = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", elf], stdout=subprocess.PIPE, text=True, check=True
    )
    inside = ""
    for line in done.stdout.splitlines():
        if head := re.match(r"[0-9a-f]+ <(\S+?)(?:\.cold)?>:$", line):
            inside = head[1]
        elif branch := re.match(r" *([0-9a-f]+):\s+(call|j\w+)\s+[0-9a-f]+ <([^+>]+)>$", line):
            yield inside, int(branch[1], 16), branch[2], branch[3]


def places_of(elf, addresses):
    done = subprocess.run(
        ["addr2line", "-f", "-i", "-p", "-s", "-e", elf, *map(hex, addresses)],
        stdout=subprocess.PIPE, text=True, check=True, timeout=60,
    )  # fmt: skip
    text = re.sub(r" \(discriminator \d+\)", "", done.stdout)
    return re.sub(r"\n \(inlined by\) ", " < ", text).splitlines()


def addresses_of(elf, names):
    nm = subprocess.run(["nm", elf], stdout=subprocess.PIPE, text=True, check=True)
    found = {name: int(at, 16) for at, _, name in re.findall(r"^(\S+) (.) (\S+)$", nm.stdout, re.M)}
    return [found[name] for name in names]


def check_no_pointer(elf):
    """What is called through a pointer would not be seen: no word of the image is its address."""
    with tempfile.NamedTemporaryFile() as image:
        subprocess.run(["objcopy", "-O", "binary", elf, image.name], check=True)
        data = pathlib.Path(image.name).read_bytes()
    names = sorted(HAND_OUT | CHARGE)
    for name, address in zip(names, addresses_of(elf, names), strict=True):
        if (address & 0xFFFFFFFF).to_bytes(4, "little") in data:
            sys.exit(f"alloc-sites: there is a pointer to {name}")


def find_sites(elf):
    """All there are. What cannot be told apart later ends this with a sentence."""
    check_no_pointer(elf)
    sites = []
    for inside, address, operation, target in disassemble(elf):
        target = re.sub(r"\.(constprop|isra|part)\.\d+", "", target)
        if target == ASKS and inside not in HAND_OUT:
            sys.exit(f"alloc-sites: {inside} hands memory out, and is not known here")
        if target not in HAND_OUT | CHARGE or inside in CHARGE:
            continue
        if operation not in ("call", "jmp") or (operation == "jmp" and target in CHARGE):
            sys.exit(f"alloc-sites: {inside} goes to {target} by {operation} at {address:x}")
        sites.append(Site(address, address + 5, operation == "jmp", target))
    for site, place in zip(sites, places_of(elf, [s.address for s in sites]), strict=True):
        site.place = place
    return sites


def count_injected(sites, returned_to):
    """Adds what the FaultInjector has said: addresses that a failed allocation returned to. A
    site that jumps has its caller's; there is one, and nothing else that is not behind a call."""
    by_return = {site.returns_to: site for site in sites if not site.jumps}
    jumping = [site for site in sites if site.jumps]
    for address in returned_to:
        if address in by_return:
            by_return[address].refused += 1
        elif len(jumping) == 1:
            jumping[0].refused += 1
        else:
            sys.exit(f"alloc-sites: what is it that returns to {address:x}?")


def count_charges(sites, counts):
    """Adds what the plugin has counted, {address: count}."""
    by_address = {site.address: site for site in sites}
    for address, count in counts.items():
        by_address[address].refused += count


# ---------------------------------------------------------------------------
# Runs

MEMORY = grant("memory", "VirtualMemory", "virtualMemory")
INJECTOR = grant("faults", "FaultInjector", "faultInjector")

# Operations of tests/programs/faults.
OPERATIONS = [
    "create", "mint", "copy", "reader", "list", "page", "pages", "map", "spawn", "queue", "deliver",
    "receive",
]  # fmt: skip


def faults(name):
    return manifest(
        service(
            "faults",
            caps=[{**CONSOLE, "name": name}, MANAGER, SPAWNER, ENDPOINTS, FRAMES, MEMORY, INJECTOR],
            ring={"sqEntries": 16, "cqEntries": 64, "areaBytes": 65536},
            limits={"frames": 2048, "capSlots": 1024, "processes": 4, "calls": 256},
        )
    )


def runs():
    """(name, manifest, status it ends with) of each."""
    for name in OPERATIONS:
        yield name, faults(name), PASS
    for taste in LIMITS:
        yield taste, manifest(glutton(taste), cycles(100), tickHz=1000), PASS
    yield "promised", promised(32100), NO_MEMORY


def run_one(name, data, expected, plugin):
    """Where allocations have failed, and how often each charge was refused, by the plugin."""
    with tempfile.TemporaryDirectory() as scratch:
        path = make_manifest(data, pathlib.Path(scratch) / f"{name}.bin")
        out = pathlib.Path(scratch) / "refusals"
        counted = ["--plugin", plugin.format(out=out)] if plugin else []
        run = qemu_run("--kernel", KERNEL, "--manifest", path, *counted)
        if run.status != expected or "leak:" in run.text:
            sys.exit(f"alloc-sites: {name}:\n{run}")
        failed = re.findall(r"^X \S+ \d+ ([0-9a-f]+)$", run.text, re.M)
        lines = out.read_text().splitlines() if plugin else []
        counts = dict(line.split() for line in lines)
        return (
            [int(address, 16) for address in failed],
            {int(address, 16): int(count, 16) for address, count in counts.items()},
        )


def plugin_for_kernel():
    refused, *through = addresses_of(KERNEL, [REFUSED, *sorted(CHARGE - {REFUSED})])
    return ",".join(
        [
            f"{BUILD / 'profile/refusals.so'}",
            "out={out}",
            f"refused={refused:x}",
            *(f"through={address:x}" for address in through),
        ]
    )


def run_all(plugin=None):
    """What each run came to. One that does not end as it should ends this."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [run.result() for run in [pool.submit(run_one, *run, plugin) for run in runs()]]


def measure():
    """All sites of the kernel, counted over all runs."""
    sites = find_sites(KERNEL)
    for failed, counts in run_all(plugin_for_kernel()):
        count_injected(sites, failed)
        count_charges(sites, counts)
    return sites


def findings(sites, apart):
    """A sentence for each place that is never refused without a reason, or with a wrong one. What
    the compiler has put into several functions is one place."""
    counts = collections.defaultdict(int)
    for site in sites:
        counts[site.asked, *site.where()] += site.refused
    for (asked, function, line), count in counts.items():
        if count == 0 and (function, asked) not in apart:
            yield f"{asked}, {function} at {line}: is never refused"
    for function, asked in apart:
        found = [n for place, n in counts.items() if place[:2] == (asked, function)]
        if not found:
            yield f"{asked}, {function}: is apart, and not there"
        elif all(found):
            yield f"{asked}, {function}: is apart, and is refused"


def table(sites):
    lines = []
    for site in sorted(sites, key=lambda site: (-site.refused, site.asked, site.place)):
        reason = APART.get((site.function(), site.asked)) if site.refused == 0 else None
        lines.append(f"{site.refused:6} {site.asked:22} {site.place}")
        lines += [f"{'':30}never: {reason}"] if reason else []
    return "\n".join(lines)


def main():
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    sites = measure()
    print(table(sites))
    found = list(findings(sites, APART))
    for sentence in found:
        print(f"alloc-sites: {sentence}", file=sys.stderr)
    places = {(site.asked, *site.where()) for site in sites}
    refused = {(site.asked, *site.where()) for site in sites if site.refused != 0}
    print(
        f"alloc-sites: {len(places)} places, {len(refused)} refused,"
        f" {len(places) - len(refused)} apart"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
