/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_uname: answers uname(2) in a zone of brand linux-RELEASE, whose filter notifies of that call
 * and no other. [seccomp_unotify(2)]
 */
#ifndef QUAD_ZONE_ZONE_UNAME_H
#define QUAD_ZONE_ZONE_UNAME_H

#include "base/base.h"

/* Serve one notification of `listener`, which is readable. False: nobody is under the filter any
 * more, or the listener is of no use. */
bool zone_uname_serve(int listener, const char *release);

#endif
