# SPDX-License-Identifier: MIT
# Every kind of thing that a schema can have, for the tests of the runtime and of
# the generator. tools/check-generated-capnp.sh regenerates gen/ from it.
@0xb7f0a3c5d1e29486;

using C = import "/c.capnp";
$C.prefix("sample");

enum Colour {
  # A comment that tries to end itself */ and to begin /* another.
  red @0;
  green @1;
  darkBlue @2 $C.name("navy");
}

const answer :Int32 = -42;
const greeting :Text = "hello \"world\" ??/ \\";
const largest :UInt64 = 0xffffffffffffffff;

struct Scalars {
  yes @0 :Bool = true;
  no @1 :Bool;
  i8 @2 :Int8 = -8;
  i16 @3 :Int16 = -1600;
  i32 @4 :Int32 = -320000;
  i64 @5 :Int64 = -9223372036854775808;
  u8 @6 :UInt8 = 200;
  u16 @7 :UInt16 = 60000;
  u32 @8 :UInt32 = 4000000000;
  u64 @9 :UInt64 = 18000000000000000000;
  f32 @10 :Float32 = 1.5;
  f64 @11 :Float64 = -2.25;
  colour @12 :Colour = green;
  void @13 :Void;
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  i8s @2 :List(Int8);
  u16s @3 :List(UInt16);
  u32s @4 :List(UInt32);
  u64s @5 :List(UInt64);
  f64s @6 :List(Float64);
  colours @7 :List(Colour);
  texts @8 :List(Text);
  datas @9 :List(Data);
  scalars @10 :List(Scalars);
  grid @11 :List(List(UInt8));
  i64s @12 :List(Int64);
}

struct Tree {
  name @0 :Text;
  left @1 :Tree;
  right @2 :Tree;
  children @3 :List(Tree);
}

struct Defaults {
  text @0 :Text = "by default";
  data @1 :Data = 0x"00 ff 3f";
  scalars @2 :Scalars = (i8 = 7, u64 = 1, colour = darkBlue);
  tree @3 :Tree = (name = "root", left = (name = "left"), children = [(name = "a"), (name = "b")]);
  numbers @4 :List(UInt32) = [1, 2, 3];
  words @5 :List(Text) = ["one", "two"];
  flags @6 :List(Bool) = [true, false, true];
}

struct Choice {
  before @0 :UInt8;
  union {
    nothing @1 :Void;
    number @2 :Int32 = -5;
    words @3 :Text;
    pair :group {
      first @4 :UInt32 = 3;
      second @5 :Text;
    }
    inner :union {
      small @6 :UInt8;
      large @7 :UInt64;
    }
    tree @8 :Tree;
    anything @9 :AnyPointer;
  }
  after @10 :UInt64;
}

struct Whatever {
  any @0 :AnyPointer;
}

# The same struct at three ages: what one writes, the others read.
struct Young {
  a @0 :UInt32;
}
struct Grown {
  a @0 :UInt32;
  b @1 :UInt32 = 77;
  c @2 :UInt64 = 88;
  name @3 :Text = "unnamed";
}
struct YoungList {
  list @0 :List(UInt32);
}
struct GrownList {
  list @0 :List(Grown);
}
struct TextList {
  list @0 :List(Text);
}
struct Named {
  name @0 :Text;
  extra @1 :UInt64 = 5;
}
struct NamedList {
  list @0 :List(Named);
}

interface Tester {
  # Methods of every shape.

  scalars @0 (colour :Colour, ring :Bool, return :Int16 = 4) -> (negative :Int32);
  structs @1 Tree -> Choice;
  switch @2 (tree :Tree) -> ();
  mixed @3 (name :Text, call :Data, value :UInt8) -> (words :List(Text));
}
