// SPDX-License-Identifier: MIT
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Appends as far as there is room; what does not fit is cut. */
__attribute__((format(printf, 2, 0))) static void append_list(struct report *report,
                                                              const char *format, va_list args)
{
    size_t used = strlen(report->text);

    vsnprintf(report->text + used, sizeof report->text - used, format, args);
}

__attribute__((format(printf, 2, 3))) static void append(struct report *report, const char *format,
                                                         ...)
{
    va_list args;

    va_start(args, format);
    append_list(report, format, args);
    va_end(args);
}

/* Places are as deep as the manifest's schema, not as the document. */
static void append_place(struct report *report, const struct place *at)
{
    if (at->parent != NULL) {
        append_place(report, at->parent);
    }
    if (at->field == NULL) {
        append(report, "[%zu]", at->index);
    } else {
        append(report, "%s%s", at->parent == NULL ? "" : ".", at->field);
    }
}

static void begin(struct report *report, enum outcome outcome, const struct place *at)
{
    report->outcome = outcome;
    report->text[0] = '\0';
    append(report, "%s: ", report->file);
    if (at != NULL) {
        append_place(report, at);
        append(report, ": ");
    }
}

bool report_invalid(struct report *report, const struct place *at, const char *format, ...)
{
    va_list args;

    begin(report, OUTCOME_INVALID, at);
    va_start(args, format);
    append_list(report, format, args);
    va_end(args);
    return false;
}

bool report_io(struct report *report, const struct place *at, const char *format, ...)
{
    va_list args;

    begin(report, OUTCOME_IO, at);
    va_start(args, format);
    append_list(report, format, args);
    va_end(args);
    return false;
}
