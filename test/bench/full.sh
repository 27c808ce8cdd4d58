#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The benchmark of full virtualization, one round: its table; results that differ from the native
# run's are a failure.
# test-timeout: 3600
# test-long: minutes of CPU time
# test-alone: it measures
# test-engines: jit interp
set -eu
. "$TEST_LIB/boot.sh"
[ "$(id -u)" = 0 ] || skip "the native run is made in a chroot: needs root"
guest cloud busybox
test/bench/full/table --engine "$engine" --rounds 1
