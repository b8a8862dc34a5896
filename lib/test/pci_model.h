// SPDX-License-Identifier: MIT
/*
 * A machine of PCI functions in memory, for tests and for fuzzing: which bits of a
 * configuration space can be written is all that makes a device of it. A function may
 * also stop answering after so many accesses, as one does that is pulled out.
 */
#pragma once

#include <lib/pci.h>
#include <stddef.h>
#include <stdlib.h>

#define MODEL_FUNCTIONS_MAX 64u
#define MODEL_WORDS         (PCI_CONFIG_BYTES / 4)

#define MODEL_COMMAND       0x04u
#define MODEL_STATUS_CLEARS 0xf9000000u /* bits of the status, cleared by writing ones */
#define MODEL_BARS          0x10u

struct model_function {
    struct pci_address at;
    uint32_t value[MODEL_WORDS];
    uint32_t writable[MODEL_WORDS]; /* bits that keep what is written */
    uint32_t silent_after;          /* accesses until it reads as all ones; 0: never */
    uint32_t writes;                /* of any register */
    bool moved_while_decoding;      /* a BAR was written while it answered to addresses */
};

struct model {
    struct pci_access access; /* its context is this model */
    size_t count;
    struct model_function function[MODEL_FUNCTIONS_MAX];
    uint64_t accesses;
};

/* The one at the address; NULL: none. */
static inline struct model_function *model_find(struct model *model, struct pci_address at)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct pci_address *is = &model->function[i].at;
        if (is->bus == at.bus && is->slot == at.slot && is->function == at.function) {
            return &model->function[i];
        }
    }
    return NULL;
}

/* Counts an access, which must be one that a device could see. NULL: nothing answers. */
static inline struct model_function *model_access(struct model *model, struct pci_address at,
                                                  uint8_t offset)
{
    if (offset % 4 != 0 || at.slot >= PCI_SLOTS || at.function >= PCI_FUNCTIONS) {
        abort();
    }
    model->accesses++;
    struct model_function *function = model_find(model, at);
    if (function != NULL && function->silent_after == 1) {
        return NULL;
    }
    if (function != NULL && function->silent_after > 1) {
        function->silent_after--;
    }
    return function;
}

static inline uint32_t model_read(void *context, struct pci_address at, uint8_t offset)
{
    const struct model_function *function = model_access(context, at, offset);

    return function == NULL ? 0xffffffff : function->value[offset / 4];
}

static inline void model_write(void *context, struct pci_address at, uint8_t offset, uint32_t value)
{
    struct model_function *function = model_access(context, at, offset);

    if (function != NULL) {
        uint32_t *word = &function->value[offset / 4];
        uint32_t writable = function->writable[offset / 4];
        *word = (*word & ~writable) | (value & writable);
        if (offset == MODEL_COMMAND) {
            *word &= ~(value & MODEL_STATUS_CLEARS);
        }
        function->writes++;
        function->moved_while_decoding |=
            offset >= MODEL_BARS && offset < MODEL_BARS + 4 * PCI_BARS &&
            (function->value[MODEL_COMMAND / 4] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)) != 0;
    }
}

/* A machine without any function. Must stay where it is: its access points to it. */
static inline void model_init(struct model *model)
{
    *model = (struct model){.access = {model, model_read, model_write}};
}

/* One function more, all of its registers zero. */
static inline struct model_function *model_add(struct model *model, struct pci_address at)
{
    if (model->count == MODEL_FUNCTIONS_MAX) {
        abort();
    }
    struct model_function *function = &model->function[model->count++];
    *function = (struct model_function){.at = at};
    return function;
}
