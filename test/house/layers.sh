#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The arrows of layers.txt hold, and the check that says so can fail.
set -eu
tools/check-layers

mkdir -p "$TEST_TMP/src/dev" "$TEST_TMP/src/core"
cp layers.txt "$TEST_TMP/"
echo '#include "core/x.h"' >"$TEST_TMP/src/dev/good.c"
tools/check-layers --top "$TEST_TMP"

refused() { # refused FOLDER LINE
    mkdir -p "$TEST_TMP/src/$1"
    echo "$2" >"$TEST_TMP/src/$1/bad.c"
    if tools/check-layers --top "$TEST_TMP" >"$TEST_TMP/out"; then
        echo "src/$1 with $2 was accepted"
        exit 1
    fi
    grep -q "src/$1/bad.c:1:" "$TEST_TMP/out"
    rm -r "$TEST_TMP/src/$1/bad.c"
}
refused dev '#include "block/raw.h"'
refused dev '#include "neighbour.h"'
refused core '#include "dev/x.h"'
refused zone '#include "core/vcpu.h"'
refused nowhere 'int x;'
