# SPDX-License-Identifier: MIT
"""Who holds what, and two ways to write it down.

A graph is, for each process by name, a list of what it holds. One comes from a manifest
(here), one from a running system (tools/gdb), and they are equal where the two agree.
"""

import collections
import json

# One capability: under which name, as which interface, of what object, by which badge; the
# `owner` of an endpoint receives what its clients call.
Hold = collections.namedtuple("Hold", "name interface object badge owner")

# Those of the kernel's objects in a manifest of which each process has one of its own.
OWN = ("virtualMemory", "capabilityManager")


def of_manifest(path, interfaces, starters=("kernel", "init")):
    """The graph of a manifest in JSON: services of these starters."""
    with open(path, encoding="utf-8") as file:
        manifest = json.load(file)
    found = {}
    for service in manifest["services"]:
        if service.get("starter", "kernel") not in starters:
            continue
        who = service["name"]
        holds = found[who] = []
        for grant in service.get("caps", []):
            interface = interfaces.name(interfaces.id_of(grant["interface"]))
            source = grant["source"]
            if "kernel" in source:
                kind = source["kernel"]
                of = f" of {who}" if kind in OWN else ""
                object_ = kind[0].upper() + kind[1:] + of
            else:
                object_ = f"{source['service']}.{source['export']}"
            badge = int(str(grant.get("badge", 0)), 0)
            holds.append(Hold(grant["name"], interface, object_, badge, False))
        for export in service.get("exports", []):
            name = export["name"]
            holds.append(Hold(name, "Endpoint", f"{who}.{name}", 0, True))
    return found


def text(found):
    """A line a capability: sorted, so that two of them can be compared."""
    lines = []
    for process, holds in sorted(found.items()):
        for h in sorted(holds):
            badge = f", badge {h.badge}" if h.badge else ""
            relation = "owns" if h.owner else "→"
            lines.append(f"{process}: {h.name} as {h.interface} {relation} {h.object}{badge}\n")
        if not holds:
            lines.append(f"{process}: nothing\n")
    return "".join(lines)


def quoted(name):
    return json.dumps(name, ensure_ascii=False)


def dot(found, title):
    """For graphviz. Processes are boxes; an endpoint is an ellipse that points to its owner."""
    out = [
        "digraph capos {",
        f"  label={quoted(title)}; labelloc=t; rankdir=LR;",
        '  node [fontname="Helvetica", fontsize=11]; edge [fontname="Helvetica", fontsize=9];',
    ]
    every = [h for holds in found.values() for h in holds]
    endpoints = {h.object for h in every if h.owner}
    for process in sorted(found):
        out.append(f"  {quoted('process ' + process)} [shape=box, label={quoted(process)}];")
    for object_ in sorted({h.object for h in every}):
        shape = "ellipse" if object_ in endpoints else "hexagon"
        out.append(f"  {quoted('object ' + object_)} [shape={shape}, label={quoted(object_)}];")
    for process, holds in sorted(found.items()):
        for h in sorted(holds):
            label = f"{h.name} #{h.badge}" if h.badge else h.name
            look = ", style=bold, dir=back, arrowtail=dot" if h.owner else ""
            ends = f"{quoted('process ' + process)} -> {quoted('object ' + h.object)}"
            out.append(f"  {ends} [label={quoted(label)}{look}];")
    return "\n".join([*out, "}", ""])
