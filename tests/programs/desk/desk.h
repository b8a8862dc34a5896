// SPDX-License-Identifier: MIT
/* What a desk is asked, and answers: words, no messages. A call brings one, a code. */
#pragma once

#include <stdint.h>

enum desk_method { DESK_ASK, DESK_END, DESK_DROP, DESK_FAULT };

struct desk_answer {
    uint64_t badge;
    uint64_t interface_id;
    uint64_t pid;
};
