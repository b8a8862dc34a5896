// SPDX-License-Identifier: MIT
/*
 * An intrusive, circular, doubly linked list.
 *
 * A list is a head node; what is listed embeds a node of its own. Nothing is
 * allocated, and insertion and removal take the same few instructions whatever
 * the length. A node that is in no list points to itself, so it can be asked, and
 * removing it twice is harmless. Zeroed storage is not a node: list_init it.
 *
 * Walk with list_first and list_next, which end in NULL; to remove on the way,
 * take the next node first:
 *
 *     for (struct list_node *n = list_first(&queue); n != NULL; n = list_next(&queue, n))
 *         use(LIST_OWNER(n, struct thread, queued));
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

/* The struct of this type whose member `member` the node is. */
#define LIST_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Makes an empty list of a head, or an unlisted node of a node. */
static inline void list_init(struct list_node *node)
{
    node->prev = node;
    node->next = node;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

/* Whether a node is in some list. */
static inline bool list_is_linked(const struct list_node *node)
{
    return node->next != node;
}

/* Puts an unlisted node behind `at`. */
static inline void list_insert_after(struct list_node *at, struct list_node *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}

static inline void list_push_front(struct list_node *head, struct list_node *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list_node *head, struct list_node *node)
{
    list_insert_after(head->prev, node);
}

/* Takes a node out of the list it is in, and leaves the node's own links as they were. */
static inline void list_unlink(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
}

/* Takes a node out of the list it is in; a node in none stays as it is. */
static inline void list_remove(struct list_node *node)
{
    list_unlink(node);
    list_init(node);
}

/* NULL: the list is empty. */
static inline struct list_node *list_first(const struct list_node *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/* The node behind `node`. NULL: it is the last. */
static inline struct list_node *list_next(const struct list_node *head,
                                          const struct list_node *node)
{
    return node->next == head ? NULL : node->next;
}

/* Takes the first node out. NULL: the list is empty. */
static inline struct list_node *list_pop_front(struct list_node *head)
{
    struct list_node *node = list_first(head);

    if (node != NULL) {
        list_remove(node);
    }
    return node;
}

/* Whether the links agree in both directions and come back within `nodes_max` nodes. */
static inline bool list_check(const struct list_node *head, size_t nodes_max)
{
    const struct list_node *node = head;

    for (size_t i = 0; i <= nodes_max; i++) {
        if (node->next == NULL || node->next->prev != node) {
            return false;
        }
        node = node->next;
        if (node == head) {
            return true;
        }
    }
    return false;
}
