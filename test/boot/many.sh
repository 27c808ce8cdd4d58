#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The stock cloud kernel boots again and again, with 1, 2 and 4 vCPUs by turns, each time to the end of
# our init's self-check: what goes wrong once in many boots. QUAD_BOOTS=N: how often (50).
# test-timeout: 3600
# test-long: fifty boots
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
n=0
while [ $n -lt "${QUAD_BOOTS:-50}" ]; do
    case $((n % 3)) in 0) cpus=1 ;; 1) cpus=2 ;; *) cpus=4 ;; esac
    n=$((n + 1))
    echo "+ boot $n, $cpus vCPUs"
    quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 512M --cpus $cpus \
        --append 'console=ttyS0 quad.check'
    ends 0
    want '^quad.check: ok'
    never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
done
