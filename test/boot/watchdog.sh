#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The watchdog, driven by hand from user space (the cloud kernel has no driver for it): once
# armed and left alone it ends the guest with its own exit code.
# test-timeout: 600
# test-engines: interp jit
set -eu
. "$TEST_LIB/boot.sh"
guest cloud
initrd
cat >"$TEST_TMP/wd.sh" <<'END'
d=/sys/bus/pci/devices/0000:00:1e.0
echo 1 >$d/enable
bar=$(head -n 1 $d/resource | cut -d ' ' -f 1)
unlock() { devmem $((bar + 12)) 16 0x80; devmem $((bar + 12)) 16 0x86; }
unlock; devmem $((bar)) 32 0x400
unlock; devmem $((bar + 4)) 32 0x400
printf '\002' | dd of=$d/config bs=1 seek=104 conv=notrunc 2>/dev/null
echo armed
sleep 60
echo survived
END
tools/mkinitramfs --bare --add wd.sh="$TEST_TMP/wd.sh" -o "$TEST_TMP/wd.cpio"
cat "$initrd" "$TEST_TMP/wd.cpio" >"$TEST_TMP/both.cpio"
quad --kernel "$guests/cloud/vmlinuz" --initrd "$TEST_TMP/both.cpio" --memory 256M \
    --append 'console=ttyS0 quiet quad.run="sh /wd.sh"'
ends 12
want '^armed'
want 'watchdog fired'
never '^survived'
