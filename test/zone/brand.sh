#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Brands: what uname says, in the zone's first program and in executed ones, by the program and by the raw
# system call; calls that came later than the brand's release are not there, those that it had are.
# test-timeout: 120
set -u
. test/lib/zone.sh
[ "$(uname -m)" = x86_64 ] || skip "the calls' numbers are x86-64's"
export QUAD_DATA_DIR="$TEST_TMP/data" QUAD_RUN_DIR="$TEST_TMP/qrun" NO_COLOR=1
quad() { "$QUAD" "$@"; }
trap 'quad rm -f o >/dev/null 2>&1; cleanup_zone' EXIT
bundle brand
helper probe <<'C'
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
static const char *try(long nr)
{
    return syscall(nr, -1, 0, -1, -1, -1, -1) < 0 && errno == ENOSYS ? "none" : "there";
}
int main(void)
{
    struct utsname u;
    long bad = syscall(SYS_uname, (void *)1);
    printf("bad %ld %d\n", bad, errno);
    for (int i = 0; i < 1000; i++)
        if (syscall(SYS_uname, &u))
            return 1;
    printf("raw %s %s %s\n", u.sysname, u.release, u.machine);
    printf("statx %s copy_file_range %s openat2 %s faccessat2 %s close_range %s futex_waitv %s\n",
           try(332), try(326), try(437), try(439), try(436), try(449));
    return 0;
}
C
cp "$TEST_TMP/probe" rootfs/bin/probe
ok quad image import rootfs bb
ok quad run bb --rm --mode zone --net none -- probe
want "^raw Linux $(uname -r | sed 's/[.+]/\\&/g') x86_64"
want 'statx there copy_file_range there openat2 there faccessat2 there'
ok quad run bb --rm --mode zone --net none --brand linux-5.6 -- probe
want '^bad -1 14$'
want '^raw Linux 5.6.0 x86_64'
want 'statx there copy_file_range there openat2 there faccessat2 none close_range none futex_waitv none'
ok quad run -d --name o bb --mode zone --net none --brand linux-4.4 -- sleep 1000
ok quad exec o -- probe
want '^raw Linux 4.4.0'
want 'statx none copy_file_range none openat2 none'
ok quad exec o -- uname -rn
want '^o 4.4.0$'
ok quad rm -f o
ok quad run bb --rm --mode zone --net none --brand i386 -- uname -m
want '^i686$'
no quad run bb --rm --mode zone --brand solaris -- true
want 'native, i386, linux-RELEASE'
no quad run bb --rm --mode zone --brand linux-x -- true
want 'as in linux-5.10'
ok quad zone brands
want '^i386 '
echo "brand: ok"
