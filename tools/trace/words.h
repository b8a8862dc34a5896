// SPDX-License-Identifier: MIT
/*
 * Messages in words, by the schemas of this tree: Echo.ping(text = "hi").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a line has room for of one message. */
#define WORDS_MAX 240u

struct words {
    char text[WORDS_MAX + 1];
    size_t len;
    bool is_cut;
};

/* Starts empty. */
void words_init(struct words *w);

/* Adds text; what does not fit is left away, and the last that is there says so. */
void words_add(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds the method's name, as Interface.method; numbers where no schema has them. */
void words_add_method(struct words *w, uint64_t interface_id, uint16_t method);

enum words_part { WORDS_PARAMS, WORDS_RESULTS };

/*
 * Adds the parameters or results of a method, which came with so many capabilities:
 * (text = "hi"), or where they cannot be read what there is instead.
 */
void words_add_message(struct words *w, uint64_t interface_id, uint16_t method,
                       enum words_part part, const void *message, size_t bytes,
                       uint32_t capabilities);

/* Adds the reason of an Exception, in quotes; nothing if there is none. */
void words_add_reason(struct words *w, const void *message, size_t bytes);
