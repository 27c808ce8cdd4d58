#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Truncated kernels, initrds that are not there or do not fit, too little memory: refused in one
# line, before the guest runs.
# test-timeout: 300
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
kernel=$guests/cloud/vmlinuz

refused() { # refused REGEX ARGS...
    regex=$1
    shift
    rc=0
    timeout 60 "$QUAD" run --mode full "$@" >"$out" 2>&1 </dev/null || rc=$?
    echo "quad run $*: $rc: $(head -n 3 "$out")"
    case $rc in
    1 | 2) ;;
    *) die "exit code $rc" ;;
    esac
    want "$regex"
    never 'Linux version'
}

size=$(wc -c <"$kernel")
for part in 512 1024 16384 $((size / 2)); do
    head -c "$part" "$kernel" >"$TEST_TMP/truncated"
    refused 'truncated' --kernel "$TEST_TMP/truncated"
done
refused 'gone' --kernel "$kernel" --initrd "$TEST_TMP/gone"
truncate -s 900M "$TEST_TMP/huge"
refused 'huge|initrd|memory' --kernel "$kernel" --initrd "$TEST_TMP/huge" --memory 512M
refused 'memory|M' --kernel "$kernel" --initrd "$initrd" --memory 4M
refused 'memory' --kernel "$kernel" --initrd "$initrd" --memory 8192T
