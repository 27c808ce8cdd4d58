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

while read -r f; do
    [ -f "$f" ] || continue
    case $f in
    *.c | *.h | *.S | *.def)
        head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' ||
            complain "$f: no SPDX line"
        ;;
    esac
    case $f in
    *.c | *.h | *.S | *.def | *.sh | Makefile | demo | check | tools/* | *.md)
        case $f in test/house/text.sh) continue ;; esac
        if grep -nE '\b(TODO|FIXME|XXX)\b' "$f"; then
            complain "$f: a mark of unfinished work"
        fi
        if grep -nE '/(work|root|home/[a-z]+)/' "$f" | grep -v /home/tester/; then
            complain "$f: a path of one machine"
        fi
        ;;
    esac
    # the kernel's own question: what runs it?
    case $(head -c 20 "$f" | head -n 1 | tr -d '\0') in
    '#!/bin/sh'*) sh -n "$f" || complain "$f: does not parse" ;;
    '#!/usr/bin/perl'*) perl -c "$f" 2>"$TEST_TMP/perl" || { cat "$TEST_TMP/perl"; bad=1; } ;;
    esac
done <"$TEST_TMP/files"
exit $bad
