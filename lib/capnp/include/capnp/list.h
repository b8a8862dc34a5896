// SPDX-License-Identifier: MIT
/*
 * Lists of everything but structs: one type for each kind of element, with
 * _len and _at. Generated accessors return them; lists of structs have types of
 * their own, in the generated headers.
 *
 * The lists of enums are lists of UInt16, since a newer sender may know more
 * values. The lists of lists and of AnyPointer give each element as a pointer.
 */
#pragma once

#include <capnp/read.h>

struct capnp_void_list {
    struct capnp_list l;
};
struct capnp_bool_list {
    struct capnp_list l;
};
struct capnp_i8_list {
    struct capnp_list l;
};
struct capnp_i16_list {
    struct capnp_list l;
};
struct capnp_i32_list {
    struct capnp_list l;
};
struct capnp_i64_list {
    struct capnp_list l;
};
struct capnp_u8_list {
    struct capnp_list l;
};
struct capnp_u16_list {
    struct capnp_list l;
};
struct capnp_u32_list {
    struct capnp_list l;
};
struct capnp_u64_list {
    struct capnp_list l;
};
struct capnp_f32_list {
    struct capnp_list l;
};
struct capnp_f64_list {
    struct capnp_list l;
};
struct capnp_text_list {
    struct capnp_list l;
};
struct capnp_data_list {
    struct capnp_list l;
};
struct capnp_capability_list {
    struct capnp_list l;
};
struct capnp_any_list {
    struct capnp_list l;
};

static inline uint32_t capnp_void_list_len(struct capnp_void_list list)
{
    return list.l.len;
}

static inline uint32_t capnp_bool_list_len(struct capnp_bool_list list)
{
    return list.l.len;
}

static inline bool capnp_bool_list_at(struct capnp_bool_list list, uint32_t i)
{
    return capnp_list_has(list.l, i) && capnp_load_bit(list.l.data, i);
}

static inline uint32_t capnp_i8_list_len(struct capnp_i8_list list)
{
    return list.l.len;
}

static inline int8_t capnp_i8_list_at(struct capnp_i8_list list, uint32_t i)
{
    return (int8_t)capnp_get_u8(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_i16_list_len(struct capnp_i16_list list)
{
    return list.l.len;
}

static inline int16_t capnp_i16_list_at(struct capnp_i16_list list, uint32_t i)
{
    return (int16_t)capnp_get_u16(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_i32_list_len(struct capnp_i32_list list)
{
    return list.l.len;
}

static inline int32_t capnp_i32_list_at(struct capnp_i32_list list, uint32_t i)
{
    return (int32_t)capnp_get_u32(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_i64_list_len(struct capnp_i64_list list)
{
    return list.l.len;
}

static inline int64_t capnp_i64_list_at(struct capnp_i64_list list, uint32_t i)
{
    return (int64_t)capnp_get_u64(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_u8_list_len(struct capnp_u8_list list)
{
    return list.l.len;
}

static inline uint8_t capnp_u8_list_at(struct capnp_u8_list list, uint32_t i)
{
    return capnp_get_u8(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_u16_list_len(struct capnp_u16_list list)
{
    return list.l.len;
}

static inline uint16_t capnp_u16_list_at(struct capnp_u16_list list, uint32_t i)
{
    return capnp_get_u16(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_u32_list_len(struct capnp_u32_list list)
{
    return list.l.len;
}

static inline uint32_t capnp_u32_list_at(struct capnp_u32_list list, uint32_t i)
{
    return capnp_get_u32(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_u64_list_len(struct capnp_u64_list list)
{
    return list.l.len;
}

static inline uint64_t capnp_u64_list_at(struct capnp_u64_list list, uint32_t i)
{
    return capnp_get_u64(capnp_list_struct(list.l, i), 0);
}

static inline uint32_t capnp_f32_list_len(struct capnp_f32_list list)
{
    return list.l.len;
}

static inline uint32_t capnp_f64_list_len(struct capnp_f64_list list)
{
    return list.l.len;
}

#ifdef __SSE2__
static inline float capnp_f32_list_at(struct capnp_f32_list list, uint32_t i)
{
    return capnp_f32_from_bits(capnp_get_u32(capnp_list_struct(list.l, i), 0));
}

static inline double capnp_f64_list_at(struct capnp_f64_list list, uint32_t i)
{
    return capnp_f64_from_bits(capnp_get_u64(capnp_list_struct(list.l, i), 0));
}
#endif

static inline uint32_t capnp_text_list_len(struct capnp_text_list list)
{
    return list.l.len;
}

static inline struct capnp_text capnp_text_list_at(struct capnp_text_list list, uint32_t i)
{
    return capnp_any_text(capnp_list_any(list.l, i));
}

static inline uint32_t capnp_data_list_len(struct capnp_data_list list)
{
    return list.l.len;
}

static inline struct capnp_data capnp_data_list_at(struct capnp_data_list list, uint32_t i)
{
    return capnp_any_data(capnp_list_any(list.l, i));
}

static inline uint32_t capnp_capability_list_len(struct capnp_capability_list list)
{
    return list.l.len;
}

static inline struct capnp_capability capnp_capability_list_at(struct capnp_capability_list list,
                                                               uint32_t i)
{
    return capnp_any_capability(capnp_list_any(list.l, i));
}

static inline uint32_t capnp_any_list_len(struct capnp_any_list list)
{
    return list.l.len;
}

static inline struct capnp_any capnp_any_list_at(struct capnp_any_list list, uint32_t i)
{
    return capnp_list_any(list.l, i);
}
