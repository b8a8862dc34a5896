# SPDX-License-Identifier: MIT
"""Processes that fight the kernel and each other: tests/hostile.py, a campaign at a time.

Longer, with seeds of one's own: make hostile ENTRIES=10000000 SEED=7
"""

import re

import hostile
import pytest
from conftest import DEADLINE, PASS

ENTRIES = 30000


@pytest.mark.measures
def test_a_hostile_campaign_hits_every_outcome_and_leaves_the_kernel_standing():
    """T-01 to T-03, T-05, T-06, T-14, T-15, T-17 and T-18, all at once."""
    report = hostile.Report()
    run = hostile.fight(1, hostile.ENTRIES_PER_BOOT)
    report.add(run)
    print(report)
    assert run.status == PASS, str(run)
    assert report.is_good(), str(report)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_campaign_leaves_the_kernel_standing(boot, seed):
    """Soldiers alone; in the second, allocations fail meanwhile (T-12, T-16)."""
    run = boot(hostile.campaign(seed, ENTRIES, faults=seed % 2 == 0), timeout=180)
    assert run.status == PASS, str(run)
    run.says("campaign: pass")
    run.lacks("leak:")
    for row in ["call client", "call Endpoint", "RECV", "RETURN", "CANCEL", "RELEASE", "COPY"]:
        assert re.search(rf"campaign: {row}: done [1-9]", run.text), str(run)


@pytest.mark.parametrize("deadline", [300, 900])
def test_a_campaign_recounts_at_whatever_moment_it_is_stopped(boot, deadline):
    data = hostile.campaign(deadline, 1000000, faults=deadline > 500)
    run = boot({**data, "kernelParams": {"deadline": deadline}})
    assert run.status == DEADLINE, str(run)
    run.lacks("leak:")


def test_the_report_of_a_campaign_is_not_easily_pleased():
    """It sees a pair that cannot be, one that is missing, a leak, and who is stuck."""
    seen = {(opcode, outcome): 9 for opcode, some in hostile.POSSIBLE.items() for outcome in some}
    assert hostile.Report(seen=dict(seen)).is_good()
    assert not hostile.Report(seen={**seen, ("NOP", "-4"): 1}).is_good()
    assert not hostile.Report(seen={**seen, ("CALL", "-9"): 0}).is_good()
    assert not hostile.Report(seen={**seen, ("CALL", "-4"): 10**6}).is_good()
    for trouble in ("panics", "leaks", "stuck", "failed"):
        assert not hostile.Report(seen=dict(seen), **{trouble: 1}).is_good()


def test_every_pair_that_cannot_be_says_why():
    for opcode, possible in hostile.POSSIBLE.items():
        for outcome in hostile.OUTCOMES:
            reasons = hostile.IMPOSSIBLE[opcode]
            named = outcome in reasons or "" in reasons
            assert (outcome in possible) != named or "" in reasons
            assert outcome in possible or (reasons.get(outcome) or reasons[""])
