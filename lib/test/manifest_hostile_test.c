// SPDX-License-Identifier: MIT
/*
 * The manifest's validator and hostile bytes: every bit of a valid manifest is flipped, every
 * length tried, and words are shuffled. Whatever comes of it, reading stays inside the message,
 * and the sentence inside its room.
 */
#include "made_manifest.h"

static void test_text_is_cut(void **state)
{
    const struct manifest_fault fault = {.error = MANIFEST_NO_SUCH_SERVICE,
                                         .path = "services[0].caps[0].source.service",
                                         .name = "gamma"};
    char text[8] = "unused.";

    (void)state;
    assert_int_equal(manifest_fault_text(&fault, text, sizeof text), 7);
    assert_string_equal(text, "service");
    assert_int_equal(manifest_fault_text(&fault, text, 1), 0);
    assert_string_equal(text, "");
}

/* Every sentence fits, whatever the longest values are. */
static void test_text_room(void **state)
{
    struct manifest_fault fault = {
        .detail = "the program is position independent or a shared object; link it static and not "
                  "PIE",
        .found = UINT64_MAX,
        .least = UINT64_MAX,
        .most = UINT64_MAX,
    };
    char text[MANIFEST_FAULT_TEXT_ROOM];

    (void)state;
    memset(fault.path, 'p', strlen("services[255].caps[62].source.service"));
    memset(fault.name, 'n', sizeof fault.name - 1);
    for (int error = 0; error < MANIFEST_ERROR_COUNT; error++) {
        fault.error = (enum manifest_error)error;
        assert_true(manifest_fault_text(&fault, text, sizeof text) < sizeof text - 1);
    }
}

/* Reads all that an accepted manifest says, and what a refused one is refused for. */
static void open_hostile(const uint8_t *bytes, size_t len)
{
    struct capnp_message message;
    struct capos_manifest manifest;
    struct manifest_fault fault;
    char text[MANIFEST_FAULT_TEXT_ROOM];

    if (!manifest_open(bytes, len, &message, &manifest, &fault)) {
        assert_true(fault.error > MANIFEST_OK && fault.error < MANIFEST_ERROR_COUNT);
        assert_true(manifest_fault_text(&fault, text, sizeof text) > 0);
        return;
    }
    for (uint32_t i = 0; i < manifest_service_count(manifest); i++) {
        struct capos_service service = manifest_service_at(manifest, i);
        struct capos_binary binary;
        assert_true(manifest_name_is_valid(capos_service_get_name(service)));
        assert_true(manifest_find_binary(manifest, capos_service_get_binary(service), &binary));
        struct capnp_data image = capos_binary_get_image(binary);
        assert_true(image.ptr >= bytes && image.ptr + image.len <= bytes + len);
    }
    assert_int_equal(capnp_message_error(&message), CAPNP_ERROR_NONE);
}

/* A copy that ends where its allocation ends, so that the sanitizer sees a step beyond. */
static uint8_t *copy_exactly(const struct made *m, size_t len)
{
    uint8_t *bytes = malloc(len);

    assert_non_null(bytes);
    memcpy(bytes, m->words, len);
    return bytes;
}

static void test_every_bit(void **state)
{
    struct made *m = make();
    size_t len = capnp_arena_bytes(&m->arena);
    uint8_t *bytes = copy_exactly(m, len);

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        open_hostile(bytes, len);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(bytes);
    free(m);
}

static void test_every_length(void **state)
{
    struct made *m = make();

    (void)state;
    for (size_t len = 8; len < capnp_arena_bytes(&m->arena); len += 8) {
        uint8_t *bytes = copy_exactly(m, len);
        struct capnp_message message;
        struct capos_manifest manifest;
        struct manifest_fault fault;
        assert_false(manifest_open(bytes, len, &message, &manifest, &fault));
        free(bytes);
    }
    free(m);
}

/* Words replaced by others of the same message: pointers to wrong places, of wrong kinds. */
static void test_shuffled_words(void **state)
{
    struct made *m = make();
    size_t len = capnp_arena_bytes(&m->arena);
    uint64_t random = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *bytes = copy_exactly(m, len);
        for (unsigned n = 0; n < 4; n++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t to = (size_t)(random >> 33) % (len / 8);
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t from = (size_t)(random >> 33) % (len / 8);
            memcpy(bytes + to * 8, &m->words[from], 8);
        }
        open_hostile(bytes, len);
        free(bytes);
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_cut),    cmocka_unit_test(test_text_room),
        cmocka_unit_test(test_every_bit),      cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_shuffled_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
