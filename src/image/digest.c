/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/digest.h"

#include <stdio.h>
#include <unistd.h>

#include "image/archive_lib.h"

#define PREFIX "sha256:"

bool digest_ok(const char *text)
{
    size_t n = strlen(PREFIX);

    return text && !strncmp(text, PREFIX, n) && strlen(text) == DIGEST_TEXT - 1 &&
           strspn(text + n, "0123456789abcdef") == 64;
}

#if HAVE_LIBARCHIVE && HAVE_NETTLE
#include <nettle/sha2.h>

static void finish(struct sha256_ctx *ctx, char *text)
{
    uint8_t sum[SHA256_DIGEST_SIZE];

    sha256_digest(ctx, sizeof(sum), sum);
    text += sprintf(text, PREFIX);
    for (size_t i = 0; i < sizeof(sum); i++)
        text += sprintf(text, "%02x", sum[i]);
}

static int hash_packed(int fd, const char *name, struct sha256_ctx *ctx, struct error *err)
{
    static uint8_t buf[256 << 10];

    for (;;) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "read %s", name);
        if (n == 0)
            return 0;
        sha256_update(ctx, (size_t)n, buf);
    }
}

static int hash_unpacked(int fd, const char *name, struct sha256_ctx *ctx, struct error *err)
{
    const struct archive_lib *ar = archive_lib(err);
    struct archive *a = archive_open(fd, true, name, err);
    struct archive_entry *e;
    const void *block;
    size_t len;
    int64_t at;
    int rc;

    if (!a)
        return -err->code;
    rc = ar->read_next_header(a, &e);
    while (rc >= ARCHIVE_WARN && rc != ARCHIVE_EOF &&
           (rc = ar->read_data_block(a, &block, &len, &at)) != ARCHIVE_EOF && rc >= ARCHIVE_WARN)
        sha256_update(ctx, len, block);
    if (rc != ARCHIVE_EOF)
        rc = fail(err, EINVAL, "%s is damaged: %s", name,
                  ar->error_string(a) ? ar->error_string(a) : "cut off");
    else
        rc = 0;
    ar->read_free(a);
    return rc;
}

int digest_file(int fd, bool unpacked, const char *name, char text[DIGEST_TEXT], struct error *err)
{
    struct error local;
    struct sha256_ctx ctx;

    err = err ? err : &local;
    sha256_init(&ctx);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return fail_errno(err, errno, "%s", name);
    int rc = unpacked ? hash_unpacked(fd, name, &ctx, err) : hash_packed(fd, name, &ctx, err);
    if (rc)
        return rc;
    finish(&ctx, text);
    return lseek(fd, 0, SEEK_SET) < 0 ? fail_errno(err, errno, "%s", name) : 0;
}
#else
int digest_file(int fd, bool unpacked, const char *name, char text[DIGEST_TEXT], struct error *err)
{
    (void)fd, (void)unpacked, (void)text;
    return fail(err, ENOSYS, "%s: this quad was built without libarchive and nettle; try: install "
                             "libarchive-dev and nettle-dev and build again", name);
}
#endif

int digest_verify(int fd, bool unpacked, const char *name, const char *want, struct error *err)
{
    char got[DIGEST_TEXT];

    if (!digest_ok(want))
        return fail(err, EINVAL, "%s: \"%.80s\" is no sha256 digest", name, want ? want : "");
    int rc = digest_file(fd, unpacked, name, got, err);
    if (rc)
        return rc;
    return strcmp(got, want) ? fail(err, EBADMSG, "%s is not what the image says: %s instead of %s",
                                    name, got, want)
                             : 0;
}
