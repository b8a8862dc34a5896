// SPDX-License-Identifier: MIT
#include "report.h"

#include "arch/x86_64/idt.h"
#include "panic.h"
#include "print.h"

static void print_fault(const char *name, const struct process_report *report)
{
    const struct process_status *status = &report->status;

    kprint("capos: %s (process %lu): %s at rip %lx", name, report->pid,
           exception_name(status->vector), status->rip);
    if (status->vector == TRAP_PAGE_FAULT) {
        kprint(", %s %lx, which is %s",
               (status->error & PF_FETCH) != 0   ? "executing"
               : (status->error & PF_WRITE) != 0 ? "writing"
                                                 : "reading",
               status->address,
               (status->error & PF_PRESENT) != 0 ? "mapped and does not allow it" : "not mapped");
    } else if (status->error != 0) {
        kprint(", error code %lx", status->error);
    }
    kprint("\n");
}

void report_print(const char *name, const struct process_report *report)
{
    const struct process_status *status = &report->status;

    if (report->corruptions != 0) {
        kprint("capos: %s (process %lu): %lu ring counts were out of range and put back\n", name,
               report->pid, report->corruptions);
    }
    switch (status->end) {
    case PROC_END_FAULTED:
        print_fault(name, report);
        return;
    case PROC_END_KILLED:
        kprint("capos: %s (process %lu): killed: %s\n", name, report->pid, status->reason);
        return;
    case PROC_END_FAILED_TO_START:
        kprint("capos: %s: failed to start: %s\n", name, status->reason);
        return;
    case PROC_END_EXITED:
        if (status->code != 0) {
            kprint("capos: %s (process %lu): exited with code %ld\n", name, report->pid,
                   status->code);
        }
        return;
    case PROC_END_NONE:
        break;
    }
    panic("service %s ended without a status", name);
}

void report_print_status(const struct process_status *status)
{
    switch (status->end) {
    case PROC_END_EXITED:
        kprint("exited %-17ld", status->code);
        return;
    case PROC_END_FAULTED:
        kprint("%-24s", exception_name(status->vector));
        return;
    case PROC_END_KILLED:
        kprint("%-24s", "killed");
        return;
    case PROC_END_FAILED_TO_START:
        kprint("%-24s", "failed to start");
        return;
    case PROC_END_NONE:
        kprint("%-24s", "running");
        return;
    }
}
