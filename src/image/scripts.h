/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scripts: texts that the program carries: how a Debian image is made, what its first boot does.
 * Each ends with a zero byte.
 */
#ifndef QUAD_IMAGE_SCRIPTS_H
#define QUAD_IMAGE_SCRIPTS_H

extern const char script_debian_inside[], script_debian_outside[];
extern const char script_guest_firstboot[], unit_guest_firstboot[];

#endif
