# SPDX-License-Identifier: MIT
"""What a program finds in its registers when others have run meanwhile (T-21)."""

from conftest import CONSOLE, NULL_CAP, PASS, grant, manifest, service


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


def test_nothing_of_others_or_of_the_kernel_is_left_where_a_program_can_look(boot):
    """Poison and scan: of 62 MiB, 40 are written by one process after another (T-22, T-32)."""
    remains = service(
        "remains",
        caps=[
            CONSOLE,
            NULL_CAP,
            grant("spawner", "ProcessSpawner", "processSpawner"),
            grant("capabilities", "CapabilityManager", "capabilityManager"),
            grant("endpoints", "EndpointFactory", "endpointFactory"),
        ],
        limits={"frames": 11500, "capSlots": 512, "processes": 1, "calls": 64},
    )
    run = boot(manifest(remains), "--memory", "64")
    assert run.status == PASS, str(run)
    run.says("remains: pass")
