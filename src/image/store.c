/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool store_name_ok(const char *name)
{
    size_t n = strlen(name);

    if (!n || n > 63 || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
            return false;
    return true;
}

char *store_root(void)
{
    const char *own = getenv("QUAD_DATA_DIR"), *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    const struct passwd *pw;

    if (own && *own == '/')
        return xstrdup(own);
    if (!geteuid())
        return xstrdup("/var/lib/quad");
    if (xdg && *xdg == '/')
        return xasprintf("%s/quad", xdg);
    if (!home || *home != '/') {
        pw = getpwuid(getuid());
        home = pw ? pw->pw_dir : "/nonexistent";
    }
    return xasprintf("%s/.local/share/quad", home);
}

char *store_path(const char *kind, const char *name)
{
    auto_free char *root = store_root();

    return name ? xasprintf("%s/%s/%s", root, kind, name) : xasprintf("%s/%s", root, kind);
}

bool store_has(const char *kind, const char *name)
{
    struct stat st;

    if (!store_name_ok(name))
        return false;
    auto_free char *path = store_path(kind, name);
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static int is_name(const struct dirent *e)
{
    return store_name_ok(e->d_name);
}

int store_each(const char *kind, int (*fn)(void *opaque, const char *name), void *opaque)
{
    auto_free char *path = store_path(kind, NULL);
    struct dirent **list = NULL;
    int n = scandir(path, &list, is_name, alphasort), rc = 0;

    for (int i = 0; i < n; i++) {
        rc = rc ? rc : fn(opaque, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return rc;
}

int store_mkdirs(const char *path, struct error *err)
{
    auto_free char *p = xstrdup(path);

    for (char *s = strchr(p + 1, '/');; s = strchr(s + 1, '/')) {
        if (s)
            *s = 0;
        if (mkdir(p, 0700) && errno != EEXIST)
            return fail_errno(err, errno, "cannot make the folder %s", p);
        if (!s)
            return 0;
        *s = '/';
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int store_remove_tree(const char *path)
{
    struct stat st;

    if (lstat(path, &st))
        return errno == ENOENT ? 0 : -errno;
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) ? -errno : 0;
}

int store_new(struct store_new *n, const char *kind, const char *name, struct error *err)
{
    *n = (struct store_new){.lock = -1};
    if (!store_name_ok(name))
        return fail(err, EINVAL, "\"%s\" is no name: letters, digits, '.', '_', '-', at most 63",
                    name);
    auto_free char *all = store_path(kind, NULL);
    int rc = store_mkdirs(all, err);
    if (rc)
        return rc;
    n->final = xasprintf("%s/%s", all, name);
    auto_free char *path = xasprintf("%s/.%s.new", all, name);
    auto_free char *lock = xasprintf("%s/.%s.lock", all, name);
    auto_close int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(err, errno, "cannot create %s", lock);
    if (flock(fd, LOCK_EX | LOCK_NB))
        return fail(err, EEXIST, "%s is being made by another process", n->final);
    if (!access(n->final, F_OK)) {
        unlink(lock);
        return fail(err, EEXIST, "%s is there already", n->final);
    }
    store_remove_tree(path); /* of a maker that died */
    if (mkdir(path, 0700))
        return fail_errno(err, errno, "cannot make the folder %s", path);
    n->path = take_ptr(path);
    n->lock = take_fd(&fd);
    return 0;
}

int store_commit(struct store_new *n, struct error *err)
{
    if (rename(n->path, n->final))
        return fail_errno(err, errno, "cannot rename %s", n->path);
    free(take_ptr(n->path));
    return 0;
}

void store_abort(struct store_new *n)
{
    if (n->path)
        store_remove_tree(n->path);
    if (n->lock >= 0) {
        const char *slash = strrchr(n->final, '/');
        auto_free char *lock =
            xasprintf("%.*s/.%s.lock", (int)(slash - n->final), n->final, slash + 1);
        unlink(lock);
        close(n->lock);
    }
    free(n->path);
    free(n->final);
    *n = (struct store_new){.lock = -1};
}

int store_remove(const char *kind, const char *name, struct error *err)
{
    if (!store_has(kind, name))
        return fail(err, ENOENT, "there is no \"%s\" among the %s", name, kind);
    auto_free char *path = store_path(kind, name);
    auto_free char *all = store_path(kind, NULL);
    auto_free char *gone = xasprintf("%s/.%s.gone", all, name);
    store_remove_tree(gone);
    /* First out of sight, then away. */
    if (rename(path, gone))
        return fail_errno(err, errno, "cannot remove %s", path);
    int rc = store_remove_tree(gone);
    return rc ? fail_errno(err, -rc, "cannot remove %s", gone) : 0;
}

char *store_read(const char *dir, const char *file)
{
    auto_free char *path = xasprintf("%s/%s", dir, file);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > 1 << 20)
        return NULL;
    char *text = xcalloc(1, (size_t)st.st_size + 1);
    ssize_t n = read(fd, text, (size_t)st.st_size);
    text[MAX(n, 0)] = 0;
    return text;
}

int store_write(const char *dir, const char *file, const void *data, size_t len, unsigned mode,
                struct error *err)
{
    auto_free char *path = xasprintf("%s/%s", dir, file);
    auto_free char *tmp = xasprintf("%s/.%s.tmp", dir, file);
    auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0)
        return fail_errno(err, errno, "cannot write %s", tmp);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, errno, "cannot write %s", tmp);
        at += (size_t)n;
    }
    fchmod(fd, mode);
    if (rename(tmp, path))
        return fail_errno(err, errno, "cannot rename %s", tmp);
    return 0;
}
