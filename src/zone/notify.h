/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * notify: a seccomp listener on its way from the process that loaded the filter to the agent that
 * serves it. [OCI config-linux#containerprocessstate]
 */
#ifndef QUAD_ZONE_NOTIFY_H
#define QUAD_ZONE_NOTIFY_H

#include "zone/seccomp.h"
#include "zone/state.h"

/* Descriptor `number` of process `pid`, taken as soon as it is a listener, goes to the profile's
 * listenerPath with the container's state. */
[[nodiscard]] int notify_forward(pid_t pid, int number, const struct seccomp_program *prog,
                                 struct container *c, enum container_status status,
                                 struct error *err);

#endif
