// SPDX-License-Identifier: MIT
/*
 * trace: the traffic of the rings in words.
 *
 *     trace [--only NAME]... < EVENTS
 *
 * EVENTS is what the plugin writes (event.h). A line is a call and what became of it, or,
 * if others did something meanwhile, the two apart:
 *
 *     smoke → Console.writeLine(text = "hi") … ok, 412 instructions
 *
 *     client → Console.writeLine(text = "hello") …
 *     server ← Console.writeLine(text = "hello"), badge 7
 *     server ↩ Console.writeLine ok
 *     client … Console.writeLine ok, 1873 instructions
 *
 * The number is what the machine executed from where the program entered the kernel with
 * the entry to where it got back with the completion, by whomever: for the calls of one
 * batch it is that of the batch. Lines that are the same but for that are written once,
 * and counted. With --only, those of processes of these names.
 */
#include <abi/error.h>
#include <abi/ring.h>
#include <capos.capnp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "words.h"

#define ONLY_MAX 16

/* No process has this number. */
#define NO_PID 0u

/* An entry that has not completed. */
struct entry {
    uint64_t number;
    uint64_t instructions; /* when it was submitted */
    uint64_t interface_id; /* CALL */
    uint16_t method;
    uint8_t opcode;
    bool again;
    bool is_told; /* the line that ends in … has been written */
    struct words what;
};

/* A call that was received and not answered. */
struct received {
    uint64_t id;
    uint64_t interface_id;
    uint16_t method;
};

struct process {
    uint64_t pid;
    bool is_shown;
    char name[CAP_NAME_MAX + 1];
    struct entry *entries;
    size_t entry_count, entry_room;
    struct received *received;
    size_t received_count, received_room;
};

static struct process *processes;
static size_t process_count, process_room;
static const char *only[ONLY_MAX];
static size_t only_count;

static void *grow(void *array, size_t count, size_t *room, size_t bytes)
{
    if (count < *room) {
        return array;
    }
    *room = *room * 2u + 16u;
    void *larger = realloc(array, *room * bytes);
    if (larger == NULL) {
        fputs("trace: out of memory\n", stderr);
        exit(1);
    }
    return larger;
}

static void __attribute__((noreturn)) malformed(const char *why)
{
    fprintf(stderr, "trace: what is read is not what the plugin writes: %s\n", why);
    exit(1);
}

/* ---------------------------------------------------------------------------
 * Lines */

static char last_line[2u * WORDS_MAX + 64u];
static unsigned long repeated;

static void end_repetition(void)
{
    if (repeated != 0) {
        printf("    … and %lu more like it\n", repeated);
        repeated = 0;
    }
}

/* `instructions` is not compared; 0: there is none to tell. */
static void print_line(const struct process *p, const char *sign, const struct words *what,
                       const char *outcome, uint64_t instructions)
{
    char line[sizeof last_line] = "";

    if (!p->is_shown) {
        return;
    }
    snprintf(line, sizeof line, "%s %s %s%s", p->name, sign, what->text, outcome);
    if (strcmp(line, last_line) == 0) {
        repeated++;
        return;
    }
    end_repetition();
    memcpy(last_line, line, sizeof last_line);
    if (instructions == 0) {
        printf("%s\n", line);
    } else {
        printf("%s, %lu instructions\n", line, instructions);
    }
}

/* Whose events came last: what all others have submitted has been told. */
static uint64_t last_pid;

/* Another process has its turn: writes the first half of what the last one has submitted. */
static void take_turns(uint64_t pid)
{
    if (pid == last_pid) {
        return;
    }
    for (size_t i = 0; i < process_count; i++) {
        struct process *p = &processes[i];
        for (size_t k = 0; p->pid == last_pid && k < p->entry_count; k++) {
            struct entry *e = &p->entries[k];
            if (!e->is_told && e->opcode != CAP_OP_RECV && e->opcode != CAP_OP_RETURN) {
                e->is_told = true;
                print_line(p, "→", &e->what, " …", 0);
            }
        }
    }
    last_pid = pid;
}

/* ---------------------------------------------------------------------------
 * Events */

static struct process *find_process(uint64_t pid)
{
    for (size_t i = process_count; i-- > 0;) {
        if (processes[i].pid == pid) {
            return &processes[i];
        }
    }
    malformed("an event of a process that was not introduced");
}

static void meet_process(uint64_t pid, const struct event_process *event)
{
    processes = grow(processes, process_count, &process_room, sizeof *processes);
    struct process *p = &processes[process_count++];

    *p = (struct process){.pid = pid, .is_shown = only_count == 0};
    memcpy(p->name, event->name, sizeof p->name - 1u);
    for (size_t i = 0; i < only_count; i++) {
        p->is_shown |= strcmp(only[i], p->name) == 0;
    }
}

static const struct received *find_received(const struct process *p, uint64_t id)
{
    for (size_t i = p->received_count; i-- > 0;) {
        if (p->received[i].id == id) {
            return &p->received[i];
        }
    }
    return NULL;
}

static void remember_received(struct process *p, struct received call)
{
    p->received = grow(p->received, p->received_count, &p->received_room, sizeof *p->received);
    p->received[p->received_count++] = call;
}

static void forget_received(struct process *p, uint64_t id)
{
    for (size_t i = 0; i < p->received_count; i++) {
        if (p->received[i].id == id) {
            p->received[i] = p->received[--p->received_count];
            return;
        }
    }
}

/* Nothing for a message of defaults: that the call has worked is all there is to tell. */
static void words_add_results(struct words *w, uint64_t interface_id, uint16_t method,
                              const void *message, size_t bytes, uint32_t capabilities)
{
    if (bytes != 0) {
        words_add(w, " ");
        words_add_message(w, interface_id, method, WORDS_RESULTS, message, bytes, capabilities);
    }
}

static const char *error_name(int32_t error)
{
    switch (error) {
#define NAME(name, number, sentence)                                                               \
    case number:                                                                                   \
        return #name;
        CAP_ERR_LIST(NAME)
#undef NAME
    default:
        return "an error that is none";
    }
}

static void describe_call(struct words *w, const struct event_entry *event, const uint8_t *message)
{
    const struct cap_sqe *sqe = &event->sqe;

    words_add_method(w, sqe->interface_id, sqe->method_id);
    if (!event->is_readable) {
        words_add(w, "(%u bytes at 0x%lx, which cannot be read)", sqe->params_len,
                  sqe->params_addr);
        return;
    }
    words_add_message(w, sqe->interface_id, sqe->method_id, WORDS_PARAMS, message, sqe->params_len,
                      sqe->cap_count);
}

static void describe(struct words *w, const struct event_entry *event, const uint8_t *message)
{
    const struct cap_sqe *sqe = &event->sqe;

    switch (sqe->opcode) {
    case CAP_OP_NOP:
        words_add(w, "nop");
        return;
    case CAP_OP_CALL:
        describe_call(w, event, message);
        return;
    case CAP_OP_RECV:
        words_add(w, "receive");
        return;
    case CAP_OP_RELEASE:
        words_add(w, "release 0x%lx", sqe->cap_id);
        return;
    case CAP_OP_COPY:
        words_add(w, "copy 0x%lx", sqe->cap_id);
        return;
    case CAP_OP_CANCEL:
        words_add(w, "cancel 0x%lx", sqe->params_addr);
        return;
    default:
        words_add(w, "opcode %u", sqe->opcode);
        return;
    }
}

/* An answer is told when it is given: it completes only with the next call. */
static void tell_answer(struct process *p, struct words *w, const struct event_entry *event,
                        const uint8_t *message)
{
    const struct cap_sqe *sqe = &event->sqe;
    const struct received *call = find_received(p, sqe->interface_id);

    if (call == NULL) {
        words_add(w, "call 0x%lx", sqe->interface_id);
        print_line(p, "↩", w, ", which it does not serve", 0);
        return;
    }
    words_add_method(w, call->interface_id, call->method);
    struct words outcome;
    words_init(&outcome);
    if (!event->is_readable) {
        words_add(&outcome, " (%u bytes at 0x%lx, which cannot be read)", sqe->params_len,
                  sqe->params_addr);
    } else if ((sqe->flags & CAP_SQE_F_EXCEPTION) != 0) {
        words_add(&outcome, " %s", capos_exception_type_name(sqe->method_id));
        words_add_reason(&outcome, message, sqe->params_len);
    } else {
        words_add(&outcome, " ok");
        words_add_results(&outcome, call->interface_id, call->method, message, sqe->params_len,
                          sqe->cap_count);
    }
    print_line(p, "↩", w, outcome.text, 0);
}

static void on_entry(struct process *p, uint64_t instructions, const struct event_entry *event,
                     const uint8_t *message)
{
    bool is_new = true;

    for (size_t i = p->entry_count; i-- > 0;) {
        if (p->entries[i].number == event->number) {
            p->entries[i] = p->entries[--p->entry_count]; /* written before, and not taken then */
            is_new = false;
            break;
        }
    }
    p->entries = grow(p->entries, p->entry_count, &p->entry_room, sizeof *p->entries);
    struct entry *e = &p->entries[p->entry_count++];
    *e = (struct entry){.number = event->number,
                        .instructions = instructions,
                        .interface_id = event->sqe.interface_id,
                        .method = event->sqe.method_id,
                        .opcode = event->sqe.opcode,
                        .again = (event->sqe.flags & CAP_SQE_F_AGAIN) != 0};
    if (e->opcode != CAP_OP_RETURN) {
        describe(&e->what, event, message);
    } else if (is_new) {
        tell_answer(p, &e->what, event, message);
    }
}

/* A call has come. */
static void tell_received(struct process *p, const struct cap_cqe *cqe, const uint8_t *result,
                          size_t bytes)
{
    struct cap_message_header header;
    struct words w;

    words_init(&w);
    if (bytes < sizeof header) {
        words_add(&w, "a call that cannot be read");
        print_line(p, "←", &w, "", 0);
        return;
    }
    memcpy(&header, result, sizeof header);
    words_add_method(&w, header.interface_id, header.method_id);
    if (header.params_len <= bytes - sizeof header) {
        words_add_message(&w, header.interface_id, header.method_id, WORDS_PARAMS,
                          result + sizeof header, header.params_len, header.cap_count);
    }
    if (header.badge != 0) {
        words_add(&w, ", badge %lu", header.badge);
    }
    forget_received(p, cqe->detail);
    remember_received(p, (struct received){.id = cqe->detail,
                                           .interface_id = header.interface_id,
                                           .method = header.method_id});
    print_line(p, "←", &w, "", 0);
}

/* What has been told before: a call without its parameters. */
static void describe_briefly(struct words *w, const struct entry *e)
{
    *w = e->what;
    if (e->opcode == CAP_OP_CALL) {
        words_init(w);
        words_add_method(w, e->interface_id, e->method);
    }
}

/* How a call ended, with a blank before it. */
static void describe_outcome(struct words *w, const struct entry *e, const struct cap_cqe *cqe,
                             const uint8_t *result, size_t bytes)
{
    if (cqe->result == CAP_ERR_EXCEPTION) {
        words_add(w, " %s", capos_exception_type_name(cqe->flags & CAP_CQE_F_EXC_MASK));
        words_add_reason(w, result, bytes);
    } else if (cqe->result < 0) {
        words_add(w, " %s", error_name(cqe->result));
    } else {
        words_add(w, " ok");
        if (e->opcode == CAP_OP_COPY) {
            words_add(w, " 0x%lx", cqe->detail);
        }
        if (e->opcode == CAP_OP_CALL && (size_t)cqe->result <= bytes) {
            words_add_results(w, e->interface_id, e->method, result, (size_t)cqe->result,
                              cqe->cap_count);
        }
    }
}

static void on_completion(struct process *p, uint64_t instructions,
                          const struct event_completion *event, const uint8_t *result, size_t bytes)
{
    struct entry e = {.number = EVENT_NO_ENTRY};
    struct words outcome;

    for (size_t i = 0; i < p->entry_count; i++) {
        if (p->entries[i].number == event->number) {
            e = p->entries[i];
            memmove(&p->entries[i], &p->entries[i + 1u],
                    (--p->entry_count - i) * sizeof *p->entries);
            break;
        }
    }
    words_init(&outcome);
    if (e.number == EVENT_NO_ENTRY) {
        words_add(&e.what, "the entry of user data 0x%lx", event->cqe.user_data);
    }
    describe_outcome(&outcome, &e, &event->cqe, result, bytes);
    bool receives = e.opcode == CAP_OP_RECV || (e.opcode == CAP_OP_RETURN && e.again);
    if (receives && event->cqe.result >= 0) {
        tell_received(p, &event->cqe, result, bytes);
    } else if (e.opcode == CAP_OP_RETURN && event->cqe.result < 0) {
        print_line(p, "↩", &e.what, outcome.text, 0);
    } else if (e.opcode == CAP_OP_RECV) {
        print_line(p, "←", &e.what, outcome.text, 0);
    } else if (e.opcode != CAP_OP_RETURN) {
        uint64_t count = instructions - e.instructions;
        if (e.is_told) {
            struct words brief;
            describe_briefly(&brief, &e);
            print_line(p, "…", &brief, outcome.text, count);
        } else {
            char text[sizeof outcome.text + 8u];
            snprintf(text, sizeof text, " …%s", outcome.text);
            print_line(p, "→", &e.what, text, count);
        }
    }
}

/* The whole of one event, or false at the end. */
static bool read_event(struct event *event, uint8_t *rest)
{
    size_t got = fread(event, 1, sizeof *event, stdin);

    if (got == 0) {
        return false;
    }
    if (got != sizeof *event || event->bytes > EVENT_BYTES_MAX) {
        malformed("an event's head");
    }
    if (fread(rest, 1, event->bytes, stdin) != event->bytes) {
        malformed("an event that ends too early");
    }
    return true;
}

static void play(const struct event *event, const uint8_t *rest)
{
    struct event_process process;
    struct event_entry entry;
    struct event_completion completion;

    take_turns(event->pid);
    switch (event->kind) {
    case EVENT_PROCESS:
        if (event->bytes != sizeof process) {
            malformed("a process of another size");
        }
        memcpy(&process, rest, sizeof process);
        meet_process(event->pid, &process);
        return;
    case EVENT_ENTRY:
        if (event->bytes < sizeof entry) {
            malformed("an entry that is too short");
        }
        memcpy(&entry, rest, sizeof entry);
        if (entry.is_readable &&
            entry.sqe.params_len + entry.sqe.cap_count * sizeof(struct cap_transfer) !=
                event->bytes - sizeof entry) {
            malformed("an entry without its message");
        }
        on_entry(find_process(event->pid), event->instructions, &entry, rest + sizeof entry);
        return;
    case EVENT_COMPLETION:
        if (event->bytes < sizeof completion) {
            malformed("a completion that is too short");
        }
        memcpy(&completion, rest, sizeof completion);
        on_completion(find_process(event->pid), event->instructions, &completion,
                      rest + sizeof completion, event->bytes - sizeof completion);
        return;
    default:
        malformed("an event of no kind");
    }
}

int main(int argc, char **argv)
{
    static _Alignas(8) uint8_t rest[EVENT_BYTES_MAX];
    struct event event;

    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--only") != 0 || i + 1 == argc || only_count == ONLY_MAX) {
            fprintf(stderr, "usage: trace [--only NAME]... < EVENTS, at most %d names\n", ONLY_MAX);
            return 2;
        }
        only[only_count++] = argv[i + 1];
    }
    while (read_event(&event, rest)) {
        play(&event, rest);
    }
    take_turns(NO_PID);
    end_repetition();
    return 0;
}
