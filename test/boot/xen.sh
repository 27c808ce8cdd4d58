#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Xen hypervisor, a kernel that is not Linux, by its multiboot entry: its own boot log up to its
# first guest, for which it gets the cloud kernel as a module.
# test-timeout: 900
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest xen cloud
converse --kernel "$guests/xen/xen" --initrd "$guests/cloud/vmlinuz" --memory 1G \
    --append 'com1=115200,8n1 console=com1 dom0_mem=512M' <<'END'
expect 300 /Xen version 4\.\d+/
expect 300 /Processor|CPU/
expect 600 /Building a PV Dom0|Dom0 kernel|Loading d0 kernel/
alive
END
