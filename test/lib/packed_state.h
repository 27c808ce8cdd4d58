/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QUAD_TEST_LIB_PACKED_STATE_H
#define QUAD_TEST_LIB_PACKED_STATE_H

#include <stddef.h>

extern const size_t packed_x86_state_size;

#endif
