# SPDX-License-Identifier: MIT
# Every feature of the schema language, each at least once, for the generator's tests.
@0x9d2b6f4e8a1c3057;

using C = import "/c.capnp";
using Other = import "other.capnp";
using import "other.capnp".Measure;
using Number = UInt32;

$C.prefix("every");

annotation note @0xc5d3a9170b8e6f24 (*) :Text;
# An annotation that the generator knows nothing of.

annotation rank @0xd6e4ba281c9f7035 (field, struct, enumerant) :Other.Measure;

$note("on the file");

# Constants.

const yes :Bool = true;
const tiny :Int8 = -128;
const small :Int16 = -32768;
const middle :Int32 = -2147483648;
const large :Int64 = -9223372036854775808;
const unsigned8 :UInt8 = 255;
const unsigned16 :UInt16 = 65535;
const unsigned32 :Number = 4294967295;
const unsigned64 :UInt64 = 18446744073709551615;
const half :Float32 = 0.5;
const third :Float64 = 0.3333333333333333;
const infinite :Float64 = inf;
const lowest :Float32 = -inf;
const noNumber :Float64 = nan;
const nothing :Void = void;
const greeting :Text = "good \"day\"\n";
const bytes :Data = 0x"00 01 fe ff";
const unit :Other.Unit = second;
const primes :List(UInt16) = [2, 3, 5, 7];
const flags :List(Bool) = [true, false, true, true];
const words :List(Text) = ["one", "two"];
const table :List(List(UInt8)) = [[1, 2], [], [3]];
const origin :Point = (x = 1.5, y = -2.5, name = "origin");
const points :List(Point) = [(x = 1), (y = 2), .origin];
const boxed :Box(Text) = (content = "inside");
const primeText :Text = .greeting;

struct Point $rank(value = 3) {
  # A point, with defaults for both of its coordinates.
  x @0 :Float64 = 1.25;
  y @1 :Float64;
  z @2 :Float32 = -inf;
  name @3 :Text;
}

struct Defaults {
  origin @0 :Point = .origin;
  primes @1 :List(UInt16) = .primes;
  list @2 :List(List(Text)) = [["a", "b"], [], ["c"]];
  points @3 :List(Point) = [(x = 9, name = "nine")];
  text @4 :Text = "default";
  data @5 :Data = 0x"de ad";
  notNumber @6 :Float64 = nan;
  smallest @7 :Float32 = 1e-30;
  unit @8 :Other.Unit = second;
  yes @9 :Bool = true;
  measure @10 :Measure = (value = 2, unit = metre);
}

struct Nested {
  struct Inner {
    struct Innermost {
      const depth :UInt8 = 3;
      enum Colour { red @0; green @1; count @2; }
      colour @0 :Colour = green;
    }
    most @0 :Innermost;
  }
  using Deep = Inner.Innermost;
  inner @0 :Inner;
  deep @1 :Deep;
  deeps @2 :List(Deep);
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  units @2 :List(Other.Unit);
  floats @3 :List(Float32);
  texts @4 :List(Text);
  datas @5 :List(Data);
  measures @6 :List(Measure);
  grid @7 :List(List(Int16));
  cube @8 :List(List(List(Point)));
  boolRows @9 :List(List(Bool));
  textRows @10 :List(List(Text));
  shapes @11 :List(Shape);
  handles @12 :List(Handle);
  boxes @13 :List(Box(Data));
  handleRows @14 :List(List(Handle));
  anyHandles @15 :List(Capability);
}

struct Anything {
  any @0 :AnyPointer;
  struct @1 :AnyStruct;
  list @2 :AnyList;
  capability @3 :Capability;
  handle @4 :Handle;
  file @5 :File;
}

# Unions: named, unnamed, in groups in unions in groups.
struct Shape {
  before @0 :Bool = true;
  union {
    none @1 :Void;
    circle @2 :Float32 = 1.0;
    box :group {
      width @3 :UInt32 = 7;
      height @4 :UInt32;
      fill :union {
        empty @5 :Void;
        colour @6 :UInt16;
        pattern :group {
          name @7 :Text;
          union {
            fine @8 :Void;
            coarse @9 :UInt8 = 3;
          }
        }
      }
    }
    path @10 :List(Point);
    handle @11 :Handle;
    unknown @12 :AnyPointer;
    dataWords @13 :UInt8;
    whichCount @14 :UInt8;
  }
  after @15 :Text;
}

# Names that C or the generator has taken.
struct Keywords {
  int @0 :Int32;
  while @1 :Bool;
  struct @2 :Text;
  fooBar @3 :UInt8;
  fooBAR @4 :UInt8;
  class :group {
    default @5 :UInt8;
    union {
      return @6 :UInt8;
      goto @7 :UInt8;
    }
  }
  struct Class {
    value @0 :UInt8;
  }
  union {
    switch @8 :Void;
    case @9 :Class;
  }
}
struct KeywordsClass { value @0 :UInt16; }
struct Which { value @0 :UInt8; }
struct PointWhich { value @0 :UInt8; }
struct PointList { value @0 :List(Point); }
struct Renamed $C.name("other_name") { oldName @0 :UInt8 $C.name("new_name"); }

struct Empty {}

# Generics.
struct Box(T) {
  content @0 :T;
  count @1 :UInt32 = 1;
  rest @2 :List(Box(T));
  next @3 :Box(T);
  union {
    closed @4 :Void;
    open :group {
      lid @5 :T;
    }
  }
  struct Label(U) {
    key @0 :T;
    value @1 :U;
    box @2 :Box(U);
  }
}

struct Generics {
  text @0 :Box(Text);
  point @1 :Box(Point);
  anything @2 :Box(AnyPointer);
  plain @3 :Box;
  handle @4 :Box(Handle);
  numbers @5 :Box(List(UInt16));
  nested @6 :Box(Box(Point));
  pair @7 :Other.Pair(Text, List(Point));
  half @8 :Other.Pair(Data, AnyPointer);
  label @9 :Box(Text).Label(Point);
  growing @10 :Growing(Text);
  withDefault @11 :Box(Text) = (content = "by default", count = 5);
}

struct Growing(T) {
  value @0 :T;
  next @1 :Growing(Box(T));
}

# Interfaces.
interface Handle {
  # Something to hold.
  name @0 () -> (name :Text);
  clone @1 () -> (handle :Handle);
  same @2 (other :Handle) -> (same :Bool);
}

interface Reader extends(Other.Closeable) {
  read @0 (count :UInt32) -> (data :Data);
  close @1 (reason :Text);
  # The same name as what it inherits.
  readSend @2 ();
}

interface Writer extends(Other.Closeable) {
  write @0 (data :Data) -> (count :UInt32);
  switch @1 (int :Int32, while :Bool) -> (return :Int32);
  post @2 (head :Data, to :Text, other :Capability, body :Data, count :UInt16) -> (body :Data);
}

interface File extends(Reader, Writer, Handle) {
  seek @0 (offset :Int64 = -1) -> (offset :Int64);
  dispatch @1 Point -> Measure;
  stream @2 (data :Data) -> stream;
  empty @3 ();
  floats @4 (x :Float64, y :Float32 = 2.5) -> (length :Float64);
}

interface Store(T) {
  put @0 (key :Text, value :T) -> (old :T);
  list @1 () -> (all :List(Box(T)));
  convert @2 [U] (to :U, with :Box(U)) -> (from :U);
  box @3 Box(T) -> Box(Box(T));
}

interface TextStore extends(Store(Text)) {
  clear @0 ();
}

interface PointStores extends(Store(Point)) {
  texts @0 () -> (store :TextStore, plain :Store(Data));
}
