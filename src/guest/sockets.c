/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/sockets.h"

#include "board/board.h"
#include "config/device_config.h"
#include "dev/virtio/virtio_vsock.h"
#include "net/vsock_unix.h"

int sockets_open(struct vsock **out, const char *option, struct board *board, struct loop *loop,
                 struct error *err)
{
    struct vsock_config c;
    struct dev *dev;

    if (!option)
        return 0;
    int rc = vsock_config_parse(&c, option, err);
    if (!rc && !board->type->add_pci)
        rc = fail(err, EINVAL, "--vsock: board %s has no PCI bus", board->type->name);
    if (!rc && c.path) {
        rc = vsock_unix_open(c.path, loop, out, err);
        if (rc)
            rc = error_prefix(err, "--vsock");
    }
    if (!rc)
        rc = dev_create(&virtio_vsock_type, "vsock", board->machine, &dev, err);
    if (!rc) {
        virtio_vsock_configure(dev, (uint32_t)c.cid, *out);
        rc = board->type->add_pci(board, dev, err);
    }
    vsock_config_free(&c);
    return rc;
}
