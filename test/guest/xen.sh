#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our own guest of the Xen PV interface (test/guest/xen): hypercalls, their errors, attacks on page
# tables, descriptors, events, grants, traps.
# test-timeout: 120
# test-engines: interp jit
. "$TEST_LIB/boot.sh"
mode=para
command -v cc >/dev/null || skip "no cc"
case $(cc -dumpmachine) in x86_64*) ;; *) skip "no compiler for x86-64" ;; esac
cc -O1 -g -std=gnu2x -Wall -Wno-unused-value -ffreestanding -fno-pic -fno-pie -mno-red-zone -mno-sse \
    -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -nostdlib -static -no-pie -Wl,-Ttext=0x200000 -Wl,--build-id=none -o "$TEST_TMP/guest" \
    test/guest/xen/guest.c test/guest/xen/tests.c || die "the guest does not compile"
quad --kernel "$TEST_TMP/guest" --memory 32M
ends 0
want '^checks: [0-9]{3}, failed: 0'
