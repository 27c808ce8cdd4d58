/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * version: who we say we are, and the small calls: assists, console output, physical devices (there
 * are none). [XEN version; XEN xen; XEN physdev]
 */
#include "para/xen/domain.h"

/* clang-format off */
enum {
    VER_VERSION, VER_EXTRAVERSION, VER_COMPILE_INFO, VER_CAPABILITIES, VER_CHANGESET,
    VER_PLATFORM_PARAMETERS, VER_GET_FEATURES, VER_PAGESIZE, VER_GUEST_HANDLE, VER_COMMANDLINE,
    VER_BUILD_ID,
};
/* clang-format on */

/* XENFEAT numbers [XEN features]: supervisor mode kernel is not; PAE above 4 GiB; updates that
 * preserve A and D; grants with available bits. */
#define FEATURES (1u << 4 | 1u << 5 | 1u << 6 | 1u << 7)

static int64_t put_text(struct xen_vcpu *v, uint64_t at, const char *text, size_t size)
{
    char raw[1024] = {0};

    strncpy(raw, text, MIN(size, sizeof(raw)) - 1);
    return xen_write(v, at, raw, size) ? 0 : -EFAULT;
}

static int64_t compile_info(struct xen_vcpu *v, uint64_t at)
{
    int64_t rc = put_text(v, at, "quadrivium " QUAD_VERSION, 64);

    rc = rc ? rc : put_text(v, at + 64, "quadrivium", 16);
    rc = rc ? rc : put_text(v, at + 80, "", 32);
    return rc ? rc : put_text(v, at + 112, "", 32);
}

static int64_t features(struct xen_vcpu *v, uint64_t at)
{
    uint8_t raw[8];

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    if (ld_le32(raw) > 0)
        return -EINVAL;
    st_le32(raw + 4, FEATURES);
    return xen_write(v, at, raw, sizeof(raw)) ? 0 : -EFAULT;
}

int64_t hc_xen_version(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t raw[8];

    switch (arg[0]) {
    case VER_VERSION: /* also how the kernel asks for a look at its events */
        return 4 << 16 | 17;
    case VER_EXTRAVERSION:
        return put_text(v, arg[1], ".0-quadrivium", 16);
    case VER_COMPILE_INFO:
        return compile_info(v, arg[1]);
    case VER_CAPABILITIES:
        return put_text(v, arg[1], "xen-3.0-x86_64 ", 1024);
    case VER_CHANGESET:
        return put_text(v, arg[1], "unavailable", 64);
    case VER_PLATFORM_PARAMETERS:
        st_le64(raw, XEN_VIRT_START);
        return xen_write(v, arg[1], raw, 8) ? 0 : -EFAULT;
    case VER_GET_FEATURES:
        return features(v, arg[1]);
    case VER_PAGESIZE:
        return arg[1] ? -EINVAL : (int64_t)PAGE_SIZE_4K;
    case VER_GUEST_HANDLE:
        return xen_write(v, arg[1], v->d->config.uuid, 16) ? 0 : -EFAULT;
    case VER_COMMANDLINE:
        return put_text(v, arg[1], "", 1024);
    case VER_BUILD_ID:
        return -ENODATA;
    default:
        return -ENOSYS;
    }
}

int64_t hc_vm_assist(struct xen_vcpu *v, const uint64_t arg[6])
{
    static const uint32_t known = 1u << VMASST_4GB_SEGMENTS | 1u << VMASST_4GB_NOTIFY |
                                  1u << VMASST_WRITABLE_PAGETABLES | 1u << VMASST_PAE_CR3 |
                                  1u << VMASST_ARCHITECTURAL_IOPL | 1u << VMASST_RUNSTATE_FLAG;

    if (arg[0] > 1)
        return -ENOSYS;
    if (arg[1] >= 32 || !(known >> arg[1] & 1))
        return -EINVAL;
    if (arg[0] == 0)
        v->d->vm_assist |= 1u << arg[1];
    else
        v->d->vm_assist &= ~(1u << arg[1]);
    return 0;
}

/* ---- console_io ---- */

int64_t hc_console_io(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t text[256];
    uint64_t n = (uint32_t)arg[1], at = arg[2];

    if (arg[0] != 0)
        return arg[0] == 1 ? 0 : -ENOSYS; /* reading: there is never anything */
    if (n > 16384)
        return -E2BIG;
    while (n) {
        size_t k = MIN(n, sizeof(text));
        if (!xen_read(v, text, at, k))
            return -EFAULT;
        console_raw(v->d, text, k);
        at += k;
        n -= k;
    }
    return 0;
}

/* ---- physdev_op ---- */

enum { PHYSDEV_IRQ_STATUS = 5, PHYSDEV_SET_IOPL = 6, PHYSDEV_SET_IOBITMAP = 7 };

int64_t hc_physdev_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    uint8_t raw[16];

    switch (arg[0]) {
    case PHYSDEV_SET_IOPL:
        if (!xen_read(v, raw, arg[1], 4))
            return -EFAULT;
        if (ld_le32(raw) > 3)
            return -EINVAL;
        v->iopl = ld_le32(raw);
        return 0;
    case PHYSDEV_SET_IOBITMAP:
        if (!xen_read(v, raw, arg[1], 12))
            return -EFAULT;
        return ld_le32(raw + 8) > 65536 ? -EINVAL : 0; /* no port has anything behind it */
    case PHYSDEV_IRQ_STATUS:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}
