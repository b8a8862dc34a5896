# SPDX-License-Identifier: MIT
# The interfaces of capOS. This file is the ABI: kernel calls, calls between
# processes and the boot manifest are all messages of these types.
@0xc1a9d5e07b3f4826;

using C = import "/c.capnp";
$C.prefix("capos");

# ---------------------------------------------------------------------------
# Exceptions

struct Exception {
  # Why an object refused a call. Travels in the result buffer of a completion
  # whose result is CAP_ERR_EXCEPTION; the type is in the completion's flags too.

  type @0 :Type;
  reason @1 :Text;
  # One sentence for a person. Holds no address, secret or foreign state.

  enum Type {
    # What the client should do; the first four are those of Cap'n Proto RPC.
    failed @0;
    overloaded @1;
    disconnected @2;
    unimplemented @3;
    invalidArgument @4;
  }
}

# ---------------------------------------------------------------------------
# Kernel objects

interface Console @0xf0a4b1c86d2e7395 {
  # The serial console.

  write @0 (data :Data) -> ();
  # Writes the bytes as they are, at most CAP_CONSOLE_WRITE_MAX of them.

  writeLine @1 (text :Text) -> ();
  # Writes the text, which must be UTF-8 and may hold at most
  # CAP_CONSOLE_WRITE_MAX bytes, and ends the line.
}

interface NullCap @0x9b7d20f3e81c5a64 {
  # Does nothing, at the price of a real call: for measurements only, and granted
  # by no manifest but the measuring one.

  ping @0 () -> ();
  # Nothing in, nothing out.

  echo @1 (value :UInt64, data :Data) -> (value :UInt64, data :Data);
  # Answers with what it was given. At most 64 bytes of data.

  add @2 (a :UInt64, b :UInt64, c :UInt64) -> (sum :UInt64, carry :Bool, count :UInt64);
  # a + b + c modulo 2^64; carry says whether it wrapped; count is the number of
  # calls this object has served.
}

# ---------------------------------------------------------------------------
# Boot manifest

struct Manifest {
  # All a boot needs to know, and the one module the boot loader hands over.

  schemaVersion @0 :UInt32;
  # Must be manifestVersion.

  binaries @1 :List(Binary);
  services @2 :List(Service);
  kernelParams @3 :KernelParams;
}

const manifestVersion :UInt32 = 1;

struct Binary {
  name @0 :Text;
  image @1 :Data;
  # A static ELF64 program for x86_64.
}

struct Service {
  # One process that the kernel starts.

  name @0 :Text;
  binary @1 :Text;
  # Name of an entry of Manifest.binaries.

  caps @2 :List(CapGrant);
  # What the process is born with, in the order of its CapSet.

  exports @3 :List(Export);
  # Endpoints of its own that other services may name as a source.

  restart @4 :Restart;
  ring @5 :RingSizes;
  limits @6 :Limits;
  expect @7 :ProcessStatus;
  # How the process is expected to end. The run succeeds only when each does.
  # Unset means exited(0).
}

struct CapGrant {
  name @0 :Text;
  # In the CapSet; unique within one service.

  interfaceId @1 :UInt64;
  # The interface that the holder expects; must be the source's own.

  source :union {
    kernel @2 :KernelObject;
    service @3 :ServiceExport;
    # A client facet of another service's export.
  }

  badge @4 :UInt64;
  # Delivered to the server with every call through this grant; must be zero
  # for a kernel object.
}

enum KernelObject {
  # What the kernel can grant at boot.
  console @0;
  nullCap @1;
}

struct ServiceExport {
  service @0 :Text;
  export @1 :Text;
}

struct Export {
  name @0 :Text;
  interfaceId @1 :UInt64;
}

struct Restart {
  # What happens when the process has ended.

  policy @0 :Policy;
  count @1 :UInt32;
  # At most this many restarts in one boot.

  enum Policy {
    never @0;
    onFailure @1;
    # After any end but the expected one.
    always @2;
  }
}

struct RingSizes {
  # Powers of two; see abi/limits.h for what is allowed.
  sqEntries @0 :UInt32 = 16;
  cqEntries @1 :UInt32 = 32;
  areaBytes @2 :UInt32 = 16384;
}

struct Limits {
  # What one process may hold.
  frames @0 :UInt32 = 512;
  # Frames of 4 KiB: image, stack, thread-local storage, ring, CapSet, page tables.
  capSlots @1 :UInt32 = 256;
}

struct ProcessStatus {
  # How a process ended.

  union {
    exited @0 :Int64;
    # By itself, with this code.

    faulted @1 :Fault;
    # A processor exception.

    killed @2 :Text;
    # By the kernel or by a holder of its handle; the reason.

    failedToStart @3 :Text;
    # It never ran; the reason.
  }
}

struct Fault {
  vector @0 :UInt8;
  # Processor exception number.

  address @1 :UInt64;
  # The address that faulted, for a page fault; otherwise zero.

  rip @2 :UInt64;
  # The instruction.
}

struct KernelParams {
  tickHz @0 :UInt32 = 100;
  # Timer interrupts a second, while anything waits for time: 20 to 1,000.

  plantLeak @1 :Leak;
  # Makes the kernel lose something on purpose, to show that the recount at the
  # end of the run finds it.

  deadline @2 :UInt32 = 0;
  # Milliseconds after which a run that has not ended is stopped as failed;
  # 0: never.

  enum Leak {
    none @0;
    frame @1;
    slot @2;
    object @3;
  }
}
