// SPDX-License-Identifier: MIT
/*
 * interface-pages: writes the manual's pages of the interfaces into a folder.
 *
 *   interface-pages docs/interfaces
 *
 * NAME.md for each interface of schema/capos.capnp, types.md and README.md. The tables
 * that it reads are linked into it, so a changed schema is generated first.
 */
#define _GNU_SOURCE
#include "page.h"

#include <capos.schema.h>
#include <stdlib.h>

/* A page while it is being written. */
struct draft {
    FILE *out;
    char *text;
    size_t len;
};

static void begin(struct draft *draft)
{
    draft->out = open_memstream(&draft->text, &draft->len);
    if (draft->out == NULL) {
        fputs("interface-pages: there is no memory\n", stderr);
        exit(1);
    }
}

/* Writes the page to its place, without the empty lines at its end. */
static void finish(struct draft *draft, const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s.md", folder, name);
    bool ok = fclose(draft->out) == 0 && n > 0 && (size_t)n < sizeof path;
    FILE *file = ok ? fopen(path, "w") : NULL;

    while (ok && draft->len > 1 && draft->text[draft->len - 2] == '\n') {
        draft->len--;
    }
    ok = file != NULL && fwrite(draft->text, 1, draft->len, file) == draft->len;
    if (file != NULL && fclose(file) != 0) {
        ok = false;
    }
    if (!ok) {
        fprintf(stderr, "interface-pages: %s/%s.md cannot be written\n", folder, name);
        exit(1);
    }
    free(draft->text);
}

int main(int argc, char **argv)
{
    const struct capnp_schema_info *schema = &capos_schema_info;
    struct draft draft;

    if (argc != 2) {
        fputs("usage: interface-pages FOLDER\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < schema->node_count; i++) {
        const struct capnp_node_info *node = schema->nodes[i];

        if (node->kind == CAPNP_NODE_INTERFACE) {
            begin(&draft);
            page_interface(draft.out, schema, node);
            finish(&draft, argv[1], node->name);
        }
    }
    begin(&draft);
    page_types(draft.out, schema);
    finish(&draft, argv[1], "types");
    begin(&draft);
    page_list(draft.out, schema);
    finish(&draft, argv[1], "README");
    return 0;
}
