#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A /dev/kvm that opens and does not do what it says is refused, with the reason and what to do instead;
# `auto` takes full there.
set -eu
. "$TEST_LIB/boot.sh"
[ -c /dev/kvm ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "no /dev/kvm opens here"
"$QUAD" ways -v >"$out"
cat "$out"
if ! grep -q '^ *FAIL ' "$out"; then
    want '^native +yes'
    echo "back end: this host's KVM, which passes"
    exit 0
fi
echo "back end: this host's KVM, which does not pass"
want '^native +no +engine kvm: /dev/kvm here is no real processor: [0-9]+ of [0-9]+ checks fail'
guest cloud
mode=native engine=kvm
quad --kernel "$guests/cloud/vmlinuz"
ends 1
want 'mode native: engine kvm: .* checks fail .*; try: --mode full'
initrd
"$QUAD" run --mode auto --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 128M \
    --append 'console=ttyS0 quiet quad.check' </dev/null >"$out" 2>&1 || die "$(cat "$out")"
want 'way full \(the strongest'
