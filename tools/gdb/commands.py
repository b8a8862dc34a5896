# SPDX-License-Identifier: MIT
"""The commands: each reads the machine anew, prints, and changes nothing but where it stands."""

import pathlib
import struct

import gdb
import graph
from model import FLAG_MOVING, FLAG_TRANSFERABLE, System, enum
from names import ROOT

OPCODES = "enum cap_op", "CAP_OP_"
ERRORS = "enum cap_err", "CAP_ERR_"
EXCEPTIONS = "enum capnp_exception", "CAPNP_EXC_"

CODE_COMPARED = 16  # bytes at a breakpoint that tell a program
FLAG_EXCEPTION, FLAG_AGAIN = 2, 4
CQE_EXCEPTION_MASK = 15


def name_of(number, kind, prefix):
    """The enumerator of a type that has this value."""
    for field in gdb.lookup_type(kind).fields():
        if field.enumval == number:
            return field.name.removeprefix(prefix)
    return str(number)


def table(rows):
    """Prints rows in columns. The first is the heading."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
        print(line.rstrip())


def entry_words(system, process, sqe):
    """A submission in words."""
    opcode = name_of(int(sqe["opcode"]), *OPCODES)
    words = [opcode]
    if opcode == "CALL":
        words.append(system.interfaces.method(int(sqe["interface_id"]), int(sqe["method_id"])))
    if opcode in ("CALL", "RECV", "RELEASE", "COPY"):
        words.append("by " + capability_words(system, process, int(sqe["cap_id"])))
    if opcode == "RETURN":
        words.append(f"of call {int(sqe['interface_id']):#x}")
        flags = int(sqe["flags"])
        words += ["with an exception"] * bool(flags & FLAG_EXCEPTION)
        words += ["and receive again"] * bool(flags & FLAG_AGAIN)
    if opcode == "CANCEL":
        words.append(f"of entry {int(sqe['params_addr']):#x}")
    if int(sqe["params_len"]):
        words.append(f"{int(sqe['params_len'])} bytes at {int(sqe['params_addr']):#x}")
    if int(sqe["cap_count"]):
        words.append(f"bringing {int(sqe['cap_count'])} capabilities")
    if int(sqe["result_len"]):
        words.append(f"room for {int(sqe['result_len'])} bytes")
    return ", ".join([words[0] + (" " + words[1] if len(words) > 1 else ""), *words[2:]])


def completion_words(cqe):
    """A completion in words."""
    result = int(cqe["result"])
    if result >= 0:
        words = f"ok, {result} bytes"
        count = int(cqe["cap_count"])
        return words + (f", {count} capabilities" if count else "")
    error = name_of(result, *ERRORS)
    if error == "EXCEPTION":
        kind = int(cqe["flags"]) & CQE_EXCEPTION_MASK
        return f"EXCEPTION {name_of(kind, *EXCEPTIONS).lower()}"
    return error


def capability_words(system, process, cap_id):
    """A capability id of a process: what it is of, and what the process calls it."""
    slot = next((s for s in process.slots() if s.id == cap_id), None)
    if slot is None:
        return f"{cap_id:#x}, which is not valid"
    called = process.names().get(cap_id)
    label = system.labels[slot.object]
    return f'"{called[0]}" ({label})' if called else f"{cap_id:#x} ({label})"


class Command(gdb.Command):
    """One of `capos …`; the class's comment is what `help` prints."""

    name = ""

    def __init__(self):
        super().__init__(f"capos {self.name}", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except gdb.MemoryError as error:
            raise gdb.GdbError(
                f"{error}: the kernel's memory cannot be read here; try: capos started"
            ) from error
        except gdb.error as error:
            raise gdb.GdbError(
                f"{error} (if the kernel's structs have changed, tools/gdb/model.py must too)"
            ) from error

    def run(self, argument):
        raise NotImplementedError


class Started(Command):
    """Runs the machine until the kernel has started its services, and none has run yet."""

    name = "started"

    def run(self, argument):
        place = gdb.Breakpoint("sched_run", gdb.BP_HARDWARE_BREAKPOINT, internal=True, temporary=True)
        place.silent = True
        gdb.execute("continue", to_string=True)


class Code:
    """The loaded segments of a program's file."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        (start,) = struct.unpack_from("<Q", data, 0x20)
        size, count = struct.unpack_from("<HH", data, 0x36)
        self.segments = []
        for i in range(count):
            kind, _, at, to, _, length = struct.unpack_from("<IIQQQQ", data, start + i * size)
            if kind == 1:
                self.segments.append((to, data[at : at + length]))

    def at(self, where, length):
        for to, data in self.segments:
            if to <= where < to + len(data):
                return data[where - to : where - to + length]
        return b""


class ProgramBreakpoint(gdb.Breakpoint):
    """Programs share addresses: it stops only where the file's own code lies there."""

    def __init__(self, path, function):
        super().__init__(function, gdb.BP_HARDWARE_BREAKPOINT)
        self.code = Code(path)

    def stop(self):
        pc = int(gdb.selected_frame().pc())
        code = self.code.at(pc, CODE_COMPARED)
        there = gdb.selected_inferior().read_memory(pc, len(code)).tobytes()
        return code != b"" and code == there


class Break(Command):
    """Stops where a program comes to one of its functions: capos break PROGRAM FUNCTION.

    PROGRAM is a directory that has a program, as demos/ipc-server; its symbols are loaded."""

    name = "break"

    def run(self, argument):
        words = argument.split()
        if len(words) != 2:
            raise gdb.GdbError("what is wanted is: capos break PROGRAM FUNCTION")
        program, function = words
        path = ROOT / f"build/user/{program}.debug.elf"
        if not path.exists():
            raise gdb.GdbError(f"{program} is no program that was built: there is no {path}")
        objfile = self.objfile(path)
        symbol = objfile.lookup_static_symbol(function) or objfile.lookup_global_symbol(function)
        if symbol is None:
            raise gdb.GdbError(f"{program} has no function {function}")
        ProgramBreakpoint(path, f"*{int(symbol.value().address):#x}")

    @staticmethod
    def objfile(path):
        """The program's symbols, which are loaded the first time."""
        for attempt in range(2):
            for one in gdb.objfiles():
                if one.filename == str(path):
                    return one
            if attempt == 0:
                gdb.execute(f"add-symbol-file {path}", to_string=True)
        raise gdb.GdbError(f"gdb does not load {path}")


class Processes(Command):
    """Lists the processes: what each is doing, and how much it holds and has in flight."""

    name = "processes"

    def run(self, argument):
        system = System()
        rows = [("pid", "process", "state", "thread", "capabilities", "in flight", "calls taken")]
        for p in system.processes:
            rows.append(
                (
                    p.pid, p.name, p.state, p.thread_state,
                    f"{len(p.slots())} of {int(p.value['caps']['count'])}",
                    f"{len(p.calls())} of {int(p.thread['pool']['count'])}",
                    int(p.thread["calls_taken"]),
                )
            )  # fmt: skip
        table(rows)


class Caps(Command):
    """Shows the capability table of a process: capos caps NAME|PID."""

    name = "caps"

    def run(self, argument):
        system = System()
        process = system.process(argument)
        names = process.names()
        rows = [("slot", "id", "name", "interface", "object", "badge", "")]
        for slot in process.slots():
            remarks = []
            if slot.flags & FLAG_MOVING:
                remarks.append("being moved")
            if not slot.flags & FLAG_TRANSFERABLE:
                remarks.append("not transferable")
            rows.append(
                (
                    slot.index, f"{slot.id:#x}", ", ".join(names.get(slot.id, [])) or "-",
                    system.interfaces.name(slot.interface), system.labels[slot.object],
                    slot.badge, ", ".join(remarks),
                )
            )  # fmt: skip
        table(rows)


class Ring(Command):
    """Shows the ring of a process, entries in words: capos ring NAME|PID."""

    name = "ring"

    def run(self, argument):
        system = System()
        process = system.process(argument)
        view = process.thread["ring"]
        header = view["header"].dereference()
        head = int(view["sq_head"])
        waiting = (int(header["sq_tail"]) - head) & 0xFFFFFFFF
        entries = int(view["sq_entries"])
        print(
            f"ring of {process}: {entries} submission and {int(process.thread['cq_entries'])}"
            f" completion entries, {int(view['corruptions'])} counts put back"
        )
        if waiting > entries:
            print(f"submissions: the program's tail is out of range ({waiting} would wait)")
            waiting = 0
        print(f"submissions: {head} taken, {waiting} waiting")
        for n in range(head, head + waiting):
            sqe = view["sq"][n & int(view["sq_mask"])]
            print(f"  {n}: {entry_words(system, process, sqe)}, user data {int(sqe['user_data']):#x}")
        tail = int(view["cq_tail"])
        taken = int(header["cq_head"])
        unseen = (tail - taken) & 0xFFFFFFFF
        if unseen > int(process.thread["cq_entries"]):
            print(f"completions: the program's head is out of range ({unseen} would wait)")
            unseen = 0
        print(f"completions: {tail} posted, {unseen} not taken yet")
        for n in range(tail - unseen, tail):
            cqe = view["cq"][n & int(view["cq_mask"])]
            print(f"  {n}: {completion_words(cqe)}, user data {int(cqe['user_data']):#x}")
        calls = process.calls()
        print(f"in flight: {len(calls)} of {int(process.thread['pool']['count'])}")
        for call in calls:
            print(f"  {call_words(system, call)}, user data {int(call['user_data']):#x}")


def call_words(system, call):
    """A record of an entry in flight in words."""
    state = enum(call["state"], "CALL_")
    at = system.client_of(call["endpoint"]) if int(call["endpoint"]) else None
    where = f" at {system.labels[at]}" if at is not None else ""
    peer = ""
    if state in ("SERVED", "SERVING") and int(call["peer"]):
        other = system.process_at(int(call["peer"]["thread"]["process"]))
        peer = f" {'by' if state == 'SERVED' else 'of'} {other}"
    if state == "QUEUED":
        message = call["queued"]
        what = system.interfaces.method(int(message["interface_id"]), int(message["method_id"]))
        return f"QUEUED {what}{where}, badge {int(message['badge'])}"
    if state == "SERVING":
        return f"SERVING call {int(call['id']):#x}{peer}{where}"
    return f"{state}{peer}{where}"


class Endpoints(Command):
    """Lists the endpoints: the calls that wait in each, and who waits to receive."""

    name = "endpoints"

    def run(self, argument):
        system = System()
        for endpoint in system.endpoints:
            closed = " (closed)" if endpoint.closed else ""
            print(
                f"{system.labels[endpoint.client]}{closed}: {len(endpoint.calls)} calls wait,"
                f" {len(endpoint.receivers)} receivers wait"
            )
            for call in endpoint.calls:
                by = system.process_at(int(call["thread"]["process"]))
                print(f"  call of {by}: {call_words(system, call)}")
            for call in endpoint.receivers:
                by = system.process_at(int(call["thread"]["process"]))
                print(f"  receiver {by}, room for {int(call['result']['len'])} bytes")


class Objects(Command):
    """Lists the kernel's objects: what each is called, and how often it is held."""

    name = "objects"

    def run(self, argument):
        system = System()
        rows = [("object", "kind", "holds", "address")]
        for at, value in system.objects.items():
            rows.append((system.labels[at], system.kind(at), int(value["holds"]), f"{at:#x}"))
        table(rows)


class Holders(Command):
    """Says who holds an object: capos holders NAME|ADDRESS, as `capos objects` lists it.

    Every hold is counted anew, as the kernel's own recount does at the end of a run, and
    compared with what the object counts."""

    name = "holders"

    def run(self, argument):
        system = System()
        wanted = system.find(argument)
        edges = list(system.edges())
        for at in wanted:
            held = [edge.by for edge in edges if edge.object == at]
            counts = int(system.objects[at]["holds"])
            verdict = "as it counts" if counts == len(held) else f"BUT IT COUNTS {counts}"
            print(f"{system.labels[at]} ({system.kind(at)}) is held {len(held)} times, {verdict}:")
            for by in held:
                print(f"  {by}")


class Recount(Command):
    """Counts the holds of every object anew, and says which objects count otherwise."""

    name = "recount"

    def run(self, argument):
        system = System()
        counted = dict.fromkeys(system.objects, 0)
        for edge in system.edges():
            if edge.object not in counted:
                raise gdb.GdbError(f"{edge.by} holds {edge.object:#x}, which is no object")
            counted[edge.object] += 1
        wrong = 0
        for at, value in system.objects.items():
            if int(value["holds"]) != counted[at]:
                wrong += 1
                print(f"{system.labels[at]} counts {int(value['holds'])}, and is held {counted[at]} times")
        print(f"{sum(counted.values())} holds of {len(counted)} objects; {wrong} objects count otherwise")


def graph_of(system):
    """Who holds what. Processes that share a name are told apart by their numbers."""
    found = {}
    for process in system.processes:
        alone = sum(other.name == process.name for other in system.processes) == 1
        holds = found[process.name if alone else str(process)] = []
        names = process.names()
        for slot in process.slots():
            for name in names.get(slot.id, [f"slot {slot.index}"]):
                holds.append(
                    graph.Hold(
                        name, system.interfaces.name(slot.interface), system.labels[slot.object],
                        slot.badge, system.kind(slot.object) == "Endpoint",
                    )
                )  # fmt: skip
    return found


class Graph(Command):
    """Writes who holds what: capos graph [FILE]; without FILE, prints it as text.

    FILE.txt gets the same text, FILE.dot the graph for graphviz."""

    name = "graph"

    def run(self, argument):
        found = graph_of(System())
        if not argument:
            print(graph.text(found), end="")
            return
        with open(argument + ".txt", "w", encoding="utf-8") as file:
            file.write(graph.text(found))
        with open(argument + ".dot", "w", encoding="utf-8") as file:
            file.write(graph.dot(found, "the running system"))


class Capos(gdb.Command):
    """What the kernel has, and who holds it: docs/debugging.md."""

    def __init__(self):
        super().__init__("capos", gdb.COMMAND_STATUS, gdb.COMPLETE_NONE, True)


def register():
    """Makes them known to gdb."""
    Capos()
    for command in (Started, Break, Processes, Caps, Ring, Endpoints, Objects, Holders, Recount, Graph):
        command()
