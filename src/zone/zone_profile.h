/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * zone_profile: the system calls that a zone may make: all that the compiler's table knows but those
 * that reach past the zone. What a kernel has beyond the table gives ENOSYS.
 */
#ifndef QUAD_ZONE_ZONE_PROFILE_H
#define QUAD_ZONE_ZONE_PROFILE_H

#include <jansson.h>

#include "base/base.h"

/* The specification's seccomp section. `admin`: the zone has CAP_SYS_ADMIN in a user namespace of its
 * own (it boots an init): mounts and namespaces are its own business. */
json_t *zone_profile(bool admin);
/* Calls that came after this release give ENOSYS, and uname goes to the listener. */
void zone_profile_age(json_t *profile, unsigned major, unsigned minor);

#endif
