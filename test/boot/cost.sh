#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a boot of the cloud kernel costs: processor seconds of the whole process, from start to power
# off. The interpreter's limit is 60.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
perl -e 'my $rc = system @ARGV; my @t = times;
    printf "\ncpu seconds: %.1f user, %.1f system\n", $t[2], $t[3];
    exit($rc ? 1 : $t[2] + $t[3] < 60 ? 0 : 3)' \
    "$QUAD" run --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" \
    --initrd "$initrd" --memory 256M --append 'console=ttyS0 quad.run=true' </dev/null >"$out" 2>&1 ||
    { tail -n 5 "$out"; die "the boot failed or took 60 processor seconds or more"; }
tail -n 1 "$out"
want '^quad.run: exit 0'
