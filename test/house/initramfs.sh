#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mkinitramfs writes archives that another cpio reads, with the nodes that a kernel wants, and the
# same bytes each time.
set -eu
cpio=$(tools/fetch-kernel --path busybox busybox)
case $(uname -m) in
x86_64) ;;
*) echo "skip: the judge (Debian's amd64 busybox) does not run on this host"; exit 77 ;;
esac
[ -x "$cpio" ] || { echo "skip: no busybox fetched (tools/fetch-kernel busybox)"; exit 77; }

cd "$TEST_TMP"
top=$OLDPWD
head -c 100001 /dev/urandom >data
"$top/tools/mkinitramfs" --busybox "$cpio" --add deep/er/data=data --text note=hello -o a.cpio
"$top/tools/mkinitramfs" --busybox "$cpio" --add deep/er/data=data --text note=hello -o b.cpio
cmp a.cpio b.cpio

"$cpio" cpio -tv <a.cpio >list 2>/dev/null
grep -Eq '^crw------- .* dev/console$' list
grep -Eq '^crw-rw-rw- .* dev/null$' list
device() { # device NAME: major and minor as the header has them (busybox does not list them)
    perl -0777 -ne '/070701([0-9A-F]{104})dev\/'"$1"'\0/ or exit 1;
        my @f = $1 =~ /(.{8})/g; print hex($f[9]), ":", hex($f[10])' a.cpio
}
[ "$(device console)" = 5:1 ]
[ "$(device null)" = 1:3 ]
[ "$(device ttyS0)" = 4:64 ]
grep -Eq '^-rwxr-xr-x .* init$' list
grep -Eq '^l.* bin/sh -> busybox$' list
[ "$(grep -c ' deep$' list)" = 1 ]

mkdir out
(cd out && "$cpio" cpio -id deep/er/data note <../a.cpio 2>/dev/null)
cmp data out/deep/er/data
[ "$(cat out/note)" = hello ]

# bare archives may follow another one
"$top/tools/mkinitramfs" --bare --add x=data -o c.cpio
"$cpio" cpio -t <c.cpio 2>/dev/null | grep -qx x
[ "$("$cpio" cpio -t <c.cpio 2>/dev/null | wc -l)" = 1 ]
! "$top/tools/mkinitramfs" --bare --add x=nothing-there -o d.cpio 2>/dev/null
[ ! -e d.cpio ]
