#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests in the background, from the first run to rm: each command, twice where that must not matter,
# and the messages about guests that are not there.
# test-timeout: 900
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
export QUAD_RUN_DIR="$TEST_TMP/run" QUAD_DATA_DIR="$TEST_TMP/data"
trap '"$QUAD" rm -f web other >/dev/null 2>&1 || :' EXIT
engine=${QUAD_ENGINE:-jit}
kernel="--mode full --engine $engine --kernel $guests/cloud/vmlinuz --initrd $initrd -m 256M"

does 0 ls --json
want '^\[\]$'
does 3 stop web
want 'no guest is called "web"'
does 2 run -d $kernel
want 'needs a name'
does 2 run -d --name 'a/b' $kernel
does 2 run --wait boot --name web $kernel
printf 'name: web\nmemory: 1G\nmemroy: 2G\n' >"$TEST_TMP/bad.yaml"
does 2 run "$TEST_TMP/bad.yaml"
want 'bad.yaml:3:1: unknown key "memroy"; did you mean memory'
printf 'memory: 1G\nkernel: k\nforward: ["2222:22"]\n' >"$TEST_TMP/good.yaml"
does 0 run "$TEST_TMP/good.yaml" --memory 2G --forward 8080:80 --print-config
want '^memory: 2147483648$'
want "^kernel: \"$TEST_TMP/k\"\$"
want '8080:80'
want '2222:22'

does 0 run -d --name web --wait boot --timeout 600 $kernel
does 0 run -d --name web $kernel
want 'runs already'
does 4 run -d --name web $kernel --cpus 2
want 'another description'
does 4 run --name web $kernel
does 0 ls
want '^web +running +full +1 +256M'
does 3 pause wbe
want 'did you mean web'
does 4 rm web

does 0 pause web
does 0 pause web
does 0 ls -q
want '^web$'
does 0 ls
want '^web +paused'
does 7 wait --timeout 1 web
does 0 resume web
does 0 resume web

# the console: history, typing, a second one beside it
"$QUAD" console web >"$TEST_TMP/second" </dev/null 2>&1 &
second=$!
{
    echo 'echo one two | rev'
    n=0
    until grep -q 'owt eno' "$TEST_TMP/first" 2>/dev/null || [ $((n += 1)) -gt 300 ]; do sleep 0.1; done
} | timeout 60 "$QUAD" console --history 1K web >"$TEST_TMP/first" 2>&1 &
first=$!
n=0
until grep -q 'owt eno' "$TEST_TMP/first" && grep -q 'owt eno' "$TEST_TMP/second"; do
    [ $((n += 1)) -lt 300 ] || die "no answer on the console: $(cat "$TEST_TMP/first")"
    sleep 0.1
done
grep -q 'quad-guest:' "$TEST_TMP/first" || die "no history"
kill "$first" 2>/dev/null || :
does 0 logs web
want 'Linux version'
want 'owt eno'
does 0 logs -p web
does 0 stat --json web
want '"vcpu0.cpu_ms"'

# a client that talks nonsense is dropped, the guest goes on
printf 'nonsense\n' | timeout 10 tools/expect --connect "$QUAD_RUN_DIR/web.sock" - >/dev/null 2>&1 || :
does 0 stat web
want '^state: running'

# nobody in this guest hears the button
does 0 stop --timeout 1 web
want 'did not power off in 1 s'
wait "$second" || :
grep -q 'has ended' "$TEST_TMP/second" || die "the console does not know of the end"
does 0 stop web
want 'does not run'
does 4 pause web
want 'quad start web'
does 0 wait web
does 0 ls
want '^web +stopped'

# again, from its description; a killed process is no running guest
does 0 start web
does 0 start web
want 'runs already'
does 0 ls --json
pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$out")
kill -9 "$pid"
n=0
while [ -d "/proc/$pid" ] && [ $((n += 1)) -lt 100 ]; do sleep 0.1; done
does 0 ls
want '^web +stopped'
does 4 pause web
does 0 start web
does 0 ls
want '^web +running'
does 0 rm --force web
does 3 start web
does 0 rm -f web
does 3 rm web
[ -z "$(ls "$QUAD_DATA_DIR/guests" "$QUAD_RUN_DIR" | grep -v :)" ] || die "something is left behind"

# how it ended is the exit code of wait
does 0 run -d --name other $kernel --append 'console=ttyS0 quad.run=true quad.end=reboot' \
    --on-reboot exit
does 13 wait --timeout 600 other
does 13 wait other

# a guest that hears the button powers off by itself
initrd --modules "$guests/cloud/root:evdev,button"
does 0 run -d --name other $kernel --append 'console=ttyS0 quad.run="for e in /dev/input/event*; do (head -c 24 $e >/dev/null; echo pressed; poweroff -f) & done; echo listening; wait"'
n=0
until "$QUAD" logs other | grep -q '^listening'; do
    [ $((n += 1)) -lt 600 ] || die "it does not boot"
    sleep 0.2
done
does 0 stop --timeout 300 other
want 'other: powered off'
does 0 wait other
