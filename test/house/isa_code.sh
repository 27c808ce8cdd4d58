#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test/lib/isa_code.def is what the guests of test/isa assemble to.
set -eu
[ "$(uname -m)" = x86_64 ] || { echo "skip: this host assembles no x86"; exit 77; }
tools/make-isa-code --check "${QUAD_BUILD:-build}"
