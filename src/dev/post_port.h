/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * post_port: port 0x80, where firmware writes progress codes and kernels write to pass time.
 */
#ifndef QUAD_DEV_POST_PORT_H
#define QUAD_DEV_POST_PORT_H

#include "core/dev.h"

extern const struct dev_type post_port_type;

enum { POST_PORT_WIN_PORT }; /* 1 byte */

#endif
