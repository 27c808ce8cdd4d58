/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   boot.img    0..439 code    5Ch first sector of core.img (8 bytes)
 *   core.img    its first sector loads the rest by a list that grows down from its end:
 *               1F4h first sector (8), 1FCh number of sectors (2), 1FEh segment (2)
 */
#include "image/grub.h"

#include <unistd.h>

#include "base/endian.h"

enum { SECTOR = 512, CODE = 440, AT_KERNEL = 0x5c, AT_LIST = 0x1f4, SEGMENT = 0x820 };

int grub_install(int fd, const void *boot, size_t boot_len, void *core, size_t core_len,
                 uint64_t start, uint64_t sectors, struct error *err)
{
    uint8_t code[CODE], *list = (uint8_t *)core + AT_LIST;
    uint64_t n = (core_len + SECTOR - 1) / SECTOR;

    if (boot_len != SECTOR || core_len < 2 * SECTOR || ld_le16(list + 10) != SEGMENT)
        return fail(err, EINVAL, "these are no boot.img and core.img of GRUB for BIOS machines");
    if (n > sectors || n > 0xffff)
        return fail(err, ENOSPC, "GRUB's core needs %" PRIu64 " sectors of %" PRIu64, n, sectors);
    memcpy(code, boot, CODE);
    st_le64(code + AT_KERNEL, start);
    st_le64(list, start + 1);
    st_le16(list + 8, (uint16_t)(n - 1));
    if (pwrite(fd, code, CODE, 0) != CODE ||
        pwrite(fd, core, core_len, (off_t)(start * SECTOR)) != (ssize_t)core_len)
        return fail_errno(err, errno, "cannot write the boot loader");
    return 0;
}
