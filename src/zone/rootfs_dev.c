/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The container's /dev, and what hides or locks parts of its tree: masked paths, read-only paths,
 * sysctl.
 */
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/root.h"
#include "zone/rootfs_part.h"

static const struct spec_device default_devices[] = {
    {"/dev/null", 'c', 1, 3, 0666, 0, 0},    {"/dev/zero", 'c', 1, 5, 0666, 0, 0},
    {"/dev/full", 'c', 1, 7, 0666, 0, 0},    {"/dev/random", 'c', 1, 8, 0666, 0, 0},
    {"/dev/urandom", 'c', 1, 9, 0666, 0, 0}, {"/dev/tty", 'c', 5, 0, 0666, 0, 0},
};

static const struct {
    const char *name, *target;
} default_links[] = {
    {"fd", "/proc/self/fd"},          {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},    {"stderr", "/proc/self/fd/2"},
    {"core", "/proc/kcore"},          {"ptmx", "pts/ptmx"},
};

static mode_t node_type(char type)
{
    return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_same_node(const struct stat *st, const struct spec_device *d)
{
    return (st->st_mode & S_IFMT) == node_type(d->type) &&
           (d->type == 'p' || st->st_rdev == makedev(d->major, d->minor));
}

/* Where nodes cannot be made (a user namespace), the host's node is bound. */
static int bind_node(struct rootfs *r, const struct spec_device *d, int dir, const char *name,
                     struct error *err)
{
    auto_fd int host = open(d->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (host < 0 || fstat(host, &st) < 0)
        return fail_errno(err, errno, "device %s of the host", d->path);
    if (!is_same_node(&st, d))
        return fail(err, ENODEV, "the host's %s is another device", d->path);
    int made = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0666);
    if (made < 0 && errno != EEXIST)
        return fail_errno(err, errno, "make %s", d->path);
    if (made >= 0)
        close(made);
    auto_fd int at = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0)
        return fail_errno(err, errno, "%s", d->path);
    if (r->old_api) {
        struct mount_opts o = {.bind = true};
        return mount_old(NULL, d->path, &o, at, err);
    }
    auto_fd int tree = mount_clone(host, "", false, err);
    if (tree < 0)
        return tree;
    int rc = mount_attach(tree, at, "");
    return rc ? fail_errno(err, -rc, "bind %s", d->path) : 0;
}

static int make_node(struct rootfs *r, const struct spec_device *d, int dir, const char *name,
                     struct error *err)
{
    struct stat st;

    if (r->userns && d->type != 'p')
        return bind_node(r, d, dir, name, err);
    for (int tries = 0; tries < 2; tries++) {
        if (mknodat(dir, name, node_type(d->type) | d->mode, makedev(d->major, d->minor)) == 0) {
            if ((d->uid || d->gid) &&
                fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
                return fail_errno(err, errno, "owner of %s", d->path);
            return 0;
        }
        if (errno == EPERM && d->type != 'p')
            return bind_node(r, d, dir, name, err);
        if (errno != EEXIST)
            return fail_errno(err, errno, "make device %s", d->path);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_same_node(&st, d))
            return 0;
        /* something else of the image's has the name */
        if (unlinkat(dir, name, 0) < 0)
            return fail_errno(err, errno, "replace %s", d->path);
    }
    return fail(err, EEXIST, "%s changes while it is made", d->path);
}

static int make_device(struct rootfs *r, const struct spec_device *d, int dev, struct error *err)
{
    auto_free char *keep = NULL;
    const char *name = d->path + 5;

    if (dev >= 0 && !strncmp(d->path, "/dev/", 5) && is_component(name))
        return make_node(r, d, dev, name, err);
    auto_fd int dir = root_parent(r->root, d->path, &keep, &name, err);
    return dir < 0 ? dir : make_node(r, d, dir, name, err);
}

static bool dev_is_bound(const struct rootfs *r)
{
    for (size_t i = 0; i < r->spec->mount_count; i++) {
        const struct spec_mount *m = &r->spec->mounts[i];
        if (strcmp(m->destination, "/dev") != 0 && strcmp(m->destination, "/dev/") != 0)
            continue;
        if (m->type && !strcmp(m->type, "bind"))
            return true;
        for (size_t k = 0; m->options && m->options[k]; k++)
            if (!strcmp(m->options[k], "bind") || !strcmp(m->options[k], "rbind"))
                return true;
    }
    return false;
}

int rootfs_devices(struct rootfs *r, struct error *err)
{
    int rc = 0;

    if (dev_is_bound(r)) /* the host's /dev: nothing is made in it */
        return 0;
    auto_fd int own = r->dev >= 0 ? -1 : root_mkdirs(r->root, "/dev", 0755, err);
    int dev = r->dev >= 0 ? r->dev : own;
    if (dev < 0)
        return dev;
    for (size_t i = 0; i < r->spec->device_count && !rc; i++)
        rc = make_device(r, &r->spec->devices[i], dev, err);
    for (size_t i = 0; i < ARRAY_LEN(default_devices) && !rc; i++) {
        bool given = false;
        for (size_t k = 0; k < r->spec->device_count; k++)
            given |= !strcmp(r->spec->devices[k].path, default_devices[i].path);
        if (!given)
            rc = make_device(r, &default_devices[i], dev, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(default_links) && !rc; i++) {
        const char *name = default_links[i].name;
        if (symlinkat(default_links[i].target, dev, name) == 0 || errno == EROFS)
            continue;
        if (errno != EEXIST)
            return fail_errno(err, errno, "link /dev/%s", name);
        /* an image's own /dev/ptmx node would open the host's terminals */
        if (!strcmp(name, "ptmx")) {
            unlinkat(dev, name, 0);
            if (symlinkat(default_links[i].target, dev, name) < 0 && errno != EEXIST)
                return fail_errno(err, errno, "link /dev/ptmx");
        }
    }
    return rc;
}

int mount_remount_old(int fd, const struct mount_opts *o, struct error *err)
{
    char at[40];
    unsigned long f = MS_REMOUNT | MS_BIND;

    snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
    if (o->propagation &&
        mount(NULL, at, NULL,
              (unsigned long)o->propagation | (o->propagation_rec ? MS_REC : 0), NULL) < 0)
        return fail_errno(err, errno, "mount propagation");
    if (o->set & MOUNT_ATTR_RDONLY || o->rec_set & MOUNT_ATTR_RDONLY)
        f |= MS_RDONLY;
    f |= o->set & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
    f |= o->set & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
    f |= o->set & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
    if (f == (MS_REMOUNT | MS_BIND))
        return 0;
    if (mount(NULL, at, NULL, f, NULL) < 0)
        return fail_errno(err, errno, "mount flags");
    return 0;
}

/* ----------------------------------------------------------------- masked, read-only, sysctl */

int rootfs_null(struct rootfs *r, struct error *err)
{
    struct stat st;

    if (r->null_fd >= 0)
        return 0;
    r->null_fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (r->null_fd < 0 || fstat(r->null_fd, &st) < 0)
        return fail_errno(err, errno, "/dev/null of the host");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return fail(err, ENODEV, "the host's /dev/null is not the null device");
    return 0;
}

/* Where `path` is: a directory descriptor to start from, and the rest of the path below it. Inside
 * the procfs and sysfs that we mounted the descriptor of that mount is used, so that nobody who
 * shares the image can put another file system in between (S5). */
static int base_of(const struct rootfs *r, const char *path, const char **rest)
{
    if (r->proc >= 0 && !strncmp(path, "/proc/", 6)) {
        *rest = path + 6;
        return r->proc;
    }
    if (r->sys >= 0 && !strncmp(path, "/sys/", 5)) {
        *rest = path + 5;
        return r->sys;
    }
    *rest = path;
    return r->root;
}

/* The target of a mask or lock: `name` at `*dir`, or "" and *dir itself (then *opened). */
static int resolve(const struct rootfs *r, const char *path, int *dir, const char **name,
                   int *opened)
{
    const char *rest;
    int base = base_of(r, path, &rest);

    *opened = -1;
    if (base != r->root && is_component(rest)) {
        /* one component of a kernel file system: move_mount does not follow a link there */
        *dir = base;
        *name = rest;
        return 0;
    }
    int fd = base == r->root ? root_open(base, rest, O_PATH)
                             : root_open_strict(base, rest, O_PATH, false);
    if (fd < 0)
        return fd;
    *dir = *opened = fd;
    *name = "";
    return 0;
}

static int mask_dir(struct rootfs *r, int dir, const char *name, struct error *err)
{
    auto_fd int tree = -1;

    if (r->empty_dir >= 0) {
        tree = mount_clone(r->empty_dir, "", false, err);
    } else {
        struct mount_opts o = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                      MOUNT_ATTR_NOEXEC};
        tree = mount_new("tmpfs", "tmpfs", &o, err);
    }
    if (tree < 0)
        return tree;
    int rc = mount_attach(tree, dir, name);
    if (rc)
        return fail_errno(err, -rc, "mask");
    if (r->empty_dir < 0)
        r->empty_dir = take_fd(&tree);
    return 0;
}

static int mask_old(struct rootfs *r, const char *path, struct error *err)
{
    auto_fd int fd = root_open(r->root, path, O_PATH);
    struct stat st;

    if (fd == -ENOENT || fd == -EACCES)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(err, fd < 0 ? -fd : errno, "mask %s", path);
    struct mount_opts o = {.bind = !S_ISDIR(st.st_mode), .set = MOUNT_ATTR_RDONLY};
    return mount_old("tmpfs", o.bind ? "/dev/null" : "tmpfs", &o, fd, err);
}

static int mask_paths(struct rootfs *r, struct error *err)
{
    auto_fd int tree = -1;
    int rc = r->spec->masked && r->spec->masked[0] ? rootfs_null(r, err) : 0;

    for (size_t i = 0; !rc && r->spec->masked && r->spec->masked[i]; i++) {
        const char *path = r->spec->masked[i], *name;
        int dir, opened;
        if (r->old_api) {
            rc = mask_old(r, path, err);
            continue;
        }
        rc = resolve(r, path, &dir, &name, &opened);
        if (rc == -ENOENT || rc == -EACCES || rc == -ENOTDIR) {
            rc = 0;
            continue;
        }
        if (rc)
            return fail_errno(err, -rc, "mask %s", path);
        if (tree < 0)
            tree = mount_clone(r->null_fd, "", false, err);
        if (tree < 0)
            return tree;
        rc = mount_attach(tree, dir, name);
        if (rc == 0) {
            fd_drop(&tree);
            tree = -1;
        } else if (rc == -EINVAL || rc == -ENOTDIR) { /* a file does not go on a directory */
            rc = mask_dir(r, dir, name, err);
        } else if (rc == -ENOENT) {
            rc = 0; /* the tree waits for the next path */
        } else {
            fail_errno(err, -rc, "mask %s", path);
        }
        fd_drop(&opened);
    }
    return rc;
}

static int lock_paths(struct rootfs *r, struct error *err)
{
    for (size_t i = 0; r->spec->readonly && r->spec->readonly[i]; i++) {
        const char *path = r->spec->readonly[i], *name;
        int dir, opened;
        int rc = resolve(r, path, &dir, &name, &opened);
        if (rc == -ENOENT || rc == -EACCES || rc == -ENOTDIR)
            continue;
        if (rc)
            return fail_errno(err, -rc, "read-only path %s", path);
        if (r->old_api) {
            auto_fd int at = *name ? root_open(r->root, path, O_PATH) : dup(dir);
            struct mount_opts o = {.bind = true, .recursive = true, .set = MOUNT_ATTR_RDONLY};
            char self[40];
            snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
            if (at >= 0 && !(rc = mount_old(NULL, self, &o, at, err))) {
                auto_fd int top = root_open(r->root, path, O_PATH);
                rc = mount_remount_old(top, &o, err);
            }
        } else {
            auto_fd int tree = open_tree(dir, name,
                                            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE |
                                                AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH));
            if (tree < 0 && errno == ENOENT)
                continue;
            rc = tree < 0 ? -errno : mount_attr(tree, MOUNT_ATTR_RDONLY, 0, 0, true);
            if (!rc)
                rc = mount_attach(tree, dir, name);
            if (rc)
                fail_errno(err, -rc, "read-only path %s", path);
        }
        fd_drop(&opened);
        if (rc)
            return rc;
    }
    return 0;
}

static int write_sysctls(struct rootfs *r, struct error *err)
{
    const char *key;
    json_t *v;
    auto_fd int own = -1;
    int proc = r->proc;

    if (!json_object_size(r->spec->sysctl))
        return 0;
    if (proc < 0 && !r->old_api) {
        /* the image has no /proc: a private one, attached nowhere */
        struct mount_opts o = {0};
        proc = own = mount_new("proc", "proc", &o, err);
    }
    if (proc < 0)
        proc = own = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return fail_errno(err, errno, "procfs for sysctl");
    json_object_foreach(r->spec->sysctl, key, v)
    {
        auto_free char *path = xasprintf("sys/%s", key);
        bool slashes = strcspn(key, "/") < strcspn(key, ".");
        for (char *p = path + 4; *p && !slashes; p++)
            *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        auto_fd int fd = root_open_strict(proc, path, O_WRONLY, true);
        const char *text = json_string_value(v);
        if (fd < 0)
            return fail_errno(err, -fd, "sysctl %s", key);
        if (write(fd, text, strlen(text)) < 0)
            return fail_errno(err, errno, "sysctl %s = %s", key, text);
    }
    return 0;
}

int rootfs_protect(struct rootfs *r, struct error *err)
{
    int rc = write_sysctls(r, err);

    if (!rc)
        rc = mask_paths(r, err);
    return rc ? rc : lock_paths(r, err);
}
