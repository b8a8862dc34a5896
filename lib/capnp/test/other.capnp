# SPDX-License-Identifier: MIT
# What everything.capnp imports: types, a generic one, and an interface to extend.
@0xa1c7e0b2d4f68395;

enum Unit {
  metre @0;
  second @1;
}

struct Measure {
  value @0 :Float64 = 0.5;
  unit @1 :Unit = second;
  label @2 :Text = "unlabelled";
}

struct Pair(First, Second) {
  first @0 :First;
  second @1 :Second;
}

interface Closeable {
  close @0 ();
}
