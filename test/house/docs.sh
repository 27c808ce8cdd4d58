#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The documentation holds: links lead to files, cited tags are in doc/specs.md, the commands in
# blocks marked "sh check" run.
set -eu
bad=0
find . -name build -prune -o -name '*.md' -print | sed 's|^\./||' >"$TEST_TMP/pages"
[ -s "$TEST_TMP/pages" ]

while read -r page; do
    dir=$(dirname "$page")
    grep -oE '\]\([^)# ]+' "$page" | sed 's/^](//' | while read -r link; do
        case $link in http*) continue ;; esac
        [ -e "$dir/$link" ] || echo "$page: link to $link, which is not there"
    done
done <"$TEST_TMP/pages" >"$TEST_TMP/links"
if [ -s "$TEST_TMP/links" ]; then
    cat "$TEST_TMP/links"
    bad=1
fi

# Files that the guides name in backquotes (patterns and placeholders are not files).
for page in README.md doc/HACKING.md doc/TOUR.md doc/adr/*.md; do
    for f in $(grep -oE '`(src|test|tools|doc)/[A-Za-z0-9_./-]+`' "$page" | tr -d '`'); do
        [ -e "$f" ] || { echo "$page: names $f, which is not there"; bad=1; }
    done
done

# Tags: [SDM3 10.5.4] in code must be in the table.
sed -n 's/^| \(`[^|]*\) |.*/\1/p' doc/specs.md | tr -d '`' | tr ' ' '\n' | sort -u >"$TEST_TMP/known"
grep -qx SDM3 "$TEST_TMP/known"
for also in $(grep -o '`[A-Z0-9-]*` for' doc/specs.md | tr -d '`' | sed 's/ for//'); do
    echo "$also" >>"$TEST_TMP/known"
done
find src test -name '*.[chS]' -o -name '*.def' | xargs grep -ohE \
    '\[(SDM[0-9]|APM[0-9]|[A-Z][A-Z0-9]+[A-Z0-9-]*) [A-Za-z0-9_#.][A-Za-z0-9_#./,: -]*\]' 2>/dev/null |
    sed 's/^\[\([^ ]*\) .*/\1/' | sort -u >"$TEST_TMP/cited" || true
while read -r tag; do
    # registers in comments are no citations
    case $tag in [A-Z] | [A-Z][A-Z] | [A-Z][A-Z][A-Z] | R[0-9]*) continue ;; esac
    grep -qx -- "$tag" "$TEST_TMP/known" || { echo "doc/specs.md lacks the tag $tag"; bad=1; }
done <"$TEST_TMP/cited"

# Commands in HACKING
sed -n '/^```sh check$/,/^```$/p' doc/HACKING.md | grep -v '^```' >"$TEST_TMP/commands"
[ -s "$TEST_TMP/commands" ]
while read -r command; do
    case $command in
    "test/run "*) command="$command --build=${QUAD_BUILD#"$PWD/"}" ;;
    make*) continue ;; # the runner itself has just run make
    esac
    sh -c "$command" </dev/null >"$TEST_TMP/out" 2>&1 || {
        cat "$TEST_TMP/out"
        echo "doc/HACKING.md: this command failed: $command"
        bad=1
    }
done <"$TEST_TMP/commands"
exit $bad
