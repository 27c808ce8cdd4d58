/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * file: output to a file (or a named pipe that has its reader, or a device).
 */
#include <fcntl.h>
#include <unistd.h>

#include "chr/chr_fd.h"

int chr_file_open(const char *path, struct loop *loop, struct chr **out, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);

    if (fd < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    struct chr_fd *c = chr_fd_create(sizeof(*c), loop, path);
    int rc = chr_fd_attach(c, -1, fd, false, err);
    if (rc) {
        chr_destroy(&c->chr);
        return rc;
    }
    *out = &c->chr;
    return 0;
}
