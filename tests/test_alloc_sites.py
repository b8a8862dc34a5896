# SPDX-License-Identifier: MIT
"""Each place of the linked kernel that asks for memory is refused it in some test: that is
what tests/alloc_sites.py finds out. `make alloc-sites` prints the list."""

import alloc_sites
import pytest
from alloc_sites import APART, CHARGE, HAND_OUT, Site, findings
from conftest import KERNEL, KERNEL_SAN


def test_each_place_that_asks_for_memory_is_refused_it_and_all_is_as_it_was():
    """T-16, in the booted system: tests/programs/faults and glutton compare before and after."""
    # What clang makes, or gcc for the sanitizers, does not say what was put in line where.
    if KERNEL == KERNEL_SAN or b"clang version" in KERNEL.read_bytes():
        alloc_sites.run_all()
        return
    sites = alloc_sites.measure()
    print(alloc_sites.table(sites))
    assert not list(findings(sites, APART))


@pytest.mark.measures
def test_places_of_each_kind_are_found_in_what_was_linked():
    sites = alloc_sites.find_sites(KERNEL)
    assert {site.asked for site in sites} == HAND_OUT | CHARGE
    assert ("endpoint_create", "heap_alloc") in {(site.function(), site.asked) for site in sites}


def site(function, refused, address=0x100, **fields):
    place = f"account_charge at account.h:1 < {function} at some.c:2 < caller at some.c:3"
    return Site(address, address + 5, False, "heap_alloc", place, refused, **fields)


def test_a_place_that_is_never_refused_is_a_finding():
    assert not list(findings([site("one", 1), site("two", 3)], {}))
    found = list(findings([site("one", 1), site("two", 0)], {}))
    assert len(found) == 1 and "heap_alloc" in found[0] and "two at some.c:2" in found[0]


def test_what_is_apart_is_there_and_is_not_refused():
    apart = {("two", "heap_alloc"): "it is so"}
    assert not list(findings([site("one", 1), site("two", 0)], apart))
    assert list(findings([site("one", 1), site("two", 1)], apart)) == [
        "heap_alloc, two: is apart, and is refused"
    ]
    assert list(findings([site("one", 1)], apart)) == ["heap_alloc, two: is apart, and not there"]


def test_what_failed_is_found_by_where_it_returned_to():
    one, two = site("one", 0, 0x100), site("two", 0, 0x200)
    jumping = site("three", 0, 0x300)
    jumping.jumps = True
    alloc_sites.count_injected([one, two, jumping], [0x105, 0x205, 0x205, 0x777])
    assert (one.refused, two.refused, jumping.refused) == (1, 2, 1)
    with pytest.raises(SystemExit, match="what is it that returns to 777"):
        alloc_sites.count_injected([one, two], [0x777])
