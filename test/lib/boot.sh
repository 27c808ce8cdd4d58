# SPDX-License-Identifier: GPL-2.0-or-later
#
# boot.sh: for test scripts that start guests:  . "$TEST_LIB/boot.sh"
#
#   guest NAME...          fetch what tools/fetch-kernel knows (or skip); sets guests=FOLDER
#   initrd OPTIONS...      make $initrd with our own init (tools/mkinitramfs options)
#   quad ARGS...           "$QUAD" run in full mode (or the one in $mode) with the engine under test; its output goes to
#                          the terminal and to $out; sets rc
#   converse ARGS...       the same, held by tools/expect with the script on standard input
#   version NAME           what uname -r says in it, as a regular expression
#   want REGEX, never REGEX     about $out
#   ends CODE              about rc

skip() {
    echo "skip: $*"
    exit 77
}
die() {
    echo "FAILED: $*"
    exit 1
}

[ -x "$QUAD" ] || skip "$QUAD is not built"
engine=${QUAD_ENGINE:-interp}
mode=full
out=$TEST_TMP/out
initrd=$TEST_TMP/initrd.cpio
guests=${QUAD_GUEST_DIR:-build/guest}

guest() {
    for g_; do
        tools/fetch-kernel -q "$g_" >"$TEST_TMP/fetch" 2>&1 || {
            cat "$TEST_TMP/fetch"
            skip "no guest $g_: $(tail -n 1 "$TEST_TMP/fetch")"
        }
    done
}

# version NAME: its release, as a regular expression
version() {
    sed 's/[+.]/\\&/g' "$guests/$1/version"
}

initrd() {
    guest busybox
    tools/mkinitramfs -o "$initrd" "$@"
}

quad() {
    rc=0
    echo "+ quad run $*"
    # what the guest says is shown as it comes, so that a timeout shows how far it got
    { "$QUAD" run --mode "$mode" --engine "$engine" "$@" </dev/null 2>&1 || printf '\nrc=%s\n' $?; } |
        tee "$out"
    case $(tail -n 1 "$out") in
    rc=*) rc=$(tail -n 1 "$out" | sed 's/^rc=//') ;;
    esac
}

converse() {
    echo "+ quad run $*"
    cat >"$TEST_TMP/script"
    tools/expect -v -l "$out" "$TEST_TMP/script" -- "$QUAD" run --mode "$mode" --engine "$engine" "$@"
}

want() {
    grep -Eq -- "$1" "$out" || die "the output has no /$1/"
}
never() {
    ! grep -E -- "$1" "$out" || die "the output has /$1/"
}
ends() {
    [ "$rc" = "$1" ] || die "exit code $rc, wanted $1"
}
