/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive_lib.h"

#if HAVE_LIBARCHIVE
#include <dlfcn.h>

const struct archive_lib *archive_lib(struct error *err)
{
    static struct archive_lib lib;
    static void *handle;

    if (handle)
        return &lib;
    void *h = dlopen("libarchive.so.13", RTLD_NOW | RTLD_LOCAL);
    if (!h) {
        fail(err, ENOENT, "archives need libarchive; try: install the package libarchive13");
        return NULL;
    }
#define F(name)                                                               \
    lib.name = (typeof(lib.name))dlsym(h, "archive_" #name);                  \
    if (!lib.name) {                                                          \
        fail(err, ENOSYS, "this libarchive has no archive_" #name);           \
        dlclose(h);                                                           \
        return NULL;                                                          \
    }
    ARCHIVE_FUNCTIONS(F)
#undef F
    handle = h;
    return &lib;
}

struct archive *archive_open(int fd, bool raw, const char *name, struct error *err)
{
    const struct archive_lib *ar = archive_lib(err);
    struct archive *a = ar ? ar->read_new() : NULL;

    if (!a) {
        if (ar)
            fail(err, ENOMEM, "out of memory");
        return NULL;
    }
    /* no "all": that would take filters that run programs */
    ar->read_support_filter_gzip(a);
    ar->read_support_filter_zstd(a);
    ar->read_support_filter_xz(a);
    ar->read_support_filter_bzip2(a);
    ar->read_support_filter_lz4(a);
    if (raw)
        ar->read_support_format_raw(a);
    else
        ar->read_support_format_tar(a);
    ar->read_support_format_empty(a);
    if (ar->read_open_fd(a, fd, 128 << 10) != ARCHIVE_OK) {
        const char *why = ar->error_string(a);
        fail(err, EINVAL, "%s: no archive that is understood: %s", name, why ? why : "empty");
        ar->read_free(a);
        return NULL;
    }
    return a;
}
#endif
