// SPDX-License-Identifier: MIT
/* The sentences of enum status. */
#include <lib/status.h>

const char *status_text(enum status status)
{
    switch (status) {
#define STATUS_CASE(name, sentence)                                                                \
    case ST_##name:                                                                                \
        return sentence;
        STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "a status that does not exist";
}
