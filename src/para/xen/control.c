/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * control: the interface by which a privileged domain controls others [XEN sysctl; XEN domctl; XEN
 * platform]. No guest is privileged here: each call is looked at as far as a caller can tell the
 * interface's version from the answer, then refused and logged.
 */
#include "base/log.h"
#include "para/xen/domain.h"

/* All three kinds of record begin with a command and this. */
enum { CTL_CMD = 0, CTL_VERSION = 4 };
enum { SYSCTL_VERSION = 0x15, DOMCTL_VERSION = 0x15, PLATFORM_VERSION = 0x03000001 };

static int64_t refuse(struct xen_vcpu *v, const char *what, uint64_t at, uint32_t version)
{
    uint8_t raw[8];

    if (!xen_read(v, raw, at, sizeof(raw)))
        return -EFAULT;
    if (ld_le32(raw + CTL_VERSION) != version)
        return -EACCES;
    if (!v->d->refused++)
        log_warn("the guest asked to control others (%s %u); it is not privileged: refused", what,
                 ld_le32(raw + CTL_CMD));
    return -EPERM;
}

int64_t hc_sysctl(struct xen_vcpu *v, const uint64_t arg[6])
{
    return refuse(v, "sysctl", arg[0], SYSCTL_VERSION);
}

int64_t hc_domctl(struct xen_vcpu *v, const uint64_t arg[6])
{
    return refuse(v, "domctl", arg[0], DOMCTL_VERSION);
}

int64_t hc_platform_op(struct xen_vcpu *v, const uint64_t arg[6])
{
    return refuse(v, "platform_op", arg[0], PLATFORM_VERSION);
}
