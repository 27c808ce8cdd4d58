#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk boots by its own boot loader: SeaBIOS, GRUB with its menu on the serial line, a stock
# kernel to its first program. Two processors.
#
# test-timeout: 400
. "$TEST_LIB/boot.sh"
. "$TEST_LIB/bootdisk.sh"
bootdisk "" \
    'uname -r; cat /proc/partitions; nproc; cat /sys/class/dmi/id/sys_vendor'

quad --disk "$bootdisk,format=raw" --cpus 2 --stats
ends 0
undrawn
want 'SeaBIOS \(version'
want 'GNU GRUB'
want "The guest's own kernel"
want "^$(version cloud)"
want 'vda1'
want '^2.?$'
want '^Quadrivium'
want 'disk0.errors: 0'
