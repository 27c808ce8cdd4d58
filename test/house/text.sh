#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every committed file must keep: an SPDX line in code, shell that parses, no marks of
# unfinished work, no path of one person's machine.
set -eu
bad=0
complain() { echo "$*"; bad=1; }

if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files >"$TEST_TMP/files"
else
    find . -name build -prune -o -type f -print | sed 's|^\./||' >"$TEST_TMP/files"
fi
[ -s "$TEST_TMP/files" ] || { echo "no files found"; exit 1; }

# lists of one kind, each looked at by one grep
grep -E '\.(c|h|S|def)$' "$TEST_TMP/files" >"$TEST_TMP/code" || true
grep -E '\.(c|h|S|def|sh|md)$|^(Makefile|demo|check)$|^tools/|^test/run$|^\.ci/' "$TEST_TMP/files" |
    grep -vx test/house/text.sh >"$TEST_TMP/text"

xargs grep -L 'SPDX-License-Identifier: GPL-2.0-or-later' <"$TEST_TMP/code" >"$TEST_TMP/bad"
[ ! -s "$TEST_TMP/bad" ] || complain "no SPDX line: $(cat "$TEST_TMP/bad")"
if xargs grep -nwE 'TODO|FIXME|XXX' <"$TEST_TMP/text"; then
    complain "marks of unfinished work, above"
fi
if xargs grep -nE '/(work|root|home/[a-z]+)/' <"$TEST_TMP/text" | grep -v /home/tester/; then
    complain "paths of one machine, above"
fi

# what runs it says its first line
xargs grep -lIm1 -E '^#!/(bin/sh|usr/bin/perl)' <"$TEST_TMP/files" >"$TEST_TMP/scripts" || true
while read -r f; do
    case $(head -n 1 "$f") in
    '#!/bin/sh'*) sh -n "$f" || complain "$f: does not parse" ;;
    '#!/usr/bin/perl'*) perl -c "$f" 2>"$TEST_TMP/perl" || { cat "$TEST_TMP/perl"; bad=1; } ;;
    esac
done <"$TEST_TMP/scripts"
exit $bad
