/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnc_lib: libvncserver, loaded when a screen is first shown. It brings a dozen libraries of its own,
 * which no other guest's process maps. The functions are called as `rfb->GetScreen()`, named as in
 * rfb/rfb.h without their "rfb".
 */
#ifndef QUAD_DISPLAY_VNC_LIB_H
#define QUAD_DISPLAY_VNC_LIB_H

#include "base/base.h"

#if HAVE_LIBVNCSERVER
#include <rfb/rfb.h>

#undef max

#define VNC_FUNCTIONS(F)                                                                    \
    F(LogEnable) F(GetScreen) F(NewFramebuffer) F(MarkRectAsModified) F(NewClient)          \
    F(ProcessEvents) F(DefaultPtrAddEvent) F(CheckPasswordByList) F(ShutdownServer)         \
    F(ScreenCleanup)

struct vnc_lib {
#define F(name) typeof(rfb##name) *name;
    VNC_FUNCTIONS(F)
#undef F
};

/* The library, or NULL with *err filled. */
const struct vnc_lib *vnc_lib(struct error *err);
#endif

#endif
