/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/tls_lib.h"

#if HAVE_GNUTLS
#include <dlfcn.h>

const struct tls_lib *tls_lib(struct error *err)
{
    static struct tls_lib lib;
    static void *handle;

    if (handle)
        return &lib;
    void *h = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
    if (!h) {
        fail(err, ENOENT, "TLS needs GnuTLS; try: install the package libgnutls30");
        return NULL;
    }
#define F(fn)                                                     \
    lib.fn = (typeof(lib.fn))dlsym(h, "gnutls_" #fn);             \
    if (!lib.fn) {                                                \
        fail(err, ENOSYS, "this GnuTLS has no gnutls_" #fn);      \
        dlclose(h);                                               \
        return NULL;                                              \
    }
    TLS_FUNCTIONS(F)
#undef F
    void (**release)(void *) = (void (**)(void *))dlsym(h, "gnutls_free"); /* a variable */
    lib.release = release ? *release : free;
    handle = h;
    return &lib;
}
#endif
