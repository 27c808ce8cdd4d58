#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two processors, both of which work.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 512M --cpus 2 --append \
    'console=ttyS0 quad.run="nproc; for c in 0 1; do taskset -c $c sha256sum /bin/busybox; done"'
ends 0
want '^2'
sum=$(sha256sum <"$guests/busybox/busybox" | cut -d ' ' -f 1)
[ "$(grep -c "^$sum  /bin/busybox" "$out")" = 2 ] || die "not both CPUs gave the right sum"
want '^quad.run: exit 0'
never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
