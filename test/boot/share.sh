#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A folder of this host in a stock kernel by virtio-fs: both sides see what the other writes; the guest
# cannot leave the folder, nor write where it is read-only.
#
# test-timeout: 600
. "$TEST_LIB/boot.sh"
guest cloud
initrd --modules "$guests/cloud/root:virtio_pci,virtiofs"
mkdir -p "$TEST_TMP/s/sub" "$TEST_TMP/ro"
head -c 3000000 /dev/urandom >"$TEST_TMP/s/data"
echo secret >"$TEST_TMP/outside"
ln -s ../outside "$TEST_TMP/s/link"
echo read-only >"$TEST_TMP/ro/file"
sum=$(md5sum <"$TEST_TMP/s/data")
run="set -e; mkdir /a /b; mount -t virtiofs share0 /a; mount -t virtiofs -o ro share1 /b; md5sum /a/data"
run="$run; cp /a/data /a/sub/copy; dd if=/dev/zero of=/a/sub/zero bs=64k count=40; ls -la /a /a/sub"
run="$run; cat /a/link 2>&1 | sed s/^/link-/ || true; cat /b/file; mount -o remount,rw /b; touch /b/new 2>&1 | sed s/^/ro-/ || true"
run="$run; for i in 1 2 3 4 5 6 7 8 9; do mkdir -p /a/t/\$i; echo \$i >/a/t/\$i/f; done; cat /a/t/*/f | tr -d '\n'; echo; mv /a/t /a/u"
run="$run; rm -r /a/u; umount /a; echo done-all"
quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --share "$TEST_TMP/s:/a" --share "$TEST_TMP/ro:/b,ro" --stats \
    --append "console=ttyS0 quiet quad.run=\"$run\""
ends 0
want "${sum%% *}"
never secret
want 'ro-.*Read-only'
want 123456789
want '^done-all'
want 'share0.broken_rings: 0'
cmp "$TEST_TMP/s/data" "$TEST_TMP/s/sub/copy" || die "another content"
[ "$(wc -c <"$TEST_TMP/s/sub/zero")" = 2621440 ] || die "another length"
[ ! -e "$TEST_TMP/ro/new" ] && [ ! -e "$TEST_TMP/s/u" ] || die "files that must not be"
exit 0
