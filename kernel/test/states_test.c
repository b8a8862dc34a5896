// SPDX-License-Identifier: MIT
/*
 * The table of docs/endpoints.md, row by row, on the hosted kernel: each event in each
 * state, what comes of it and that nothing is left behind. A pair that the table does not
 * have fails, and one that it has twice, and a word that it does not explain (T-08 and T-12).
 *
 *   states_test --print     writes the table's rows as the kernel would have them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/scene.h"
#include "test/world.h"

#define PATH       "docs/endpoints.md"
#define HEADING    "| State | Event | Next | Call | Receive | Entry | Moved |"
#define CELLS      7u
#define STATES_MAX 32u
#define EVENTS_MAX 64u

struct cell {
    bool known;
    int line;
    struct outcome outcome;
};

static struct cell table[STATES_MAX][EVENTS_MAX];

/* Cuts white space off both ends. */
static char *trim(char *text)
{
    text += strspn(text, " ");
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\n')) {
        text[--len] = '\0';
    }
    return text;
}

/* Splits a row into its cells, in place. False: it has another number of them. */
static bool split(char *line, char *cells[CELLS])
{
    char *at = trim(line);
    size_t n = 0;

    if (*at != '|') {
        return false;
    }
    at++;
    while (n < CELLS) {
        char *end = strchr(at, '|');
        if (end == NULL) {
            return false;
        }
        *end = '\0';
        cells[n++] = trim(at);
        at = end + 1;
    }
    return *trim(at) == '\0';
}

/* Which of `count` names the next item of a list is; the list goes on behind it. */
static size_t next_name(char **list, const char *(*name)(size_t i), size_t count, int line)
{
    char *end = strchr(*list, ';');
    char *item = *list;

    *list = end == NULL ? NULL : end + 1;
    if (end != NULL) {
        *end = '\0';
    }
    item = trim(item);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(item, name(i)) == 0) {
            return i;
        }
    }
    fail_msg("%s:%d: \"%s\" is no state or event that the test knows", PATH, line, item);
    return 0;
}

static void copy_cell(char to[SCENE_WORDS], const char *from)
{
    assert_true(strlen(from) < SCENE_WORDS);
    memcpy(to, from, strlen(from) + 1);
}

static void enter(size_t state, size_t event, char *cells[CELLS], int line)
{
    struct cell *cell = &table[state][event];

    if (cell->known) {
        fail_msg("%s:%d: \"%s\" in \"%s\" is in line %d already", PATH, line,
                 scene_event_name(event), scene_state_name(state), cell->line);
    }
    cell->known = true;
    cell->line = line;
    copy_cell(cell->outcome.next, cells[2]);
    copy_cell(cell->outcome.call, cells[3]);
    copy_cell(cell->outcome.receive, cells[4]);
    copy_cell(cell->outcome.entry, cells[5]);
    copy_cell(cell->outcome.moved, cells[6]);
}

static void enter_row(char *cells[CELLS], int line)
{
    char events[4096];

    for (char *states = cells[0]; states != NULL;) {
        size_t state = next_name(&states, scene_state_name, scene_state_count, line);
        assert_true(strlen(cells[1]) < sizeof events);
        memcpy(events, cells[1], strlen(cells[1]) + 1);
        for (char *list = events; list != NULL;) {
            enter(state, next_name(&list, scene_event_name, scene_event_count, line), cells, line);
        }
    }
}

static int read_table(void **state)
{
    FILE *file = fopen(PATH, "r");
    char line[8192];
    char *cells[CELLS];
    bool inside = false;

    (void)state;
    world_start();
    if (file == NULL || scene_state_count > STATES_MAX || scene_event_count > EVENTS_MAX) {
        perror(PATH);
        return 1;
    }
    for (int n = 1; fgets(line, sizeof line, file) != NULL; n++) {
        if (strncmp(line, HEADING, sizeof HEADING - 1) == 0) {
            inside = true;
        } else if (!inside || strncmp(line, "|---", 4) == 0) {
            continue;
        } else if (split(line, cells)) {
            enter_row(cells, n);
        } else {
            inside = false;
        }
    }
    fclose(file);
    return 0;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return strcmp(a->next, b->next) == 0 && strcmp(a->call, b->call) == 0 &&
           strcmp(a->receive, b->receive) == 0 && strcmp(a->entry, b->entry) == 0 &&
           strcmp(a->moved, b->moved) == 0;
}

/* Plays one pair, with messages in pages or in message areas, and says what is wrong with it. */
static unsigned try_pair(size_t state, size_t event, bool area)
{
    const struct cell *cell = &table[state][event];
    struct outcome is;
    const char *wrong = scene_play(state, event, area, &is);
    const struct outcome *said = &cell->outcome;
    unsigned faults = 0;

    if (wrong != NULL) {
        print_error("\"%s\" in \"%s\": %s\n", scene_event_name(event), scene_state_name(state),
                    wrong);
        faults++;
    }
    if (!cell->known) {
        print_error("%s has no \"%s\" in \"%s\"\n", PATH, scene_event_name(event),
                    scene_state_name(state));
        faults++;
    } else if (!same(said, &is)) {
        print_error("%s:%d: \"%s\" in \"%s\"\n"
                    "  the table: %s | %s | %s | %s | %s\n  the kernel: %s | %s | %s | %s | %s\n",
                    PATH, cell->line, scene_event_name(event), scene_state_name(state), said->next,
                    said->call, said->receive, said->entry, said->moved, is.next, is.call,
                    is.receive, is.entry, is.moved);
        faults++;
    }
    return faults;
}

/* Every event in one state. */
static void every_event(void **state)
{
    size_t s = *(const size_t *)*state;
    unsigned faults = 0;

    for (size_t event = 0; event < scene_event_count; event++) {
        faults += try_pair(s, event, false);
        if (!scene_needs_pages(event)) {
            faults += try_pair(s, event, true);
        }
    }
    assert_int_equal(faults, 0);
}

/* ---------------------------------------------------------------------------
 * The table as the kernel would have it */

/* What comes to the same in one state is one row; so is what cannot happen in several. */
static struct {
    char states[1024];
    char events[4096];
    struct outcome outcome;
} rows[STATES_MAX * EVENTS_MAX];

static size_t row_count;

static void append(char *list, size_t room, const char *name)
{
    size_t len = strlen(list);

    snprintf(list + len, room - len, "%s%s", len == 0 ? "" : "; ", name);
}

static bool cannot(size_t row)
{
    return strcmp(rows[row].outcome.next, "cannot") == 0;
}

static void merge_rows(size_t first)
{
    for (size_t i = first; i < row_count; i++) {
        for (size_t k = 0; k < first && cannot(i); k++) {
            if (cannot(k) && strcmp(rows[k].events, rows[i].events) == 0) {
                append(rows[k].states, sizeof rows[k].states, rows[i].states);
                rows[i].events[0] = '\0';
            }
        }
    }
}

static void list_state(size_t state)
{
    size_t first = row_count;

    for (size_t event = 0; event < scene_event_count; event++) {
        struct outcome is;
        const char *wrong = scene_play(state, event, false, &is);
        if (wrong != NULL) {
            fprintf(stderr, "\"%s\" in \"%s\": %s\n", scene_event_name(event),
                    scene_state_name(state), wrong);
        }
        size_t row = first;
        while (row < row_count && !same(&rows[row].outcome, &is)) {
            row++;
        }
        if (row == row_count) {
            row_count++;
            rows[row].outcome = is;
            append(rows[row].states, sizeof rows[row].states, scene_state_name(state));
        }
        append(rows[row].events, sizeof rows[row].events, scene_event_name(event));
    }
    merge_rows(first);
}

static void print_rows(bool that_cannot)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct outcome *o = &rows[i].outcome;
        if (rows[i].events[0] != '\0' && cannot(i) == that_cannot) {
            printf("| %s | %s | %s | %s | %s | %s | %s |\n", rows[i].states, rows[i].events,
                   o->next, o->call, o->receive, o->entry, o->moved);
        }
    }
}

static int print_table(void)
{
    world_start();
    for (size_t state = 0; state < scene_state_count; state++) {
        list_state(state);
    }
    printf("%s\n|---|---|---|---|---|---|---|\n", HEADING);
    print_rows(false);
    print_rows(true);
    return 0;
}

int main(int argc, char **argv)
{
    static size_t numbers[STATES_MAX];
    static struct CMUnitTest tests[STATES_MAX];

    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        return print_table();
    }
    for (size_t i = 0; i < scene_state_count; i++) {
        numbers[i] = i;
        tests[i] = (struct CMUnitTest){
            .name = scene_state_name(i), .test_func = every_event, .initial_state = &numbers[i]};
    }
    return _cmocka_run_group_tests("states", tests, scene_state_count, read_table, NULL);
}
