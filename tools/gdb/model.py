# SPDX-License-Identifier: MIT
"""The kernel's objects as gdb finds them: processes, tables, rings, endpoints, holds.

Everything is read out of the stopped machine, by the types of the kernel's own
debugging data: a member that is renamed is an error here, never a wrong answer. Nothing
is written. A System is what is true while the machine stands still; make a new one
after it has run.
"""

import collections

import gdb
from names import Interfaces

CAP_ID_INDEX_BITS = 20
FLAG_TRANSFERABLE, FLAG_MOVING, FLAG_RESERVED, FLAG_RETIRED = 1, 2, 4, 8
CAPSET_ENTRIES_MAX = 63
LIST_MAX = 1 << 20  # nodes of any list of the kernel's

Slot = collections.namedtuple("Slot", "index id object interface badge flags")
Edge = collections.namedtuple("Edge", "object by")


def static(file, name):
    """A variable of one file of the kernel."""
    return gdb.parse_and_eval(f"'{file}'::{name}")


def address(value):
    """The number of a pointer, or where an lvalue lies."""
    return int(value if value.type.code == gdb.TYPE_CODE_PTR else value.address)


def text(value):
    """A char array of the kernel's, which ends with a zero."""
    return value.string("utf-8", "replace")


def enum(value, prefix):
    """The name of an enumerator without what all of them begin with."""
    return str(value).removeprefix(prefix)


def listed(head, kind, member):
    """The structs of this type that are in a list, by their node `member`."""
    pointer = gdb.lookup_type(kind).pointer()
    offset = next(f.bitpos // 8 for f in pointer.target().fields() if f.name == member)
    node = head["next"]
    for _ in range(LIST_MAX):
        if int(node) in (0, address(head)):
            return
        yield gdb.Value(int(node) - offset).cast(pointer).dereference()
        node = node["next"]
    raise gdb.GdbError(f"a list of {kind} does not come to an end")


def items(first, count):
    """`count` elements from a pointer on, read in one go."""
    if count == 0:
        return []
    array = first.dereference().cast(first.type.target().array(count - 1))
    array.fetch_lazy()
    return [array[i] for i in range(count)]


class Process:
    def __init__(self, value):
        self.value = value
        self.pid = int(value["pid"])
        self.name = text(value["name"])
        self.thread = value["thread"]
        self.state = enum(value["state"], "PROCESS_").lower()
        self.thread_state = enum(self.thread["state"], "THREAD_").lower()

    def __str__(self):
        return f"{self.name} (process {self.pid})"

    def slots(self):
        """What its table holds, in order of index; with what is being moved."""
        return slots_of(self.value["caps"])

    def names(self):
        """What it calls the capabilities that it was born with: names by id."""
        found = collections.defaultdict(list)
        header = self.value["capset"]
        if int(header) == 0:
            return found
        entries = (header + 1).cast(gdb.lookup_type("struct capset_entry").pointer())
        for entry in items(entries, min(int(header["count"]), CAPSET_ENTRIES_MAX)):
            length = int(entry["name_len"])
            name = bytes(int(entry["name"][i]) & 0xFF for i in range(length)).decode("ascii")
            found[int(entry["cap_id"])].append(name)
        return found

    def calls(self):
        """Its records of entries in flight."""
        pool = self.thread["pool"]
        if int(pool["records"]) == 0:
            return []
        records = items(pool["records"], int(pool["count"]))
        return [r for r in records if str(r["state"]) != "CALL_FREE"]


def slots_of(table):
    count = int(table["count"])
    if int(table["slots"]) == 0 or count == 0:
        return []
    flags = gdb.selected_inferior().read_memory(int(table["flags"]), count).tobytes()
    found = []
    for index, slot in enumerate(items(table["slots"], count)):
        slot_id = int(slot["id"])
        used = slot_id & ((1 << CAP_ID_INDEX_BITS) - 1) == index
        if used and not flags[index] & (FLAG_RESERVED | FLAG_RETIRED):
            found.append(
                Slot(
                    index, slot_id, int(slot["object"]),
                    int(slot["interface_id"]), int(slot["badge"]), flags[index],
                )
            )  # fmt: skip
    return found


class Endpoint:
    def __init__(self, value):
        self.value = value
        self.client = address(value["client"])
        self.owner = address(value["owner"])
        self.closed = bool(value["endpoint"]["closed"])
        self.calls = list(listed(value["endpoint"]["calls"], "struct call", "node"))
        self.receivers = list(listed(value["endpoint"]["receivers"], "struct call", "node"))


class System:
    """All of it, at one moment."""

    def __init__(self):
        self.interfaces = Interfaces()
        head = static("kernel/process.c", "processes")
        if int(head["next"]) == 0:
            raise gdb.GdbError("the kernel has not come so far yet; try: capos started")
        self.processes = [Process(p) for p in listed(head, "struct process", "node")]
        head = static("kernel/cap/cap.c", "objects")
        self.objects = {address(o): o for o in listed(head, "struct cap_object", "node")}
        self.endpoints = [
            Endpoint(self.container(at, "struct endpoint_object"))
            for at, o in self.objects.items()
            if self.kind(at) == "EndpointClient"
        ]
        self.facets = {}
        for endpoint in self.endpoints:
            self.facets[endpoint.client] = endpoint
            self.facets[endpoint.owner] = endpoint
        self.labels = {}
        for at in self.objects:
            self.labels[at] = self.label_of(at)
        self.label_endpoints()

    def process(self, name):
        """The process of this name or number."""
        found = [p for p in self.processes if name in (p.name, str(p.pid))]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = ", ".join(str(p.pid) for p in found)
            raise gdb.GdbError(f"several processes are called {name}; say which: {numbers}")
        there = ", ".join(f"{p.name} ({p.pid})" for p in self.processes) or "none"
        raise gdb.GdbError(f"there is no process {name or 'without a name'}; there are: {there}")

    def process_at(self, at):
        return next((p for p in self.processes if address(p.value) == at), None)

    # Objects

    def kind(self, at):
        return text(self.objects[at]["type"]["name"])

    @staticmethod
    def container(at, kind):
        """The struct that begins with this object."""
        return gdb.Value(at).cast(gdb.lookup_type(kind).pointer()).dereference()

    def label_of(self, at):
        """What to call an object that is no endpoint."""
        kind = self.kind(at)
        of = {
            "VirtualMemory": "struct virtual_memory",
            "CapabilityManager": "struct capability_manager",
            "ProcessHandle": "struct process_handle",
        }.get(kind)
        if of is not None:
            process = self.process_at(int(self.container(at, of)["process"]))
            return f"{kind} of {process.name if process else 'a process that is gone'}"
        alone = sum(self.kind(other) == kind for other in self.objects) == 1
        return kind if alone and kind != "MemoryObject" else f"{kind} {at:#x}"

    def label_endpoints(self):
        """An endpoint is called after whoever owns it, and what that calls it."""
        owners = collections.defaultdict(list)
        for process in self.processes:
            names = process.names()
            for slot in process.slots():
                if slot.object in self.facets and self.kind(slot.object) == "Endpoint":
                    owners[slot.object] += [f"{process.name}.{n}" for n in names[slot.id]]
        for endpoint in self.endpoints:
            label = min(owners[endpoint.owner], default=f"endpoint {endpoint.client:#x}")
            self.labels[endpoint.client] = label
            if endpoint.owner in self.objects:
                self.labels[endpoint.owner] = label

    def find(self, what):
        """The objects that are meant: by label, or by address."""
        if what.startswith("0x"):
            found = [at for at in self.objects if at == int(what, 16)]
        else:
            found = [at for at, label in self.labels.items() if label == what]
        if not found:
            raise gdb.GdbError(f"there is no object {what}; `capos objects` lists all")
        return found

    # Holds

    def edges(self):
        """Every hold there is: of which object, and by whom. The kernel's recount does the same."""
        for slot in slots_of(static("kernel/cap/table.c", "own")):
            yield Edge(slot.object, f"the kernel's table, slot {slot.index}")
        for process in self.processes:
            yield from self.edges_of_process(process)
        for at in self.objects:
            yield from self.edges_of_object(at)
        yield from self.edges_of_services()

    def edges_of_process(self, process):
        names = process.names()
        for slot in process.slots():
            called = "".join(f' "{name}"' for name in names[slot.id])
            yield Edge(slot.object, f"{process}, slot {slot.index}{called}")
        for call in process.calls():
            state = enum(call["state"], "CALL_").lower()
            if int(call["endpoint"]) != 0:
                yield Edge(self.client_of(call["endpoint"]), f"{process}, an entry that is {state}")
            if state == "queued" and int(call["queued"]["transfer"]) != 0:
                yield from self.edges_of_transfer(
                    call["queued"]["transfer"], f"{process}, on its way with a queued call"
                )
        regions = process.value["regions"]
        if int(regions["regions"]) != 0:
            for region in items(regions["regions"], int(regions["count"])):
                if int(region["memory"]) != 0:
                    yield Edge(int(region["memory"]), f"{process}, a mapping")

    @staticmethod
    def client_of(endpoint):
        """The client facet of the endpoint that a record points to."""
        fields = gdb.lookup_type("struct endpoint_object").fields()
        return int(endpoint) - next(f.bitpos // 8 for f in fields if f.name == "endpoint")

    @staticmethod
    def edges_of_transfer(transfer, by):
        for item in items(transfer["items"][0].address, int(transfer["count"])):
            if int(item["moved"]) == 0:
                yield Edge(int(item["hold"]["object"]), by)

    def edges_of_object(self, at):
        kind = self.kind(at)
        if kind == "Endpoint":
            yield Edge(self.facets[at].client, "its owner facet")
        elif kind == "EndpointClient" and bool(self.facets[at].value["endpoint"]["is_matching"]):
            yield Edge(at, "itself, while it matches calls")
        elif kind == "MemoryReader":
            fields = gdb.lookup_type("struct memory_object").fields()
            yield Edge(
                at - next(f.bitpos // 8 for f in fields if f.name == "reader"), "its reader facet"
            )
        elif kind == "ProcessHandle":
            handle = self.container(at, "struct process_handle")
            waited = int(handle["waiters"]["next"]) != address(handle["waiters"])
            if int(handle["process"]) != 0 or waited:
                yield Edge(at, "itself, while it is needed")
        elif kind == "ProcessSpawner":
            head = static("kernel/cap/process_spawner.c", "spawner")["under_way"]
            for spawning in listed(head, "struct spawning", "node"):
                yield from self.edges_of_spawning(spawning)

    def edges_of_spawning(self, spawning):
        by = "a spawn under way"
        if int(spawning["handle"]) != 0:
            yield Edge(int(spawning["handle"]), by)
        for i in range(int(spawning["client_count"])):
            yield Edge(int(spawning["clients"][i]["object"]), by)
        for i in range(int(spawning["params"]["grant_count"])):
            grant = spawning["params"]["grants"][i]
            not_given = int(spawning["given_index"][i]) == 0xFF
            if str(grant["source"]) == "SPAWN_HOLD" and not_given:
                yield Edge(int(grant["hold"]["object"]), by)
        if int(spawning["given"]) != 0:
            yield from self.edges_of_transfer(spawning["given"], by)

    @staticmethod
    def edges_of_services():
        services = static("kernel/service.c", "services")
        if int(services["list"]) == 0:
            return
        for service in items(services["list"], int(services["count"])):
            for i in range(int(service["params"]["grant_count"])):
                grant = service["params"]["grants"][i]
                if str(grant["source"]) == "SPAWN_HOLD":
                    by = f"the grants of the service {text(service['name'])}"
                    yield Edge(int(grant["hold"]["object"]), by)
