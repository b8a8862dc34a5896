// SPDX-License-Identifier: MIT
/*
 * What annotations of Cap'n Proto's own json.capnp say of a declaration.
 */
#pragma once

#include "schema.capnp.h"

#include <capnp/reflect.h>

struct json_annotations {
    bool has_name;             /* $name */
    bool is_flattened;         /* $flatten */
    bool is_union;             /* $discriminator ... */
    bool has_tag;              /* ... with a name */
    bool has_value;            /* ... with a valueName */
    bool is_any;               /* any of what stands above, or one of these: */
    enum capnp_json_data data; /* $base64, $hex */
    struct capnp_text name;
    struct capnp_text prefix;
    struct capnp_text tag;
    struct capnp_text value;
};

/* Those in the list. Texts lie in the request. */
struct json_annotations json_annotations_of(struct schema_annotation_list list);
