#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The distribution's ordinary kernel boots to its first user-space program.
# test-timeout: 1200
# test-long: a second kernel
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest generic
initrd
quad --kernel "$guests/generic/vmlinuz" --initrd "$initrd" --memory 512M \
    --append 'console=ttyS0 quad.check'
ends 0
want "Linux quad-guest $(version generic) "
want '^quad.check: ok'
never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
