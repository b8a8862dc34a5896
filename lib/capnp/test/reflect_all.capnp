# SPDX-License-Identifier: MIT
# Every kind of field, for the tests of conversion: what stands here has no other use.
@0xd5a1c0e7b3f94682;

enum Colour {
  red @0;
  green @1;
  darkBlue @2;
}

struct All {
  nothing @0 :Void;
  yes @1 :Bool;
  i8 @2 :Int8;
  i16 @3 :Int16;
  i32 @4 :Int32;
  i64 @5 :Int64;
  u8 @6 :UInt8;
  u16 @7 :UInt16;
  u32 @8 :UInt32;
  u64 @9 :UInt64;
  f32 @10 :Float32;
  f64 @11 :Float64;
  text @12 :Text;
  data @13 :Data;
  colour @14 :Colour;
  inner @15 :Inner;
  voids @16 :List(Void);
  bools @17 :List(Bool);
  i8s @18 :List(Int8);
  i16s @19 :List(Int16);
  i32s @20 :List(Int32);
  i64s @21 :List(Int64);
  u8s @22 :List(UInt8);
  u16s @23 :List(UInt16);
  u32s @24 :List(UInt32);
  u64s @25 :List(UInt64);
  f32s @26 :List(Float32);
  f64s @27 :List(Float64);
  texts @28 :List(Text);
  datas @29 :List(Data);
  colours @30 :List(Colour);
  inners @31 :List(Inner);
  matrix @32 :List(List(Int32));
  place :group {
    x @33 :Int32;
    y @34 :Text;
    deeper :group {
      z @35 :UInt8;
    }
  }
  choice :union {
    none @36 :Void;
    number @37 :Int32;
    word @38 :Text;
    both :group {
      left @39 :UInt16;
      right @40 :List(UInt8);
    }
    more @41 :Inner;
  }
  child @42 :All;
  box @43 :Box(Text);
  boxes @44 :List(Box(List(Inner)));
  defaults @45 :Defaults;
  either @46 :Either;
}

struct Inner {
  a @0 :UInt32;
  b @1 :Text;
  c @2 :Inner;
}

struct Defaults {
  yes @0 :Bool = true;
  i8 @1 :Int8 = -8;
  i64 @2 :Int64 = -9223372036854775808;
  u64 @3 :UInt64 = 18446744073709551615;
  f32 @4 :Float32 = -1.5;
  f64 @5 :Float64 = inf;
  nan @6 :Float64 = nan;
  text @7 :Text = "a \"default\"";
  data @8 :Data = 0x"00 ff 7f";
  colour @9 :Colour = darkBlue;
  inner @10 :Inner = (a = 7, b = "seven", c = (a = 8));
  list @11 :List(Int16) = [1, -2, 3];
  inners @12 :List(Inner) = [(a = 1), (b = "two")];
  group :group {
    u16 @13 :UInt16 = 4096;
  }
}

struct Either {
  before @0 :UInt8;
  union {
    first @1 :Text;
    second @2 :Inner;
    third :group {
      a @3 :Bool;
      b @4 :Float32;
    }
    fourth @5 :Void;
    fifth @7 :Colour;
  }
  after @6 :Text;
}

struct Box(T) {
  value @0 :T;
  many @1 :List(Nested);
  group :group {
    also @2 :T;
  }
  struct Nested {
    of @0 :T;
  }
}

# The same struct as an older and a newer schema know it.
struct Old {
  a @0 :UInt8;
  list @1 :List(UInt16);
  texts @2 :List(Text);
  structs @3 :List(Small);
  struct Small {
    a @0 :UInt16;
  }
}

struct New {
  a @0 :UInt8;
  list @1 :List(Wide);
  texts @2 :List(Named);
  structs @3 :List(Wide);
  added @4 :Text = "not there yet";
  number @5 :UInt64 = 5;
  struct Wide {
    a @0 :UInt16;
    b @1 :UInt64;
    c @2 :Text;
  }
  struct Named {
    name @0 :Text;
    extra @1 :UInt8 = 9;
  }
}

struct Anything {
  any @0 :AnyPointer;
  structure @1 :AnyStruct;
  list @2 :AnyList;
  thing @3 :Thing;
  word @4 :Text;
}

interface Thing {
  poke @0 (n :UInt8) -> (ok :Bool);
}
