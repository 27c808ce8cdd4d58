#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Looking into the translator: --dump-jit shows guest and host code, --perf-map names translated
# code for perf, --stats the share of generated code and what the rest was.
# test-timeout: 600
# test-engines: jit
set -eu
. "$TEST_LIB/boot.sh"
[ "$engine" = jit ] || skip "of the translator only"
guest cloud
initrd
dump=$TEST_TMP/dump
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 256M --stats --perf-map \
    --append 'console=ttyS0 quad.check' --dump-jit "$dump"
ends 0
want '^quad.check: ok'
want '^vcpu0.helper\.[a-z0-9_]+: [0-9]+'
percent=$(sed -n 's/^vcpu0.generated_percent: \([0-9]*\).*/\1/p' "$out")
[ "${percent:-0}" -ge 90 ] || die "only ${percent:-no} % were generated code"

# Each block: a head, the guest's instructions as many as it says, an arrow, the host's.
awk '/^block / { if (want != n) bad++; n = 0; split($5, x, "="); want = x[2]; guest = 1; blocks++
                if (/stale$/) { want = 0; guest = 0 } next }
     /^    ->/ { guest = 0; next }
     guest { n++ }
     END { if (want != n) bad++; print blocks + 0, bad + 0 }' "$dump" >"$TEST_TMP/counts"
read -r blocks bad <"$TEST_TMP/counts"
[ "$blocks" -gt 1000 ] || die "$blocks blocks in the dump"
# Stale blocks are left out: their bytes have changed meanwhile.
[ "$bad" -lt $((blocks / 50)) ] || die "$bad of $blocks blocks show other than their instructions"

gva=$(sed -n 's/^block gva=\(0x[0-9a-f]*\) .*/\1/p' "$dump" | sed -n 500p)
[ -n "$gva" ] || die "no block 500"
map=$(ls -t /tmp/perf-*.map 2>/dev/null | while read -r f; do
    ! grep -q "guest_${gva#0x}\$" "$f" || { echo "$f"; break; }
done)
[ -n "$map" ] || die "no perf map names $gva"
rm -f "$map"
