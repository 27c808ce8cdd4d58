/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "display/vnc_lib.h"

#if HAVE_LIBVNCSERVER
#include <dlfcn.h>

const struct vnc_lib *vnc_lib(struct error *err)
{
    static struct vnc_lib lib;
    static void *handle;

    if (handle)
        return &lib;
    void *h = dlopen("libvncserver.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!h) {
        fail(err, ENOENT, "VNC needs libvncserver; try: install the package libvncserver1");
        return NULL;
    }
#define F(fn)                                                          \
    lib.fn = (typeof(lib.fn))dlsym(h, "rfb" #fn);                      \
    if (!lib.fn) {                                                     \
        fail(err, ENOSYS, "this libvncserver has no rfb" #fn);         \
        dlclose(h);                                                    \
        return NULL;                                                   \
    }
    VNC_FUNCTIONS(F)
#undef F
    handle = h;
    return &lib;
}
#endif
