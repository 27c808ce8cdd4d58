#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Native: a stock Debian kernel runs on a processor's own virtualization, in a closed process, to our init's
# self-check; every row of the engine's own check holds there.
# test-timeout: 240
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
native <<'END'
"$QUAD" ways -v
"$QUAD" run --mode native --sandbox auto --kernel "$KERNEL" --initrd "$INITRD" --memory 192M --stats \
    --append 'console=ttyS0 quiet quad.check' 2>&1
END
ends 0
want '^native +.*yes.* engine kvm'
never ' FAIL '
want 'way native \(asked for\), engine kvm '
want "Linux quad-guest $(version cloud) "
want '^quad.check: ok'
want '^vcpu0.kvm.runs: [1-9]'
want 'sandbox: .*seccomp' # (an initramfs cannot be left for an empty root)
never 'Kernel panic|BUG:|Oops|soft lockup|segfault'
