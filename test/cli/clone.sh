#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that goes on from a file is told so: its kernel makes its random numbers anew, once for each
# time, and not when it moves. Clones have UUIDs of their own.
# test-timeout: 600
set -eu
. "$TEST_LIB/boot.sh"
guest generic
initrd --text 'check/count=#!/bin/sh
i=0
while :; do i=$((i+1)); echo "count $i"; sleep 0.3; done'
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f web moved c-1 c-2 >/dev/null 2>&1 || :' EXIT
saved=$TEST_TMP/web.quad engine=${QUAD_ENGINE:-jit}
told='crng reseeded due to virtual machine fork'

lines() { # lines GUEST REGEX: how many on its console
    "$QUAD" logs "$1" 2>/dev/null | grep -c -- "$2" || :
}
until_lines() { # until_lines GUEST REGEX NUMBER
    n=0
    until [ "$(lines "$1" "$2")" -ge "$3" ]; do
        [ $((n += 1)) -lt 1800 ] || die "$1 does not say $2: $("$QUAD" logs "$1" | tail -n 20)"
        sleep 0.1
    done
}
uuid() { # as the guest's description says it
    "$QUAD" save --go-on "$1" "$TEST_TMP/$1.quad" 2>/dev/null
    "$QUAD" restore --show "$TEST_TMP/$1.quad" | sed "s/.*--uuid '\([^']*\)'.*/\1/"
}

"$QUAD" run -d --name web --mode full --engine "$engine" --kernel "$guests/generic/vmlinuz" \
    --initrd "$initrd" -m 256M --append 'console=ttyS0 quad.run="sh /check/count"'
until_lines web '^count 2' 1
[ "$(lines web "$told")" = 0 ] || die "a guest that just booted is told that it is a copy"

# a move is no new generation
"$QUAD" receive "unix:$TEST_TMP/sock" -d --name moved --engine "$engine" &
n=0
until [ -S "$TEST_TMP/sock" ]; do
    [ $((n += 1)) -lt 300 ] || die "no receiver"
    sleep 0.1
done
"$QUAD" migrate web "unix:$TEST_TMP/sock"
wait $!
until_lines moved '^count' 4
[ "$(lines moved "$told")" = 0 ] || die "a guest that moved is told that it is a copy"
was=$(uuid moved)
until_lines moved '^count' 8

"$QUAD" save moved "$saved"
"$QUAD" clone -n 2 "$saved" --name c
for i in 1 2; do
    until_lines c-$i "$told" 1
    until_lines c-$i '^count' 4
    [ "$(lines c-$i "$told")" = 1 ] || die "c-$i was told more than once"
done
one=$(uuid c-1) two=$(uuid c-2)
echo "+ UUIDs: $was, clones $one $two"
[ -n "$one" ] && [ "$one" != "$two" ] && [ "$one" != "$was" ] && [ "$two" != "$was" ] ||
    die "clones have no UUIDs of their own"
"$QUAD" restore "$TEST_TMP/c-1.quad" --name moved -d
until_lines moved "$told" 1
