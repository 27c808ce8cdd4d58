# SPDX-License-Identifier: GPL-2.0-or-later
#
# The beginning of what test/lib/native.sh runs where native mode works: functions about a guest called
# web that counts (native_count.sh).
set -u

bad() {
    echo "BAD: $*"
    "$QUAD" logs web 2>/dev/null | tail -n 20
    exit 1
}

# says COMMAND...: it succeeds
says() {
    rc_=0
    "$@" >/tmp/native-says.$$ 2>&1 </dev/null || rc_=$?
    echo "+ $*: $rc_"
    cat /tmp/native-says.$$
    [ "$rc_" = 0 ] || bad "exit code $rc_: $*"
}

last() { # the last number on the console
    "$QUAD" logs web 2>/dev/null | tr -d '\r' | sed -n 's/^count \([0-9][0-9]*\)$/\1/p' | tail -n 1
}

# counts [N]: it goes on for N numbers, and no number was left out
counts() {
    from_=$(last) k_=0
    until [ "$(last)" -gt $((${from_:-0} + ${1:-2})) ] 2>/dev/null; do
        [ $((k_ += 1)) -lt 300 ] || bad "it does not count beyond ${from_:-0}"
        sleep 0.2
    done
    "$QUAD" logs web | tr -d '\r' | sed -n 's/^count \([0-9][0-9]*\)$/\1/p' |
        awk 'NR > 1 && $1 != last + 1 { print "after " last " came " $1; exit 1 } { last = $1 }' ||
        bad "it has not counted in order"
    ! "$QUAD" logs web | grep -E 'WRONG|BUG:|Oops|soft lockup|rcu: INFO|panic' || bad "trouble in the guest"
}
