# SPDX-License-Identifier: GPL-2.0-or-later
#
# native.sh: for test scripts that want a processor's real virtualization, after boot.sh:
#
#   native [OPTIONS...] <<'END'    run a shell script where mode native works; output as of boot.sh's quad
#
# On a host whose KVM passes the self-check that is the host itself. Else it is a stock kernel (L1) under
# QEMU's translator, which has AMD's SVM with nested paging in software: kvm_amd is loaded there and
# quad runs in it. The script finds $QUAD, $KERNEL, $INITRD (our init, with $L2_MODULES), and says what
# is to be seen; it ends with its own exit code. OPTIONS go to QEMU. A run has 180 seconds.
#
# With L2_MODULES the guest has /check/count (native_count.sh). Functions of the script: native_inner.sh.
# L1's processors and memory: l1_cpus, l1_memory. Files for it: l1_files="PATH=FILE ..."

l1_cpus=1 l1_memory=1024M l1_files= L2_MODULES= native_seconds=180

native() {
    guest cloud busybox
    cat "$TEST_LIB/native_inner.sh" - >"$TEST_TMP/inner"
    L2_INITRD=$TEST_TMP/l2.cpio
    if [ -n "$L2_MODULES" ]; then
        tools/mkinitramfs -o "$L2_INITRD" --modules "$guests/cloud/root:$L2_MODULES" \
            --add check/count="$TEST_LIB/native_count.sh"
    else
        tools/mkinitramfs -o "$L2_INITRD"
    fi
    if "$QUAD" ways --json | grep -q '"native", "available": true'; then
        echo "back end: this host's KVM"
        native_here
    else
        echo "back end: kvm_amd in a stock kernel under QEMU's translator"
        native_l1 "$@"
    fi
}

native_here() {
    rc=0
    { timeout "$native_seconds" env KERNEL="$guests/cloud/vmlinuz" INITRD="$L2_INITRD" sh "$TEST_TMP/inner" 2>&1 ||
        printf '\nrc=%s\n' $?; } | tee "$out"
    case $(tail -n 1 "$out") in
    rc=*) rc=$(tail -n 1 "$out" | sed 's/^rc=//') ;;
    esac
}

# The program and what it is linked with, as files of the initramfs.
native_program() {
    strip -o "$TEST_TMP/quad" "$QUAD"
    echo "--add usr/bin/quad=$TEST_TMP/quad"
    slirp=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p | sed -n 's/.*libslirp\.so\.0 .*x86-64.*=> //p')
    # (what is not linked but loaded: the user network)
    { [ -z "$slirp" ] || { echo "	$slirp "; ldd "$slirp"; }; ldd "$QUAD"; } |
        sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\t\(\/[^ ]*\) .*/\1/p' | sort -u | while read -r lib; do
        echo "--add $lib=$(readlink -f "$lib")"
    done
}

native_l1() {
    command -v qemu-system-x86_64 >/dev/null || {
        [ "${CI-}" != true ] || die "qemu-system-x86_64 is not there; tools/setup test"
        skip "no qemu-system-x86_64; tools/setup test"
    }
    cat >"$TEST_TMP/l1.sh" <<'END'
export PATH=/usr/bin:/bin HOME=/root QUAD=/usr/bin/quad KERNEL=/vmlinuz INITRD=/l2.cpio
mount -t debugfs debugfs /sys/kernel/debug
grep -q '^kvm_amd ' /proc/modules && echo "l1: kvm_amd is loaded"
# The most exits that were seen at any time: a machine that has gone is not counted any more.
(most=0
while :; do
    n=$(cat /sys/kernel/debug/kvm/exits 2>/dev/null || echo 0)
    [ "$n" -le "$most" ] || { most=$n; echo "$most" >/tmp/exits; }
    sleep 0.2
done) &
sh /inner
echo "l1: rc=$?"
echo "l1: exits $(cat /tmp/exits 2>/dev/null || echo 0)"
END
    set -- -m "$l1_memory" -smp "$l1_cpus" "$@"
    for f_ in $l1_files; do
        add_="${add_-} --add $f_"
    done
    # shellcheck disable=SC2046,SC2086
    tools/mkinitramfs -o "$TEST_TMP/l1.cpio" --modules "$guests/cloud/root:kvm_amd" \
        $(native_program) --add l1.sh="$TEST_TMP/l1.sh" --add inner="$TEST_TMP/inner" \
        --add vmlinuz="$guests/cloud/vmlinuz" --add l2.cpio="$L2_INITRD" ${add_-}
    timeout "$native_seconds" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -nodefaults -display none \
        -no-reboot -serial stdio -kernel "$guests/cloud/vmlinuz" -initrd "$TEST_TMP/l1.cpio" \
        -append 'console=ttyS0 quiet panic=-1 quad.run="sh /l1.sh"' "$@" </dev/null 2>&1 |
        tr -d '\r' | tee "$out" || :
    rm -f "$TEST_TMP/l1.cpio"
    grep -q '^l1: kvm_amd is loaded' "$out" || die "kvm_amd is not loaded in L1"
    grep -Eq '^l1: exits [1-9]' "$out" || die "KVM has counted no exits: nothing ran on it"
    rc=$(sed -n 's/^l1: rc=//p' "$out")
    [ -n "$rc" ] || die "the script did not come to its end"
}
