/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: FUSE messages to the server of shared folders: a length (two bytes), then that
 * many bytes, again and again. It works in a folder of its own under TMPDIR, read-only, so that a
 * found name does nothing.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu2x -D_GNU_SOURCE -Isrc \
 *         test/fuzz/fuse.c src/share/fuse_*.c src/base/base.c src/base/error.c -o fuzz-fuse
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "base/endian.h"
#include "share/fuse_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char dir[] = "/tmp/fuzz-fuse-XXXXXX";
    static uint8_t reply[4096];
    static bool made;

    if (!made && !mkdtemp(dir))
        abort();
    made = true;
    struct fuse_server *s = fuse_server_create(open(dir, O_PATH | O_DIRECTORY), true);
    while (size > 2) {
        size_t n = MIN((size_t)ld_le16(data), size - 2);
        auto_free uint8_t *exact = malloc(n + 1); /* one byte too far is seen */
        if (!exact)
            abort();
        memcpy(exact, data + 2, n);
        uint32_t room = (uint32_t)(n * 7 % sizeof(reply));
        if (fuse_serve(s, exact, (uint32_t)n, reply, room) > room)
            abort();
        data += 2 + n;
        size -= 2 + n;
    }
    fuse_server_destroy(s);
    return 0;
}
