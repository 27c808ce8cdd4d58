#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock Debian cloud kernel boots to our init, which checks itself and powers off.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 512M \
    --append 'console=ttyS0 quad.check'
ends 0
want "Linux quad-guest $(version cloud) "
want '^quad.check: ok'
never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
