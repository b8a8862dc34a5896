# SPDX-License-Identifier: MIT
# Every annotation of json.capnp, for the tests of conversion.
@0x9a2c44be6d11f3a7;

using Json = import "/capnp/compat/json.capnp";

enum Colour {
  red @0 $Json.name("RED ONE");
  green @1;
  blue @2 $Json.name("green \"2\"");
}

struct All $Json.discriminator(name = "kind", valueName = "value") {
  someName @0 :Text $Json.name("some_name");
  bytes @1 :Data $Json.base64;
  moreBytes @2 :Data $Json.hex $Json.name("hex");
  plainBytes @3 :Data;
  colour @4 :Colour;
  colours @5 :List(Colour);
  union {
    number @6 :Int32 $Json.name("the number");
    nothing @7 :Void;
    word @8 :Text;
    inner @9 :Inner;
    coded @10 :Data $Json.base64;
  }
  place :group $Json.flatten(prefix = "place-") {
    x @11 :Int32;
    y @12 :Text $Json.name("Y");
    deeper :group $Json.flatten() {
      z @13 :UInt8;
    }
  }
  shape :union $Json.flatten() $Json.discriminator() {
    circle :group $Json.flatten() {
      radius @14 :Float64;
      name @15 :Text;
    }
    square :group $Json.flatten(prefix = "sq_") $Json.name("SQUARE") {
      side @16 :UInt16;
      name @17 :Text;
      turned :union $Json.flatten() $Json.discriminator(name = "turn") {
        not @18 :Void;
        by :group $Json.flatten() {
          degrees @19 :UInt16;
        }
      }
    }
    other @20 :Text;
  }
  tagged :union $Json.discriminator(name = "which") {
    a @21 :Int32;
    b @22 :Inner $Json.flatten(prefix = "b.");
    c @23 :Void;
  }
  untagged :union $Json.discriminator() {
    d @24 :Int32;
    e @25 :Text;
  }
  flat @26 :Inner $Json.flatten(prefix = "flat_");
  more @27 :List(All);
  box @28 :Box(Inner);
}

struct Inner {
  deep @0 :Int64 $Json.name("DEEP");
  text @1 :Text;
}

struct Box(T) {
  value @0 :T $Json.name("it");
  plain @1 :Text;
}

interface Calls {
  note @0 (value :Data) $Json.notification;
}
