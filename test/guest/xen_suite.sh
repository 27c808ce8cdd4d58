#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A small kernel for the Xen PV interface as test suites build them (test/guest/xen/suite.c): one
# segment, notes in sections; what it relies on, and attacks that were advisories once. Its console
# and its end arrive outside.
# test-timeout: 120
# test-engines: interp jit
. "$TEST_LIB/boot.sh"
mode=para
command -v cc >/dev/null || skip "no cc"
case $(cc -dumpmachine) in x86_64*) ;; *) skip "no compiler for x86-64" ;; esac
cc -O1 -g -std=gnu2x -Wall -Wno-unused-value -ffreestanding -fno-pic -fno-pie -mno-red-zone -mno-sse \
    -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -nostdlib -static -no-pie -Wl,-T,test/guest/xen/suite.lds -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
    -o "$TEST_TMP/guest" test/guest/xen/guest.c test/guest/xen/suite.c ||
    die "the guest does not compile"
quad --kernel "$TEST_TMP/guest" --memory 32M --cpus 2
ends 0
want "^by the console's ring"
want '^checks: [0-9]{3,}, failed: 0'

# Each reason to end has its exit code.
for end in 0=0 1=13 3=10 4=12 9=10; do
    quad --kernel "$TEST_TMP/guest" --memory 32M --on-reboot exit --append "end=${end%=*}"
    ends "${end#*=}"
done

# A kernel that can do nothing else needs no --mode.
mode=auto quad --kernel "$TEST_TMP/guest" --memory 32M --append end=0
ends 0
want 'way para .the kernel is for its interface only.'

# Of the 32-bit interface there is nothing; that is said.
if objcopy -O elf32-i386 "$TEST_TMP/guest" "$TEST_TMP/guest32" 2>/dev/null; then
    quad --kernel "$TEST_TMP/guest32" --memory 32M
    ends 1
    want 'a 32-bit kernel'
fi
