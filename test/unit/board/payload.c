/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Payloads: what the distribution's packers make comes back whole; damage and truncation are
 * errors or, for formats without a checksum, bounded nonsense.
 */
#include "board/payload.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/test.h"

/* More than one LZ4 legacy block (8 MiB) and more than one lzop block. */
#define SIZE ((size_t)9 << 20)

static uint8_t *data;

static const struct {
    const char *packer, *program, *command;
} packers[] = {
    {"gzip", "gzip", "gzip -1c"},
    {"lz4", "lz4", "lz4 -lcq"},
    {"xz", "xz", "xz -0c"},
    {"bzip2", "bzip2", "bzip2 -1c"},
    {"lzma", "xz", "xz -0c --format=lzma"},
    {"lzo", "lzop", "lzop -1c"},
    {"zstd", "zstd", "zstd -1cq"},
};

/* Words from a small set, so that it packs, and some noise. */
static int make_data(void **state)
{
    uint64_t rng = 88172645463325252u;

    (void)state;
    data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i += 8) {
        uint64_t v = test_random(&rng);
        v = v & 0xf ? v & 0x0700000070007000 : v;
        memcpy(data + i, &v, 8);
    }
    return 0;
}

static int free_data(void **state)
{
    (void)state;
    free(data);
    return 0;
}

/* The packed bytes, or NULL where the program is missing. */
static uint8_t *pack(size_t which, size_t *size)
{
    auto_free char *have = xasprintf("command -v %s >/dev/null 2>&1", packers[which].program);
    char dir[] = "/tmp/quad-payload-XXXXXX";

    if (system(have))
        return NULL;
    assert_non_null(mkdtemp(dir));
    auto_free char *in = xasprintf("%s/in", dir), *out = xasprintf("%s/out", dir);
    auto_free char *cmd = xasprintf("%s <%s >%s", packers[which].command, in, out);
    FILE *f = fopen(in, "w");
    assert_int_equal(fwrite(data, 1, SIZE, f), SIZE);
    fclose(f);
    assert_int_equal(system(cmd), 0);
    struct blob b;
    struct error err = {0};
    assert_int_equal(blob_read(&b, "packed", out, UINT64_MAX, &err), 0);
    unlink(in);
    unlink(out);
    rmdir(dir);
    *size = b.size;
    return b.data;
}

static void every_packer_comes_back(void **state)
{
    unsigned done = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        struct error err = {0};
        struct blob out;
        size_t size;
        if (!payload_known(packers[i].packer)) {
            print_message("%s: this build has no library for it\n", packers[i].packer);
            continue;
        }
        uint8_t *packed = pack(i, &size);
        if (!packed) {
            print_message("%s: program %s is missing\n", packers[i].packer, packers[i].program);
            continue;
        }
        assert_string_equal(payload_packer(packed, size), packers[i].packer);
        /* Kernels append their unpacked size: bytes behind the stream are no error. */
        packed = realloc(packed, size + 4);
        uint32_t n = (uint32_t)SIZE;
        memcpy(packed + size, &n, 4);
        if (payload_unpack(packed, size + 4, SIZE + (8 << 20), &out, &err))
            fail_msg("%s: %s", packers[i].packer, err.text);
        assert_int_equal(out.size, SIZE);
        assert_memory_equal(out.data, data, SIZE);
        blob_free(&out);
        /* Too small a bound, half a file. */
        assert_int_equal(payload_unpack(packed, size, 1 << 20, &out, &err), -EFBIG);
        int rc = payload_unpack(packed, size / 2, SIZE + (8 << 20), &out, &err);
        if (!rc)
            assert_in_range(out.size, 0, SIZE - 1);
        blob_free(&out);
        free(packed);
        done++;
    }
    assert_in_range(done, 1, ARRAY_LEN(packers));
}

static void damage_does_no_harm(void **state)
{
    uint64_t rng = test_seed() | 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        size_t size;
        uint8_t *packed = payload_known(packers[i].packer) ? pack(i, &size) : NULL;
        if (!packed)
            continue;
        size = MIN(size, (size_t)65536);
        uint8_t *cut = malloc(size);
        for (unsigned r = 0; r < (test_long() ? 500u : 20u); r++) {
            struct error err = {0};
            struct blob out;
            memcpy(cut, packed, size);
            for (unsigned k = 0; k < 4; k++)
                cut[8 + test_random(&rng) % (r & 1 ? 64 : size - 8)] = (uint8_t)test_random(&rng);
            if (payload_unpack(cut, size, 32 << 20, &out, &err))
                assert_true(err.code && *err.text);
            else
                assert_in_range(out.size, 0, 32 << 20);
            blob_free(&out);
        }
        free(cut);
        free(packed);
    }
}

static void other_bytes_are_not_packed(void **state)
{
    static const uint8_t text[] = "hello, this is no archive of any kind";
    struct error err = {0};
    struct blob out;

    (void)state;
    assert_null(payload_packer(text, sizeof(text)));
    assert_int_equal(payload_unpack(text, sizeof(text), 1 << 20, &out, &err), -EINVAL);
    assert_null(payload_packer(text, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_packer_comes_back),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(other_bytes_are_not_packed),
    };

    return cmocka_run_group_tests(tests, make_data, free_data);
}
