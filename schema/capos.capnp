# SPDX-License-Identifier: MIT
# The interfaces of capOS. This file is the ABI: kernel calls, calls between
# processes and the boot manifest are all messages of these types.
#
# The comments are the manual's pages of the interfaces (docs/interfaces). A line of a
# method's comment that begins with the name of an exception type says when the object
# refuses with it, beside what any object may answer.
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
  # invalidArgument: there are more.

  writeLine @1 (text :Text) -> ();
  # Writes the text, which must be UTF-8 and may hold at most
  # CAP_CONSOLE_WRITE_MAX bytes, and ends the line.
  # invalidArgument: it is not UTF-8, or longer.
}

interface NullCap @0x9b7d20f3e81c5a64 {
  # Does nothing, at the price of a real call: for measurements only, and granted
  # by no manifest but those that measure.

  ping @0 () -> ();
  # Nothing in, nothing out.

  echo @1 (value :UInt64, data :Data) -> (value :UInt64, data :Data);
  # Answers with what it was given. At most 64 bytes of data.
  # invalidArgument: there are more.

  add @2 (a :UInt64, b :UInt64, c :UInt64) -> (sum :UInt64, carry :Bool, count :UInt64);
  # a + b + c modulo 2^64; carry says whether it wrapped; count is the number of
  # calls this object has served.
}

interface Endpoint @0xd3a58f61e20c947b {
  # An endpoint's owner facet: its holder receives and answers calls, by the ring
  # entries RECV and RETURN, and makes client facets. What is called through a
  # client facet is whatever its holder names; the server answers `unimplemented`
  # to what it does not serve. When the last owner facet is gone, calls that wait
  # and calls that come end as `disconnected`.

  mint @0 (badge :UInt64, interfaceId :UInt64) -> (client :Capability);
  # A client facet that carries this badge and is known as this interface, which is
  # neither 0 nor that of Endpoint. Nobody can change either afterwards.
  # invalidArgument: the interface is one of these two.
}

interface EndpointFactory @0x8c14e9d7b3f06a52 {
  # Makes endpoints, charged to whoever calls.

  create @0 () -> (endpoint :Endpoint);
  # A new endpoint, by its owner facet.
  # overloaded: the caller's budget does not hold one more, or the kernel has no memory.
}

interface MemoryObject @0xa96d03c7f15b28e4 {
  # Pages of memory, zeroed when they are made. They are given back when the last
  # capability and the last mapping is gone.

  size @0 () -> (bytes :UInt64);
  # A multiple of 4096.

  reader @1 () -> (reader :MemoryReader);
  # A facet that can be mapped for reading only.
}

interface MemoryReader @0xe57b1d80a4c9362f {
  # The read-only facet of a MemoryObject.

  size @0 () -> (bytes :UInt64);
  # That of the MemoryObject.
}

interface FrameAllocator @0xb82f6ae41d9c0573 {
  # Makes MemoryObjects, charged to whoever calls.

  allocFrame @0 () -> (memory :MemoryObject);
  # One page.
  # overloaded: the caller's budget of frames, or the machine's memory, does not hold it.

  freeFrame @1 (memory :MemoryObject) -> ();
  # Gives the memory back at once. The capability must be moved here; refused
  # while anybody else holds the object or has it mapped.
  # invalidArgument: it is no MemoryObject; it was copied here; it is held or mapped elsewhere.

  allocContiguous @2 (count :UInt32) -> (memory :MemoryObject);
  # So many pages, adjacent in physical memory: 1 to MEMORY_PAGES_MAX.
  # invalidArgument: there can be no object of so many pages.
  # overloaded: the caller's budget does not hold them, or there are not so many free in a row.
}

interface VirtualMemory @0xf1c30b96d8e7425a {
  # The address space of one process, between USER_MAP_BASE and USER_END. Sizes and
  # addresses are multiples of 4096 bytes; one call covers at most MEMORY_PAGES_MAX
  # pages. A process has at most PROC_REGIONS_MAX stretches mapped. Nothing can be
  # writable and executable at once.

  map @0 (hint :UInt64, size :UInt64, protection :Protection) -> (address :UInt64);
  # Fresh zeroed pages at `hint`, which must be free; 0: wherever there is room.
  # invalidArgument: size, address or protection is not a valid one; something is mapped there.
  # overloaded: the process's budget, its stretches, the gap or the machine's memory is too small.
  # disconnected: the process has ended.

  unmap @1 (address :UInt64, size :UInt64) -> ();
  # All of the range must be mapped through this capability.
  # invalidArgument: size or address is not a valid one; not all of the range is mapped.
  # overloaded: what would be left is one stretch more than there may be.
  # disconnected: the process has ended.

  protect @2 (address :UInt64, size :UInt64, protection :Protection) -> ();
  # Likewise. Pages of a MemoryReader cannot be made writable or executable.
  # invalidArgument: size, address or protection is not a valid one; not all of the range is
  # mapped; a reader that is to be more than read.
  # disconnected: the process has ended.

  mapObject @3 (memory :Capability, offset :UInt64, hint :UInt64, size :UInt64,
                protection :Protection) -> (address :UInt64);
  # Part of a MemoryObject or MemoryReader, from `offset` on; it stays held while
  # any of it is mapped.
  # invalidArgument: as of map; what came is no memory, or the range is not within it; a reader
  # that is to be more than read.
  # overloaded: as of map.
  # disconnected: the process has ended.

  enum Protection {
    read @0;
    readWrite @1;
    readExecute @2;
  }
}

interface ProcessSpawner @0x94e8b75c20fad163 {
  # Starts the programs of the boot manifest, charged to whoever calls.

  spawn @0 (name :Text, binary :Text, grants :List(SpawnGrant), ring :RingSizes, limits :Limits)
        -> (handle :ProcessHandle, clients :List(Capability));
  # Starts a program under a name of its own. All or nothing: on any refusal every
  # capability is where it was. `clients` are client facets of the endpoints made for
  # the child, in the order of the grants that asked for one.
  # invalidArgument: a name, the binary, a grant, the ring's sizes or a limit; the text says which.
  # overloaded: a budget of the caller's does not hold the child, or the kernel has no memory.
  # failed: the child was killed before it ran, or the run is being ended.
}

struct SpawnGrant {
  # One capability that the child is born with.

  name @0 :Text;
  # In the CapSet; unique within one child.

  source :union {
    capability @1 :Capability;
    # As the transfer descriptor says: copied, moved, or minted from an owner facet.

    endpoint @2 :FreshEndpoint;
    # The owner facet of an endpoint made for the child.

    virtualMemory @3 :Void;
    # The child's own address space.

    capabilityManager @4 :Void;
    # The child's own table.
  }
}

struct FreshEndpoint {
  # What the client facet that the parent gets is like.
  badge @0 :UInt64;
  interfaceId @1 :UInt64;
}

interface ProcessHandle @0xcd7215f8903b6ea4 {
  # A process that was spawned. Cannot be handed on. Letting go of it leaves the
  # process alone.

  wait @0 () -> (status :ProcessStatus);
  # Answers when the process has ended and all that it held has been given back;
  # the same every time.
  # overloaded: the caller has as many entries in flight as it may.

  kill @1 () -> ();
  # Ends the process as killed; one that has ended stays as it is.
}

interface BootPackage @0xbe0964d7a1f8c352 {
  # The boot manifest, to read.

  manifestSize @0 () -> (bytes :UInt64);
  # Of the whole message.

  readManifest @1 (offset :UInt64, maxBytes :UInt32) -> (data :Data);
  # What there is from `offset` on, at most `maxBytes`, which may be up to
  # BOOT_READ_MAX; nothing from the end on.
  # invalidArgument: `maxBytes` is more.
}

interface CapabilityManager @0xc6f8210e4b7d95a3 {
  # What one process holds and may use up.

  list @0 (first :UInt32) -> (capabilities :List(CapabilityInfo), next :UInt32);
  # At most CAP_LIST_MAX capabilities, by slot, from slot `first` on; `next` is where
  # to go on, 0 at the end.
  # disconnected: the process has ended.

  usage @1 () -> (frames :Usage, heapBytes :Usage, slots :Usage, calls :Usage, processes :Usage);
  # What is used of each budget.
  # disconnected: the process has ended.
}

interface FaultInjector @0xa1e5c9047d3f8b26 {
  # Makes one allocation of the kernel fail, for tests that walk all of them; granted
  # by no manifest but a test's.

  arm @0 (countdown :UInt64) -> ();
  # The so many-th allocation from now on fails; 0: none.

  disarm @1 () -> (seen :UInt64, site :UInt64);
  # How many there were since, and where in the kernel the one that failed was asked
  # for; 0: none has.
}

struct CapabilityInfo {
  id @0 :UInt64;
  interfaceId @1 :UInt64;
  badge @2 :UInt64;
  name @3 :Text;
  # The name it was granted under; empty if it came later.
  object @4 :Text;
  # What kind of object it refers to.
  transferable @5 :Bool;
}

struct Usage {
  # One kind of resource of one process.
  used @0 :UInt64;
  # Now, with what is lent to children.
  peak @1 :UInt64;
  max @2 :UInt64;
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
  # One process that is started at boot, by the kernel or by init.

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

  starter @8 :Starter;
  # Who starts it. Its grants may name exports of services of the same starter only;
  # what init grants of the kernel's objects it must hold itself.

  daemon @9 :Bool;
  # Serves the others and need not end by itself: when only daemons are left, who
  # started it kills it, and that is as good as the expected end.

  enum Starter {
    kernel @0;
    init @1;
    # The service that reads the manifest through a BootPackage.
  }
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
  endpointFactory @2;
  frameAllocator @3;
  virtualMemory @4;
  # The service's own address space.
  processSpawner @5;
  bootPackage @6;
  capabilityManager @7;
  # The service's own table.
  faultInjector @8;
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
  # Frames of 4 KiB: image, stack, thread-local storage, ring, CapSet, page tables,
  # memory objects.
  capSlots @1 :UInt32 = 256;
  processes @2 :UInt32 = 0;
  # Children it may have at a time. What it gives to them comes out of its own limits.
  calls @3 :UInt32 = 0;
  # Entries in flight, children's included; 0: as many as its own ring can have.
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
