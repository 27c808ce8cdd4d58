/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/guest.h"

static const char *const state_names[] = {
    [GUEST_CREATED] = "created", [GUEST_RUNNING] = "running", [GUEST_PAUSED] = "paused",
    [GUEST_STOPPED] = "stopped", [GUEST_FAILED] = "failed",
};

const char *guest_state_name(enum guest_state state)
{
    return state_names[state];
}
