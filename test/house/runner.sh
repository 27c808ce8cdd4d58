#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The runner tells the outcomes apart: a runner that calls everything "pass" would hide the rest.
set -eu
t=$TEST_TMP/tree
mkdir -p "$t/test/x" "$t/build"
cp test/run "$t/test/run"
script() { # script NAME BODY
    printf '#!/bin/sh\n# test-timeout: 5\n%s\n' "$2" >"$t/test/x/$1.sh"
    chmod +x "$t/test/x/$1.sh"
}
script good 'exit 0'
script bad 'echo it broke; exit 3'
script skipped 'echo "skip: no such thing here"; exit 77'
script silent 'exit 77'
script killed 'kill -SEGV $$'
script slow '# test-timeout: 1
sleep 60'
script long '# test-long: it takes a day
exit 1'

rc=0
"$t/test/run" --no-build --seed=7 -j2 >"$TEST_TMP/out" 2>&1 || rc=$?
cat "$TEST_TMP/out"
[ "$rc" = 1 ]
want() { grep -Eq "$1" "$TEST_TMP/out" || { echo "missing: $1"; exit 1; }; }
want '^pass .* x/good$'
want '^fail .* x/bad  \(exit code 3\)'
want '^      \| it broke$'
want '^      reproduce: test/run --seed=7 x/bad$'
want '^skip .* x/skipped  \(no such thing here\)'
want '^fail .* x/silent '
want '^crash .* x/killed  \(signal 11\)'
want '^crash .* x/slow  \(timeout after 1 s\)'
want '^skip .* x/long  \(long \(it takes a day\)'
[ "$(tail -n 1 "$TEST_TMP/out")" = '1 passed, 4 failed, 2 skipped' ]

"$t/test/run" --no-build x/good
"$t/test/run" --no-build -k GOO | grep -q '^1 passed, 0 failed, 0 skipped$'
! "$t/test/run" --no-build no/such/test 2>/dev/null
