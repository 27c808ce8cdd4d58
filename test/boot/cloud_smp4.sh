#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Four processors share work by a pipeline of processes.
# test-timeout: 1800
# test-long: four processors on two take a while
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 1G --cpus 4 --append \
    'console=ttyS0 quad.run="nproc; for i in 1 2 3 4; do dd if=/dev/zero bs=64k count=64 | md5sum & done; wait"'
ends 0
want '^4'
sum=$(dd if=/dev/zero bs=64k count=64 2>/dev/null | md5sum)
[ "$(grep -c "^$sum" "$out")" = 4 ] || die "not all four gave the right sum"
want '^quad.run: exit 0'
never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
