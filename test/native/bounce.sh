#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A stock kernel boots while it is bounced between KVM, the translator and the interpreter.
# test-long: two systems inside one another, under a translator
# test-timeout: 240
set -eu
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/native.sh"
native <<'END'
"$QUAD" run --mode native --switch-every 700 --kernel "$KERNEL" --initrd "$INITRD" --memory 128M --stats \
    --append 'console=ttyS0 quiet quad.check' 2>&1
END
ends 0
want '^quad.check: ok'
want '^engine_switches: [1-9][0-9]'
