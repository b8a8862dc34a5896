# SPDX-License-Identifier: MIT
# What demos/ipc-server serves and demos/ipc-client calls. An interface of a program's
# own: the kernel knows nothing of it.
@0xe9b1f5c7402d8a36;

using C = import "/c.capnp";
$C.prefix("demo");

interface Depot @0xa4d7e21c8b5f3096 {
  # A place for one capability, and for callers to wait in.

  whoCalls @0 () -> (badge :UInt64);
  # The badge of the facet that was called.

  echo @1 (text :Text, times :UInt32) -> (text :Text);
  # The text so many times over.

  store @2 (thing :Capability) -> ();
  # Keeps it. Refused as `failed`, and then it is lost, if there is something already.

  fetch @3 () -> (thing :Capability);
  # Gives it back, and has it no more once it has arrived.

  share @4 () -> (thing :Capability);
  # Gives a copy of it.

  open @5 (badge :UInt64) -> (depot :Depot);
  # The same depot by another badge.

  wait @6 () -> ();
  # Answers at the next `go` for the badge it was called by.

  waiting @7 (badge :UInt64) -> (count :UInt32);
  # How many wait that called by this badge, whether or not they have given up since.

  go @8 (badge :UInt64) -> (told :UInt32, gone :UInt32);
  # Answers those that wait: so many were told, and so many had gone.

  leave @9 () -> ();
  # Ends the server at once, without an answer.

  invert @10 (data :Data, whole :Bool) -> (data :Data);
  # As much data, in which each bit of the first and the last eight bytes is the other
  # one; with `whole`, each bit of all. What lies between is of no meaning otherwise.
  # invalidArgument: it is less than eight bytes, or not a multiple of eight.
}
