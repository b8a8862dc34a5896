// SPDX-License-Identifier: MIT
/*
 * Every limit a program can run into, with its unit. A test reaches each one.
 * Limits of the kernel's own that no program can see stand at the top of the
 * file that keeps them.
 */
#pragma once

/* Ring: entries are powers of two; the completion queue is at least as long as
 * the submission queue, so that there is always room for what completes at once. */
#define CAP_SQ_DEFAULT 16u
#define CAP_SQ_MIN     2u
#define CAP_SQ_MAX     1024u
#define CAP_CQ_DEFAULT 32u
#define CAP_CQ_MIN     4u
#define CAP_CQ_MAX     4096u

/* Message area, bytes, a power of two: the pinned part of the ring region that short calls use. */
#define CAP_AREA_DEFAULT 16384u
#define CAP_AREA_MIN     1024u
#define CAP_AREA_MAX     524288u

/* Entries one cap_enter takes before the thread goes to the back of the queue. */
#define CAP_DRAIN_BUDGET 128u

/* One message, bytes, wherever it lies. */
#define CAP_MESSAGE_MAX 65536u

/* Room for one message with all that can come around it: header and records. */
#define CAP_ROOM_MAX (CAP_MESSAGE_MAX + 32u + CAP_TRANSFER_MAX * 16u)

/* One message to or from an object of the kernel, bytes: it is copied whole. */
#define CAP_KERNEL_MESSAGE_MAX 8192u

/* Capabilities that travel with one message. */
#define CAP_TRANSFER_MAX 64u

/* One Console.write or Console.writeLine, bytes of payload. */
#define CAP_CONSOLE_WRITE_MAX 4096u

/* Capability slots of one process, unless its manifest entry says otherwise. */
#define CAP_SLOTS_DEFAULT 256u
#define CAP_SLOTS_MAX     65536u

/* Frames (4 KiB) of one process, unless its manifest entry says otherwise. */
#define PROC_FRAMES_DEFAULT 512u

/* What a manifest or a parent may allow one process: children at a time, and entries
 * in flight, those of children included. */
#define PROC_PROCESSES_MAX 65536u
#define PROC_CALLS_MAX     1048576u

/* One MemoryObject, and one call of VirtualMemory, pages of 4 KiB. */
#define MEMORY_PAGES_MAX 1024u

/* Stretches of address space that one process has mapped through VirtualMemory. */
#define PROC_REGIONS_MAX 256u

/* Data of one BootPackage.readManifest, bytes; entries of one CapabilityManager.list. */
#define BOOT_READ_MAX 4096u
#define CAP_LIST_MAX  32u

/* A name in a manifest or CapSet, bytes, without a terminating NUL. */
#define CAP_NAME_MAX 31u

/* Manifest. */
#define MANIFEST_BYTES_MAX    (64u << 20)
#define MANIFEST_BINARIES_MAX 256u
#define MANIFEST_SERVICES_MAX 256u
#define MANIFEST_CAPS_MAX     63u
#define MANIFEST_EXPORTS_MAX  63u
#define MANIFEST_RESTARTS_MAX 1000000u

/* The longest cap_enter time-out that is not "for ever", nanoseconds: one year. */
#define CAP_TIMEOUT_MAX_NS 31536000000000000ull

/* Thread-local storage of one thread, bytes, with its control block. */
#define PROC_TLS_MAX 131072u

/* Loadable segments of one program. */
#define ELF_SEGMENTS_MAX 16u
