#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Full virtualization inside a container: podman's default seccomp profile, an ordinary user, no
# capability, no /dev/kvm, no network.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
command -v podman >/dev/null || skip "podman is missing (tools/setup peers)"
guest cloud
initrd

root=$TEST_TMP/root
mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/etc" "$root/run"
cp "$guests/busybox/busybox" "$root/bin/"
ln -s busybox "$root/bin/cat"
cp "$QUAD" "$root/bin/quad"
cp -L "$guests/cloud/vmlinuz" "$root/vmlinuz"
cp "$initrd" "$root/initrd"
for lib in $(ldd "$QUAD" | grep -oE '/[^ ]+'); do
    mkdir -p "$root$(dirname "$lib")"
    cp -L "$lib" "$root$lib"
done
chmod 755 "$root" "$TEST_TMP"

# Where podman itself cannot run here (nested, hybrid cgroups), with another runtime, or not at all.
inside() {
    podman --runtime "$runtime" run --rm --network none --ulimit nofile=1024:1024 \
        --ulimit nproc=1000:1000 --user 1000:1000 --rootfs "$root" "$@"
}
for runtime in crun runc none; do
    [ "$runtime" != none ] || skip "podman runs no container here: $(tail -n 1 "$TEST_TMP/podman")"
    inside /bin/cat /proc/self/status >"$TEST_TMP/status" 2>"$TEST_TMP/podman" && break
done
grep -q '^Seccomp:.*2$' "$TEST_TMP/status" || skip "this podman has no seccomp profile"
grep -q '^CapEff:.*0000000000000000$' "$TEST_TMP/status"

rc=0
inside /bin/quad run --mode full --engine "$engine" --kernel /vmlinuz --initrd /initrd \
    --append 'console=ttyS0 quiet quad.check' </dev/null >"$out" 2>&1 || rc=$?
cat "$out"
ends 0
want '^quad.check: ok'
