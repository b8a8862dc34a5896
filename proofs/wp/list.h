// SPDX-License-Identifier: MIT
/* Contracts of the list functions that accounts and the ledger use: which links change. */
#pragma once

#include <lib/list.h>

/* clang-format off */
/*@ requires \valid(node);
    assigns *node;
    ensures node->prev == node && node->next == node; */
static inline void list_init(struct list_node *node);

/*@ requires \valid(at) && \valid(at->next) && \valid(node);
    requires \base_addr(node) != \base_addr(at) && \base_addr(node) != \base_addr(at->next);
    assigns *node, at->next, at->next->prev;
    ensures node->prev == at && node->next == \old(at->next) && at->next == node;
    ensures \old(at->next)->prev == node; */
static inline void list_insert_after(struct list_node *at, struct list_node *node);

/*@ requires \valid(head) && \valid(head->prev) && \valid(node);
    requires head->prev->next == head;
    requires \base_addr(node) != \base_addr(head) && \base_addr(node) != \base_addr(head->prev);
    assigns *node, head->prev, head->prev->next;
    ensures node->prev == \old(head->prev) && node->next == head && head->prev == node;
    ensures \old(head->prev)->next == node; */
static inline void list_push_back(struct list_node *head, struct list_node *node);

/*@ requires \valid(node) && \valid(node->prev) && \valid(node->next);
    assigns node->prev->next, node->next->prev; */
static inline void list_unlink(struct list_node *node);

/*@ requires \valid(node) && \valid(node->prev) && \valid(node->next);
    assigns *node, node->prev->next, node->next->prev;
    ensures node->prev == node && node->next == node; */
static inline void list_remove(struct list_node *node);
/* clang-format on */
