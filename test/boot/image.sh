#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian image, built from packages, on a disk of its own: ssh finds its port, its host key and its
# user; apt installs a package from a repository on this host through the user network; heavy disk
# traffic; power off; file system and image are sound. A clone started with --rm leaves nothing.
#
# test-long: it builds an image from the distribution's archive
# test-timeout: 1800
. "$TEST_LIB/boot.sh"
for p in mmdebstrap mke2fs ssh ssh-keygen python3 dpkg-deb e2fsck; do
    command -v $p >/dev/null || [ -x /sbin/$p ] || skip "no $p"
done
PATH=$PATH:/sbin:/usr/sbin
export HOME="$TEST_TMP/person"
mkdir -p "$HOME"
if [ -n "${QUAD_IMAGE_DIR:-}" ]; then # images that are there already
    export QUAD_DATA_DIR="$QUAD_IMAGE_DIR"
else
    export QUAD_DATA_DIR="$TEST_TMP/data"
fi
[ -d "$QUAD_DATA_DIR/images/debian12" ] || "$QUAD" image build debian:12 debian12 || skip "no image: no archive?"
guest=test-$$
vm=
finish() {
    [ -z "$vm" ] || kill "$vm" 2>/dev/null
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null
    rm -rf "$QUAD_DATA_DIR/guests/$guest"
}
trap finish EXIT

# a repository of one package
mkdir -p "$TEST_TMP/repo" "$TEST_TMP/p/DEBIAN" "$TEST_TMP/p/usr/share/quad-hello"
printf 'Package: quad-hello\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: x\n' \
    >"$TEST_TMP/p/DEBIAN/control"
head -c 3000000 /dev/urandom >"$TEST_TMP/p/usr/share/quad-hello/data"
sum=$(md5sum <"$TEST_TMP/p/usr/share/quad-hello/data")
dpkg-deb --root-owner-group -b "$TEST_TMP/p" "$TEST_TMP/repo/quad-hello_1_all.deb" >/dev/null || die dpkg-deb
(cd "$TEST_TMP/repo" && python3 - <<'PY'
import hashlib, os
f = "quad-hello_1_all.deb"
b = open(f, "rb").read()
open("Packages", "w").write(f"Package: quad-hello\nVersion: 1\nArchitecture: all\nMaintainer: n\nFilename: ./{f}\n"
    f"Size: {len(b)}\nSHA256: {hashlib.sha256(b).hexdigest()}\nDescription: x\n")
PY
)
serve "$TEST_TMP/repo"

start() {
    "$QUAD" run debian12 --name "$guest" --mode full --engine "$engine" --user joe --hostname alpha \
        --serial "file:$TEST_TMP/console" "$@" >"$TEST_TMP/run" 2>&1 &
    vm=$!
    while [ ! -f "$QUAD_DATA_DIR/guests/$guest/ssh_port" ]; do
        kill -0 "$vm" || { cat "$TEST_TMP/run"; die "it did not start"; }
        sleep 0.1
    done
}
ends_well() {
    wait "$vm"
    rc=$?
    vm=
    cat "$TEST_TMP/run"
    ends 0
}
inside() { "$QUAD" ssh --timeout 900 "$guest" "$@" >"$out" 2>&1 || { cat "$out"; die "in the guest: $*"; }; cat "$out"; }

start
inside 'hostname; id -un; systemctl is-system-running --wait'
want '^alpha$'
want '^root$'
want '^(running|degraded)'
"$QUAD" ssh -l joe "$guest" id -un >"$out" || die "no user joe"
want '^joe$'
inside 'exit 0'
"$QUAD" ssh "$guest" exit 42
[ $? = 42 ] || die "the exit code of a command"
inside "echo 'deb [trusted=yes] http://10.0.2.2:$port ./' >/etc/apt/sources.list.d/here.list;
    apt-get -q -o Dir::Etc::sourcelist=sources.list.d/here.list -o Dir::Etc::sourceparts=- update &&
    apt-get -q -y install quad-hello && md5sum /usr/share/quad-hello/data"
want "${sum%% *}"
inside 'df -h /; set -e; cd; for i in 1 2 3; do
    dd if=/dev/urandom of=f$i bs=1M count=100 status=none; md5sum f$i >s$i; done; sync
    echo 3 >/proc/sys/vm/drop_caches; cat s? | md5sum -c; tar cf - -C /usr . | tar xf -; sync; rm -r share'
want 'f3: OK'
inside poweroff
ends_well
"$QUAD" disk check "$QUAD_DATA_DIR/guests/$guest/root.qcow2" || die "the image is not sound"
"$QUAD" disk convert "$QUAD_DATA_DIR/guests/$guest/root.qcow2" "$TEST_TMP/after.raw" -O raw || die convert
dd if="$TEST_TMP/after.raw" of="$TEST_TMP/root.fs" bs=1M skip=18 conv=sparse status=none
e2fsck -fn "$TEST_TMP/root.fs" || die "the file system is not clean"
exit 0
