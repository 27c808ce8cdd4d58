#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every fuzz target for a minute.
# test-long: a minute for each target
# test-timeout: 3600
exec tools/fuzz --seconds 60 --seed "$QUAD_SEED"
