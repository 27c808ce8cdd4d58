/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * pty: a new pseudo terminal. This side keeps its other end open, too, so that programs may come
 * and go there without a hang-up.
 */
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "chr/chr_fd.h"

struct chr_pty {
    struct chr_fd fd;
    int other; /* the terminal's end */
};

static void pty_fini(struct chr_fd *c)
{
    base_close_fd(&container_of(c, struct chr_pty, fd)->other);
}

int chr_pty_open(struct loop *loop, struct chr **out, struct error *err)
{
    auto_close int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char name[64];

    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof(name)))
        return fail_errno(err, errno, "cannot make a pseudo terminal");
    auto_close int other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    auto_close int out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (other < 0 || out_fd < 0)
        return fail_errno(err, errno, "cannot open %s", name);
    struct termios t;
    if (!tcgetattr(other, &t)) {
        cfmakeraw(&t);
        tcsetattr(other, TCSANOW, &t);
    }
    struct chr_fd *c = chr_fd_create(sizeof(struct chr_pty), loop, name);
    c->on_fini = pty_fini;
    container_of(c, struct chr_pty, fd)->other = take_fd(&other);
    int rc = chr_fd_attach(c, take_fd(&fd), take_fd(&out_fd), false, err);
    if (rc) {
        chr_destroy(&c->chr);
        return rc;
    }
    *out = &c->chr;
    return 0;
}
