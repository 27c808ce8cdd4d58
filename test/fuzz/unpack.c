/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the input is a layer of a container image, unpacked twice over itself below a root
 * of its own in a memory file system; what stands beside the root must not change. Inputs worth
 * starting from: small archives by tar, also packed by gzip and zstd. To be run where it may do no
 * harm (a container), as root so that owners are set, too.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu2x -D_GNU_SOURCE -DHAVE_LIBARCHIVE=1 \
 *         -DHAVE_NETTLE=1 -Isrc test/fuzz/unpack.c src/image/unpack.c src/image/archive_lib.c \
 *         src/base/base.c src/base/error.c src/base/file.c src/base/root.c -ldl -o fuzz-unpack
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int top = -1, beside;

static void begin(void)
{
    char dir[] = "/dev/shm/quad-fuzz.XXXXXX";

    if (!mkdtemp(dir))
        abort();
    top = open(dir, O_RDONLY | O_DIRECTORY);
    beside = openat(top, "beside", O_RDWR | O_CREAT, 0600);
    if (write(beside, "precious", 8) != 8)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct unpack_opts o = {
        .whiteouts = true, .owners = geteuid() == 0, .max_bytes = 1 << 20, .max_entries = 1000};
    struct error err;
    struct stat st;
    char text[9] = "";

    if (top < 0)
        begin();
    if (mkdirat(top, "root", 0755) < 0)
        abort();
    int root = openat(top, "root", O_RDONLY | O_DIRECTORY);
    int fd = memfd_create("layer", 0);
    if (write(fd, data, size) == (ssize_t)size)
        for (int i = 0; i < 2; i++)
            (void)!unpack_tar(fd, root, "layer", &o, NULL, &err);
    close(fd);
    close(root);
    /* nothing was made, changed or removed beside the root */
    if (unpack_remove(top, "root") || fstat(top, &st) < 0 || st.st_nlink != 2 ||
        pread(beside, text, 8, 0) != 8 || strcmp(text, "precious") || fstat(beside, &st) < 0 ||
        st.st_nlink != 1)
        abort();
    return 0;
}
