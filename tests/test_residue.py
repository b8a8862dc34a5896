# SPDX-License-Identifier: MIT
"""What a program finds in its registers when others have run meanwhile."""

from conftest import CONSOLE, NULL_CAP, PASS, manifest, service


def test_registers_are_kept_or_cleared_and_never_anothers(boot):
    services = [service(f"residue-{i}", "residue", [CONSOLE, NULL_CAP]) for i in range(4)]
    run = boot(manifest(*services, tickHz=1000))
    assert run.status == PASS, str(run)
    assert run.text.count("residue: pass") == 4, str(run)
