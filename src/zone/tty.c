/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/tty.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"

int tty_open(int devpts, unsigned short rows, unsigned short cols, int *master, int *slave,
             struct error *err)
{
    struct stat st;
    struct statfs fs;
    int unlock = 0;
    auto_close int m = devpts >= 0
                           ? openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW)
                           : open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (m < 0)
        return fail_errno(err, errno, "open a terminal");
    /* what the image put there is not a terminal master (S4) */
    if (fstat(m, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
        (devpts >= 0 && (fstatfs(m, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)))
        return fail(err, ENODEV, "ptmx is not a terminal master");
    if (ioctl(m, TIOCSPTLCK, &unlock) < 0)
        return fail_errno(err, errno, "unlock the terminal");
    int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s < 0)
        return fail_errno(err, errno, "open the terminal's other side");
    if (rows || cols) {
        struct winsize ws = {.ws_row = rows, .ws_col = cols};
        ioctl(m, TIOCSWINSZ, &ws);
    }
    *master = take_fd(&m);
    *slave = s;
    return 0;
}

int fd_send(int sock, int fd, const char *name, struct error *err)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u = {0};
    struct iovec iov = {(void *)name, strlen(name) ? strlen(name) : 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf,
                         .msg_controllen = sizeof(u.buf)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        return fail_errno(err, errno, "send a descriptor");
    return 0;
}

ssize_t fd_receive_text(int sock, int *fd, char *text, size_t room)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u;
    struct iovec iov = {text, room};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf,
                         .msg_controllen = sizeof(u.buf)};

    ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0)
        return -errno;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof(int)))
        return -EPROTO;
    memcpy(fd, CMSG_DATA(c), sizeof(*fd));
    return n;
}

int fd_receive(int sock)
{
    char data[256];
    int fd = -1;
    ssize_t n = fd_receive_text(sock, &fd, data, sizeof(data));

    return n < 0 ? (int)n : fd;
}

int unix_connect(int at, const char *path, int type, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    auto_fd int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    if (s < 0)
        return fail_errno(err, errno, "socket");
    int n = at < 0 || *path == '/'
                ? snprintf(a.sun_path, sizeof(a.sun_path), "%s", path)
                : snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", at, path);
    if (!*path || n >= (int)sizeof(a.sun_path))
        return fail(err, ENAMETOOLONG, "socket path \"%s\"", path);
    if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        return fail_errno(err, errno, "connect to %s", path);
    return take_fd(&s);
}

int tty_to_stdio(int slave, struct error *err)
{
    for (int i = 0; i < 3; i++)
        if (dup2(slave, i) < 0)
            return fail_errno(err, errno, "terminal as standard stream %d", i);
    return 0;
}

/* ----------------------------------------------------------------------------------- the relay */

static bool write_all(int fd, const char *buf, size_t n)
{
    while (n) {
        ssize_t w = write(fd, buf, n);
        if (w < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
            continue;
        }
        if (w <= 0)
            return false;
        buf += w;
        n -= (size_t)w;
    }
    return true;
}

/* One read and its write; false at the end of `from`. */
static bool relay_some(int from, int to)
{
    char buf[8192];
    ssize_t n = read(from, buf, sizeof(buf));

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    return n > 0 && write_all(to, buf, (size_t)n);
}

static void copy_size(int master)
{
    struct winsize ws;

    if (ioctl(0, TIOCGWINSZ, &ws) == 0)
        ioctl(master, TIOCSWINSZ, &ws);
}

int tty_relay(int master, int pidfd)
{
    struct termios old, raw;
    bool is_tty = tcgetattr(0, &old) == 0;
    sigset_t winch;

    if (is_tty) {
        raw = old;
        cfmakeraw(&raw);
        tcsetattr(0, TCSADRAIN, &raw);
        copy_size(master);
    }
    sigemptyset(&winch);
    sigaddset(&winch, SIGWINCH);
    sigprocmask(SIG_BLOCK, &winch, NULL);
    auto_close int sig = signalfd(-1, &winch, SFD_CLOEXEC);
    struct pollfd p[4] = {
        {.fd = master, .events = POLLIN},
        {.fd = 0, .events = POLLIN},
        {.fd = sig, .events = POLLIN},
        {.fd = pidfd, .events = POLLIN},
    };
    for (;;) {
        if (poll(p, 4, -1) < 0 && errno != EINTR)
            break;
        if (p[0].revents && !relay_some(master, 1))
            break;
        if (p[1].revents && !relay_some(0, master))
            p[1].fd = -1;
        if (p[2].revents) {
            struct signalfd_siginfo si;
            if (read(sig, &si, sizeof(si)) == sizeof(si))
                copy_size(master);
        }
        /* the process ended: what it wrote is still to be read, until the master hangs up or is
         * silent because something else keeps the terminal open */
        if (p[3].revents) {
            struct pollfd last = {.fd = master, .events = POLLIN};
            while (poll(&last, 1, 50) > 0 && relay_some(master, 1))
                ;
            break;
        }
    }
    if (is_tty)
        tcsetattr(0, TCSADRAIN, &old);
    return 0;
}
