#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# memtest86+ starts its test from its Linux-bootable image, and shows it on the serial line.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest memtest
converse --kernel "$guests/memtest/memtest.bin" --memory 96M --append 'console=ttyS0,115200' <<'END'
expect 600 /Memtest86/
expect 600 /Test/
expect 600 /Pass/
alive
END
