#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How a guest may end, and the exit code of each: power off, reboot, triple fault, panic.
# test-timeout: 1800
# test-long: four boots
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
boot() {
    quad --kernel "$guests/cloud/vmlinuz" --initrd "$initrd" --memory 256M "$@"
}
boot --append 'console=ttyS0 quiet quad.run=true'
ends 0

boot --on-reboot exit --append 'console=ttyS0 quiet quad.run=true quad.end=reboot'
ends 13

# the kernel takes its own interrupt table away and traps
boot --append 'console=ttyS0 reboot=t quiet quad.run=true quad.end=reboot'
want 'triple fault'
ends 11

# the kernel tells of its panic by the pvpanic device, whose driver is a module
initrd --modules "$guests/cloud/root:pvpanic-mmio"
boot --on-panic exit --append 'console=ttyS0 panic=0 quad.run=true quad.end=panic'
want 'Kernel panic'
ends 10
