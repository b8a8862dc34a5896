// SPDX-License-Identifier: MIT
/*
 * The one error that a run of mkmanifest ends with, and places in a JSON file.
 *
 * Functions that can fail take a report, return false, and have then written one
 * sentence to it: file, place, what was found, what was expected. The first error
 * ends the run, so a report is written once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What the run ends with; also the exit codes of mkmanifest. */
enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_INVALID = 1, /* the input is wrong, or a program it names */
    OUTCOME_USAGE = 2,
    OUTCOME_IO = 3, /* a file could not be read or written */
};

struct report {
    const char *file; /* the JSON file, for the beginning of each sentence */
    enum outcome outcome;
    char text[1024];
};

/*
 * A place in a JSON document: a field or an element of what `parent` is the place
 * of. The document itself is a NULL place. Lives on the stack of whoever descends.
 */
struct place {
    const struct place *parent;
    const char *field; /* NULL: an element */
    size_t index;
};

static inline struct place place_field(const struct place *parent, const char *field)
{
    return (struct place){.parent = parent, .field = field};
}

static inline struct place place_element(const struct place *parent, size_t index)
{
    return (struct place){.parent = parent, .index = index};
}

/* "FILE: services[2].caps[0].source: …", the rest as printf. Always false. */
__attribute__((format(printf, 3, 4))) bool
report_invalid(struct report *report, const struct place *at, const char *format, ...);

/* The same for a file that cannot be read or written; `at` names it, or is NULL. */
__attribute__((format(printf, 3, 4))) bool report_io(struct report *report, const struct place *at,
                                                     const char *format, ...);
