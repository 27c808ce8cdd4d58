/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME_MAX_LETTERS 63

static const char *env(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

static char *run_path(void)
{
    if (env("QUAD_RUN_DIR"))
        return xstrdup(env("QUAD_RUN_DIR"));
    if (geteuid() == 0)
        return xstrdup("/run/quad");
    if (env("XDG_RUNTIME_DIR"))
        return xasprintf("%s/quad", env("XDG_RUNTIME_DIR"));
    return xasprintf("/tmp/quad-%u", (unsigned)geteuid());
}

char *place_data(const char *what)
{
    if (env("QUAD_DATA_DIR"))
        return xasprintf("%s/%s", env("QUAD_DATA_DIR"), what);
    if (geteuid() == 0)
        return xasprintf("/var/lib/quad/%s", what);
    if (env("XDG_DATA_HOME"))
        return xasprintf("%s/quad/%s", env("XDG_DATA_HOME"), what);
    return xasprintf("%s/.local/share/quad/%s", env("HOME") ? env("HOME") : ".", what);
}

int place_make(const char *path, struct error *err)
{
    auto_free char *p = xstrdup(path);

    for (char *slash = p; slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = 0;
        if (mkdir(p, 0700) && errno != EEXIST)
            return fail_errno(err, errno, "cannot make the folder %s", p);
        if (slash)
            *slash = '/';
    }
    return 0;
}

int place_run(bool create, int *out, struct error *err)
{
    auto_free char *path = run_path();
    struct stat st;

    if (create) {
        int rc = place_make(path, err);
        if (rc)
            return rc;
    }
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return fail_errno(err, errno, "cannot open the run directory %s", path);
    if (st.st_uid != geteuid())
        return fail(err, EPERM, "%s belongs to another user; try: QUAD_RUN_DIR=FOLDER", path);
    if (st.st_mode & 077 && fchmod(fd, 0700))
        return fail_errno(err, errno, "%s is open to others", path);
    *out = take_fd(&fd);
    return 0;
}

int place_name_check(const char *name, struct error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(name);

    if (!n || n > NAME_MAX_LETTERS || !strchr(letters, name[0]))
        return fail(err, EINVAL, "\"%.80s\" is no name for a guest; try letters and digits", name);
    for (const char *p = name; *p; p++)
        if (!strchr(letters, *p) && !strchr("._-", *p))
            return fail(err, EINVAL,
                        "a guest's name has letters, digits, \".\", \"_\" and \"-\" only, not \"%s\"",
                        name);
    return 0;
}

static void file_name(char out[NAME_MAX_LETTERS + 8], const char *name, const char *end)
{
    snprintf(out, NAME_MAX_LETTERS + 8, "%.*s%s", NAME_MAX_LETTERS, name, end);
}

/* Locked if nobody else has it. Who held it before may have removed the file meanwhile: then it is
 * another one's turn to be looked at. */
static int open_lock(int run_fd, const char *file)
{
    for (;;) {
        struct stat mine, there;
        int fd = openat(run_fd, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
            return fd;
        if (!fstat(fd, &mine) && !fstatat(run_fd, file, &there, AT_SYMLINK_NOFOLLOW) &&
            mine.st_ino == there.st_ino)
            return fd;
        close(fd);
    }
}

int place_claim(int run_fd, const char *name, int *lock_fd, int *pid, struct error *err)
{
    char file[NAME_MAX_LETTERS + 8], text[24] = "";

    file_name(file, name, ".lock");
    auto_close int fd = open_lock(run_fd, file);
    if (fd < 0)
        return fail_errno(err, errno, "cannot make %s in the run directory", file);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        ssize_t n = read(fd, text, sizeof(text) - 1);
        *pid = n > 0 ? atoi(text) : 0;
        return fail(err, EBUSY, "a guest called %s runs already; try: quad ls", name);
    }
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || write(fd, text, (size_t)n) != n)
        return fail_errno(err, errno, "cannot write %s in the run directory", file);
    *lock_fd = take_fd(&fd);
    return 0;
}

bool place_is_claimed(int run_fd, const char *name)
{
    char file[NAME_MAX_LETTERS + 8];

    file_name(file, name, ".lock");
    auto_close int fd = openat(run_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* The way over /proc has no limit on the folder's length. */
static socklen_t address(struct sockaddr_un *a, int run_fd, const char *name)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%.*s.sock", run_fd,
             NAME_MAX_LETTERS, name);
    return sizeof(*a);
}

char *place_run_file(const char *name, const char *end)
{
    auto_free char *run = run_path();

    return xasprintf("%s/%s%s", run, name, end);
}

int place_listen(int run_fd, const char *name, int *out, struct error *err)
{
    char file[NAME_MAX_LETTERS + 8];
    struct sockaddr_un a;
    socklen_t len = address(&a, run_fd, name);

    file_name(file, name, ".sock");
    unlinkat(run_fd, file, 0);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 16))
        return fail_errno(err, errno, "cannot listen at %s in the run directory", file);
    *out = take_fd(&fd);
    return 0;
}

int place_connect(int run_fd, const char *name, int *out, struct error *err)
{
    struct sockaddr_un a;
    socklen_t len = address(&a, run_fd, name);
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, len))
        return fail_errno(err, errno, "cannot connect to %s", name);
    *out = take_fd(&fd);
    return 0;
}
