#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# The runtime is killed at its N-th system call, for every N; `delete --force` then leaves nothing:
# no state, no cgroup, no process, no mount. By strace's fault injection, for create and for run.
# test-timeout: 900
set -u
. test/lib/zone.sh
command -v strace >/dev/null || skip "strace is missing"
bundle k9
NS=$default_ns ARGS='["/bin/sleep","1000"]' config
strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
mounts=$(wc -l </proc/self/mountinfo)
step=${STEP:-1}
for cmd in create "run -d"; do
    main=$(strace -o "$TEST_TMP/tr" "$oci" --root "$state" $cmd k0 >/dev/null 2>&1; grep -c '(' "$TEST_TMP/tr")
    q delete --force k0 >/dev/null 2>&1
    [ "$main" -gt 30 ] || die "strace counted $main calls"
    n=1
    while [ $n -le "$main" ]; do
        id=k$n
        # the runtime itself; its child goes on alone and must find out
        strace -o /dev/null -e inject=all:signal=KILL:when=$n "$oci" --root "$state" $cmd $id >/dev/null 2>&1 </dev/null
        ok q delete --force $id
        [ ! -e "$state/$id" ] || die "$cmd, call $n: the state stays"
        for d in /sys/fs/cgroup/*/$id /sys/fs/cgroup/$id; do
            [ ! -e "$d" ] || die "$cmd, call $n: $d stays"
        done
        n=$((n + step))
    done
    echo "$cmd: killed at every $step of $main calls"
done
sleep 0.3
left=$(ps -eo pid,comm,args 2>/dev/null | grep -E 'quad-init|quad-oci|sleep 1000' | grep -v grep)
mine=
for pid in $(echo "$left" | awk '{print $1}'); do
    # only processes whose root is this bundle's, or that run our program from this test
    case $(readlink "/proc/$pid/root" 2>/dev/null) in *"$TEST_TMP"*) mine="$mine $pid" ;; esac
done
[ -z "$mine" ] || die "processes stay: $mine"
is "$(wc -l </proc/self/mountinfo)" "$mounts" mounts
[ -z "$(ls "$state")" ] || die "the state is not empty: $(ls "$state")"
echo "kill9: ok"
