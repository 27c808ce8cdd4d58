#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An idle guest costs under 1 % of a core: processor time of the process over 20 seconds in which the
# guest sleeps.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
console=$TEST_TMP/console
"$QUAD" run --mode full --engine "$engine" --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" \
    --memory 256M --serial "file:$console" \
    --append 'console=ttyS0 quiet quad.run="echo it idles; sleep 3600"' </dev/null &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
n=0
until grep -q 'it idles' "$console" 2>/dev/null; do
    kill -0 $pid || die "the guest ended"
    n=$((n + 1))
    [ $n -lt 600 ] || die "the guest did not come up"
    sleep 1
done
sleep 5
# user and system time in ticks: fields 14 and 15, counted after the name in parentheses
ticks() { sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'; }
before=$(ticks)
sleep 20
after=$(ticks)
hz=$(getconf CLK_TCK)
echo "$((after - before)) ticks of 1/$hz s in 20 s"
[ $(((after - before) * 100)) -lt $((20 * hz)) ] || die "an idle guest takes 1 % of a core or more"
