#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock Debian cloud kernel under the Xen PV interface: one and two vCPUs, to our init, which checks
# itself and powers off.
# test-timeout: 600
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
mode=para
guest cloud
initrd
for cpus in 1 2; do
    quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 256M --cpus $cpus \
        --append 'console=hvc0 noreplace-smp quiet quad.check'
    ends 0
    want 'mapping kernel into physical memory' # it says so on this interface only
    want "Linux quad-guest $(version cloud) "
    want '^quad.check: ok'
    never 'Kernel panic|BUG:|Oops|soft lockup|segfault|WARNING:'
done
