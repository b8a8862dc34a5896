# SPDX-License-Identifier: MIT
"""What a program finds in its registers when others have run meanwhile (T-21)."""

from conftest import CONSOLE, NULL_CAP, PASS, manifest, service


def test_registers_are_kept_or_cleared_and_never_anothers(boot):
    services = [service(f"residue-{i}", "residue", [CONSOLE, NULL_CAP]) for i in range(4)]
    run = boot(manifest(*services, tickHz=1000))
    assert run.status == PASS, str(run)
    assert run.text.count("residue: pass") == 4, str(run)


def test_non_maskable_interrupts_anywhere_change_no_register(boot):
    """They come in programs, in the kernel and between the two (T-23)."""
    services = [service(f"residue-{i}", "residue", [CONSOLE, NULL_CAP]) for i in range(4)]
    run = boot(manifest(*services, tickHz=1000), "--nmi", "1")
    assert run.status == PASS, str(run)
    run.says("residue: pass")
    assert run.text.count("capos: NMI, ignored") > 20, str(run)
    assert run.text.count("capos: NMI in the kernel, ignored") > 0, str(run)
