/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/net_open.h"

int net_tap_open(const char *interface, struct loop *loop, struct net **out, struct error *err)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd;

    if (interface && strlen(interface) >= sizeof(r.ifr_name))
        return fail(err, EINVAL, "tap: \"%s\" is too long for an interface's name", interface);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(err, errno, "tap: cannot open /dev/net/tun");
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface ? interface : "quad%d");
    if (ioctl(fd, TUNSETIFF, &r) < 0) {
        int code = errno;
        close(fd);
        return fail(err, code, "tap: cannot use %s: %s; try: ip tuntap add %s mode tap user $USER "
                               "(as root), or --nic user",
                    r.ifr_name, strerror(code), interface ? interface : "quad0");
    }
    return net_fd_open(fd, loop, out, err);
}
