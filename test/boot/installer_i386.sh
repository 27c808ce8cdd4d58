#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian installer's netboot kernel for i386, with its own initrd, to its first programs.
# test-timeout: 1800
# test-long: it unpacks a large initrd
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest di-i386
converse --kernel "$guests/di-i386/linux" --initrd "$guests/di-i386/initrd.gz" --memory 1G \
    --append 'console=ttyS0 DEBIAN_FRONTEND=text' <<'END'
never /Kernel panic|not syncing/
expect 1500 /Run \/init as init process/
expect 300 /syslogd|language/
alive
END
