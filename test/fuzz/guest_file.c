/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the input is a guest file. Worth starting from: doc/guest-file.md's example.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu2x -D_GNU_SOURCE -DHAVE_LIBFYAML=1 \
 *         -Isrc test/fuzz/guest_file.c $(find src/base src/config -name "*.c") \
 *         -lfyaml -ljansson -lpthread -o fuzz-guest_file
 */
#include "config/guest_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses the buffer of some long quoted keys. What is ours is still watched. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_config c;
    struct error err = {0};

    guest_config_init(&c);
    if (!guest_file_parse(&c, "dir/g.yaml", (const char *)data, size, &err)) {
        char *text = NULL;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        guest_file_print(&c, f);
        fclose(f);
        free(text);
        (void)guest_config_check(&c, &err);
    } else if (!err.text[0]) {
        abort(); /* an error says what it is */
    }
    guest_config_fini(&c);
    return 0;
}
