// SPDX-License-Identifier: MIT
/*
 * The boot manifest's one validator, for the tool that writes it, the kernel that
 * boots it and whoever starts a system from one.
 *
 * A manifest is a message of hostile origin until manifest_open() has returned
 * true. After that:
 *   1  every pointer of the message is sound, so no accessor fails
 *   2  every list is within its limit (abi/limits.h), and there is a service that
 *      is not a daemon
 *   3  every name is one (manifest_name_is_valid), and is unique among its kind;
 *      grants and exports of one service share its CapSet and are one kind
 *   4  every image is a program that elf_parse() accepts
 *   5  every reference leads somewhere: a service to its binary, a grant to a
 *      kernel object or to an export of a service with the same starter
 *   6  each grant expects the very interface its source has, only a grant of an
 *      export carries a badge, and an export has an interface that a client facet
 *      can have: neither 0 nor that of Endpoint
 *   7  ring sizes can be laid out, the limits leave room for what the service is
 *      born with, and none is beyond what one process may have
 *   8  restart, expectation, starter and kernel parameters are values that are known
 *   9  the kernel starts a service that is not a daemon; and if there are services for
 *      init to start, one that can: it is granted bootPackage and processSpawner
 *
 * Services may refer to each other in circles, and one may import its own export:
 * it then holds both facets of one endpoint, and nothing waits for anything while
 * the grants are made.
 *
 * Nothing is allocated or written but the caller's structs. The work is bounded by
 * the length of the message and by the limits.
 */
#pragma once

#include <abi/limits.h>
#include <capos.capnp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Timer interrupts a second that kernelParams may ask for. */
#define MANIFEST_TICK_HZ_MIN 20u
#define MANIFEST_TICK_HZ_MAX 1000u

/* Processor exceptions: the vectors that an expectation can name are below this. */
#define MANIFEST_VECTORS 32u

/* The reason of an expected end, bytes. */
#define MANIFEST_REASON_MAX 127u

/*
 * Every refusal: X(name, "sentence"). In the sentences %p stands for the place, %n
 * for the name concerned, %d for the sentence of the module that looked closer, %f
 * for the number found, %l and %m for the least and the most it may be; %x and %y
 * for the interface ids of grant and source, with their names if the schema has
 * them.
 */
#define MANIFEST_ERROR_LIST(X)                                                                     \
    X(OK, "the manifest is valid")                                                                 \
    X(LENGTH, "the manifest has %f bytes; it must have 8 to %m, in whole words of 8")              \
    X(MESSAGE, "the manifest is not a well-formed message: %d")                                    \
    X(VERSION, "%p: the manifest is of schema version %f; this system reads version %m")           \
    X(NO_SERVICE, "%p: there is no service for the kernel to start")                               \
    X(ONLY_DAEMONS, "%p: the kernel starts only daemons, and a run ends when no others are left")  \
    X(NO_INIT, "%p: service \"%n\" is for init to start, and the kernel starts none that has "     \
               "bootPackage and processSpawner")                                                   \
    X(NO_SUCH_STARTER, "%p: service \"%n\" has a starter of kind %f, and the kinds are 0 to %m")   \
    X(TOO_MANY, "%p: there are %f entries, and at most %m are allowed")                            \
    X(NAME_LENGTH, "%p: the name has %f bytes; a name has 1 to %m")                                \
    X(NAME_FORM, "%p: the name \"%n\" may hold only a-z, 0-9, '-', '_' and '.'")                   \
    X(NAME_TAKEN, "%p: the name \"%n\" is already that of entry %f of the list")                   \
    X(EXPORT_TAKEN, "%p: the name \"%n\" is already that of grant %f of the same service, and "    \
                    "both would stand in its CapSet")                                              \
    X(CAPSET_FULL, "%p: service \"%n\" has %f grants and exports together; its CapSet holds %m")   \
    X(NO_SUCH_BINARY, "%p: there is no binary named \"%n\"")                                       \
    X(IMAGE, "%p: the image of binary \"%n\" is not a program for this system: %d")                \
    X(NO_SUCH_SOURCE, "%p: grant \"%n\" has a source of kind %f, and the kinds are 0 to %m")       \
    X(NO_SUCH_OBJECT, "%p: grant \"%n\" asks for kernel object %f, and the objects are 0 to %m")   \
    X(NO_SUCH_SERVICE, "%p: there is no service named \"%n\"")                                     \
    X(NO_SUCH_EXPORT, "%p: that service has no export named \"%n\"")                               \
    X(OTHER_STARTER, "%p: grant \"%n\" is of an export of a service that somebody else starts")    \
    X(INTERFACE, "%p: grant \"%n\" expects interface %x, and its source has %y")                   \
    X(NO_INTERFACE, "%p: export \"%n\" has no interface id")                                       \
    X(OWNER_INTERFACE, "%p: export \"%n\" has interface %x, which only an owner facet has")        \
    X(BADGE, "%p: grant \"%n\" has badge %f, and a kernel object takes none")                      \
    X(RING_SIZE, "%p: the size is %f; it must be a power of two from %l to %m")                    \
    X(FRAMES, "%p: service \"%n\" may hold %f frames, and its program, stack and ring take %l")    \
    X(SLOTS, "%p: service \"%n\" may hold %f capabilities; it must be %l to %m")                   \
    X(LIMIT, "%p: service \"%n\" may have %f, and at most %m are allowed")                         \
    X(RESTART_POLICY, "%p: the restart policy is %f, and the policies are 0 to %m")                \
    X(RESTART_COUNT, "%p: the restart count is %f; with this policy it must be %l to %m")          \
    X(EXPECT_KIND, "%p: the expected end is of kind %f, and the kinds are 0 to %m")                \
    X(EXPECT_VECTOR, "%p: the expected exception is %f, and exceptions are 0 to %m")               \
    X(EXPECT_DETAIL, "%p: an expected fault is told by its vector alone; this must be 0, not %f")  \
    X(EXPECT_REASON, "%p: the expected reason has %f bytes; it must have 1 to %m of UTF-8")        \
    X(TICK_HZ, "%p: the timer rate is %f; it must be %l to %m interrupts a second")                \
    X(LEAK, "%p: the planted leak is of kind %f, and the kinds are 0 to %m")

enum manifest_error {
#define MANIFEST_ERROR_ENUM(name, sentence) MANIFEST_##name,
    MANIFEST_ERROR_LIST(MANIFEST_ERROR_ENUM)
#undef MANIFEST_ERROR_ENUM
        MANIFEST_ERROR_COUNT
};

/* Room for the longest place, "services[255].caps[62].source.service", and then some. */
#define MANIFEST_PATH_ROOM 96u

/* Room for a name that is too long or not a name at all, shortened and made printable. */
#define MANIFEST_NAME_ROOM (CAP_NAME_MAX + 4u)

/* What manifest_fault_text() needs at most. */
#define MANIFEST_FAULT_TEXT_ROOM 320u

/* Why a manifest was refused, and where. Members that a sentence does not use are zero. */
struct manifest_fault {
    enum manifest_error error;
    char path[MANIFEST_PATH_ROOM]; /* "services[3].caps[1].interfaceId", by the schema's names */
    char name[MANIFEST_NAME_ROOM];
    const char *detail; /* static */
    uint64_t found;
    uint64_t least; /* INTERFACE: the id of the source */
    uint64_t most;
};

/*
 * Opens a manifest and checks all of it. Keeps `bytes`, which must be 8-byte
 * aligned and stay unchanged, and *message, which must stay where it is, for as
 * long as *out is read. False: *fault says why, and *out is not written.
 */
bool manifest_open(const void *bytes, size_t len, struct capnp_message *message,
                   struct capos_manifest *out, struct manifest_fault *fault);

/*
 * Writes one sentence that names the place, the thing and what was expected, with
 * a terminating NUL; cut short if it does not fit in `room` bytes, which must be at
 * least 1. Returns its length.
 */
size_t manifest_fault_text(const struct manifest_fault *fault, char *text, size_t room);

/* Whether this is a name: 1…CAP_NAME_MAX bytes out of a-z, 0-9, '-', '_' and '.'. */
bool manifest_name_is_valid(struct capnp_text name);

/* The interface of a kernel object. False: there is no such object. */
bool manifest_object_interface(unsigned object, uint64_t *interface_id);

/* Whether the kernel starts the service, and not init. */
static inline bool manifest_kernel_starts(struct capos_service service)
{
    return capos_service_get_starter(service) == CAPOS_SERVICE_STARTER_KERNEL;
}

/* Lookups in a manifest that was opened. False: nothing has that name. */
bool manifest_find_binary(struct capos_manifest manifest, struct capnp_text name,
                          struct capos_binary *out);
bool manifest_find_service(struct capos_manifest manifest, struct capnp_text name, uint32_t *index);
bool manifest_find_export(struct capos_service service, struct capnp_text name, uint32_t *index);

/* Each starter starts its services in the order of the manifest; index below the count. */
static inline uint32_t manifest_service_count(struct capos_manifest manifest)
{
    return capos_service_list_len(capos_manifest_get_services(manifest));
}

static inline struct capos_service manifest_service_at(struct capos_manifest manifest,
                                                       uint32_t index)
{
    return capos_service_list_at(capos_manifest_get_services(manifest), index);
}
