#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same tests on a host whose controllers are all cgroup v2's: Debian's cloud kernel, booted with
# cgroup_no_v1=all under quad run --mode full, on a root in memory.
# test-long: it boots a machine
# test-timeout: 1200
set -u
. test/lib/zone.sh
[ "$(uname -m)" = x86_64 ] || skip "an x86-64 kernel is booted"
tools/fetch-kernel -q cloud busybox >"$TEST_TMP/fetch" 2>&1 || skip "$(tail -n 1 "$TEST_TMP/fetch")"
list=${ZONE_TESTS:-life limits hooks seccomp config}
cat >"$TEST_TMP/init" <<'I'
#!/bin/sh
export PATH=/bin:/sbin:/usr/bin
if [ ! -e /second ]; then
    # pivot_root does not work on the initramfs: a tmpfs becomes the root
    mkdir -p /n
    mount -t tmpfs n /n
    for d in bin sbin test build usr etc init tests; do [ ! -e /$d ] || cp -a /$d /n/; done
    mkdir -p /n/proc /n/sys /n/dev /n/tmp /n/run /n/root
    touch /n/second
    exec switch_root /n /init
fi
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs t /tmp
mount -t tmpfs r /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo "controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
cp -a /test /build /tmp/
cd /tmp
export QUAD_BUILD=build TEST_LIB=test/lib QUAD_OCI=/tmp/build/quad-oci TEST_TMP=/tmp/t
for t in $(cat /tests); do
    rm -rf $TEST_TMP
    mkdir -p $TEST_TMP
    sh test/zone/$t.sh >/tmp/log 2>&1
    rc=$?
    [ $rc = 0 ] || tail -n 25 /tmp/log
    echo "RESULT $t $rc"
done
poweroff -f
I
echo "$list" >"$TEST_TMP/tests"
set --
for f in test/zone/*.sh test/lib/zone.sh; do set -- "$@" --add "$f=$f"; done
tools/mkinitramfs -o "$TEST_TMP/initrd" --init "$TEST_TMP/init" --add "build/quad-oci=$oci" \
    --add "tests=$TEST_TMP/tests" "$@" || die "no initramfs"
kernel=build/guest/cloud/vmlinuz
timeout 1100 "$QUAD" run --mode full -m 1500M --kernel $kernel --initrd "$TEST_TMP/initrd" \
    --append "console=ttyS0 quiet cgroup_no_v1=all" --on-reboot exit >"$out" 2>&1 </dev/null
want 'controllers: .*memory'
for t in $list; do
    want "RESULT $t (0|77)"
    echo "cgroup2: $t $(sed -n "s/^RESULT $t \([0-9]*\).*/\1/p" "$out")"
done
echo "cgroup2: ok"
