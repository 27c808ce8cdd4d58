/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host: what this host withholds, and what is used instead. Told once, when a guest is made.
 */
#ifndef QUAD_GUEST_HOST_H
#define QUAD_GUEST_HOST_H

void host_notices(void);

#endif
