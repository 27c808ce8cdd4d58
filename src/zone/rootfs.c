/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/rootfs.h"

#include <limits.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/file.h"
#include "zone/mount.h"
#include "base/root.h"
#include "zone/rootfs_part.h"

void rootfs_init(struct rootfs *r, const struct spec *s, struct cgroup *cg, const char *path)
{
    *r = (struct rootfs){
        .spec = s, .cg = cg, .path = path, .root = -1, .root_clone = -1, .proc = -1, .sys = -1,
        .dev = -1,
        .null_fd = -1, .empty_dir = -1,
    };
    r->source = xcalloc(s->mount_count, sizeof(*r->source));
    r->late_ro = xcalloc(s->mount_count + 2, sizeof(*r->late_ro));
    r->idmap = xcalloc(s->mount_count, sizeof(*r->idmap));
    for (size_t i = 0; i < s->mount_count; i++)
        r->source[i] = r->idmap[i] = -1;
}

/* ---------------------------------------------------------------- sources, by the runtime */

/* "uids=0-1000-10#10-2000-5;gids=..." (inside-outside-size), as crun reads the option */
static int parse_idmap_text(const char *text, struct id_maps *uids, struct id_maps *gids,
                            struct error *err)
{
    auto_free char *copy = xstrdup(text);
    char *save = NULL;

    for (char *part = strtok_r(copy, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
        struct id_maps *m = !strncmp(part, "uids=", 5) ? uids : gids;
        if (strncmp(part, "uids=", 5) != 0 && strncmp(part, "gids=", 5) != 0)
            return fail(err, EINVAL, "idmap option \"%s\"", text);
        char *save2 = NULL;
        for (char *e = strtok_r(part + 5, "#", &save2); e; e = strtok_r(NULL, "#", &save2)) {
            char *end;
            unsigned long v[3] = {0};
            for (int i = 0; i < 3; i++) {
                v[i] = strtoul(e, &end, 10);
                if (end == e || *end != (i < 2 ? '-' : 0) || v[i] > UINT32_MAX || *e == '-')
                    return fail(err, EINVAL, "idmap option \"%s\"", text);
                e = end + (i < 2);
            }
            m->map = realloc(m->map, (m->count + 1) * sizeof(*m->map));
            if (!m->map)
                abort();
            m->map[m->count++] =
                (struct id_map){(uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2]};
        }
    }
    return uids->count && gids->count ? 0 : fail(err, EINVAL, "idmap option \"%s\"", text);
}

/* The user namespace whose maps the mount is to have: a descriptor. */
static int idmap_ns(const struct rootfs *r, const struct spec_mount *m, const struct mount_opts *o,
                    struct error *err)
{
    struct id_maps uids = m->uid_maps, gids = m->gid_maps;
    struct id_maps text_u = {0}, text_g = {0};

    if (o->idmap_text) {
        int rc = parse_idmap_text(o->idmap_text, &text_u, &text_g, err);
        if (rc)
            return rc;
        uids = text_u;
        gids = text_g;
    } else if (!uids.count) {
        uids = r->spec->uid_maps;
        gids = r->spec->gid_maps;
    }
    if (!uids.count)
        return fail(err, EINVAL, "mount %s: idmap without mappings", m->destination);
    int ns = userns_open(&uids, &gids, err);
    free(text_u.map);
    free(text_g.map);
    return ns;
}

/* What is below the root may be a mount that is still to be made there. */
static bool is_in_root(const struct rootfs *r, const char *path)
{
    size_t n = strlen(r->path);

    return !strncmp(path, r->path, n) && path[n] == '/';
}

static int take_source(struct rootfs *r, size_t i, const struct mount_opts *o, bool idmap,
                       struct error *err)
{
    const struct spec_mount *m = &r->spec->mounts[i];
    bool later = is_in_root(r, m->source) && !(idmap && r->userns);

    if (idmap && (r->idmap[i] = idmap_ns(r, m, o, err)) < 0)
        return r->idmap[i];
    if (later)
        return 0;
    int tree = mount_clone_bind(m->source, o, err);
    r->source[i] = tree;
    return tree < 0 ? tree : idmap ? mount_idmap(tree, r->idmap[i], o->idmap_rec, err) : 0;
}

int rootfs_sources(struct rootfs *r, struct error *err)
{
    const struct spec *s = r->spec;

    bool any = r->userns;
    for (size_t i = 0; i < s->mount_count && !any; i++) {
        any = s->mounts[i].uid_maps.count;
        for (size_t k = 0; s->mounts[i].options && s->mounts[i].options[k]; k++)
            any |= strstr(s->mounts[i].options[k], "idmap") != NULL;
    }
    if (!any) /* the container's process can reach every source itself */
        return 0;
    r->old_api = !mount_has_new_api();
    for (size_t i = 0; i < s->mount_count; i++) {
        const struct spec_mount *m = &s->mounts[i];
        struct mount_opts o;
        mount_opts_parse(m->options, &o);
        bool idmap = o.idmap || m->uid_maps.count;
        bool bind = o.bind || (m->type && !strcmp(m->type, "bind"));
        int rc = 0;
        if (idmap && !bind)
            rc = fail(err, EINVAL, "mount %s: only a bind mount can be id-mapped",
                      m->destination);
        else if (idmap && (r->old_api || !r->privileged))
            rc = fail(err, ENOTSUP, "mount %s: id-mapped mounts need Linux 5.12 and privilege",
                      m->destination);
        else if (bind && m->source && r->privileged && !r->old_api && (r->userns || idmap)) {
            rc = take_source(r, i, &o, idmap, err);
        }
        mount_opts_free(&o);
        if (rc)
            return error_prefix(err, "error mounting %s", m->destination);
    }
    if (r->userns && r->privileged && !r->old_api)
        r->root_clone = mount_clone(AT_FDCWD, r->path, true, err);
    return r->root_clone == -1 || r->root_clone >= 0 ? 0 : r->root_clone;
}

/* ------------------------------------------------------------------------- the root's mount */

static int set_propagation(struct rootfs *r, struct error *err)
{
    bool rec = true;
    uint64_t p = MS_SLAVE;

    if (r->spec->rootfs_propagation)
        p = mount_propagation(r->spec->rootfs_propagation, &rec);
    if (p == MS_UNBINDABLE) /* the root itself is still to be bound; rootfs_finish sets it */
        p = MS_PRIVATE;
    if (r->old_api) {
        if (mount(NULL, "/", NULL, (unsigned long)p | (rec ? MS_REC : 0), NULL) < 0)
            return fail_errno(err, errno, "mount propagation of /");
        return 0;
    }
    struct mount_attr a = {.propagation = p};
    if (mount_setattr(AT_FDCWD, "/", rec ? AT_RECURSIVE : 0, &a, sizeof(a)) == 0)
        return 0;
    if (errno != ENOSYS) /* the youngest of the new calls: here is where an old kernel shows */
        return fail_errno(err, errno, "mount propagation of /");
    r->old_api = true;
    return set_propagation(r, err);
}

/* pivot_root wants the parent of the new root's mount to be private. */
static void make_parent_private(const char *path)
{
    struct mount_attr a = {.propagation = MS_PRIVATE};
    auto_free char *p = xstrdup(path);

    /* the mount that holds the path: setting works only on a mount's root, so walk up */
    for (;;) {
        if (mount_setattr(AT_FDCWD, p, 0, &a, sizeof(a)) == 0)
            return;
        if (errno == ENOSYS && mount(NULL, p, NULL, MS_PRIVATE, NULL) == 0)
            return;
        char *slash = strrchr(p, '/');
        if (!slash || !p[1])
            return;
        slash[slash == p] = 0;
    }
}

static int mount_root(struct rootfs *r, struct error *err)
{
    int rc = set_propagation(r, err);

    if (rc)
        return rc;
    if (r->spec->rootfs_propagation)
        make_parent_private(r->path);
    if (r->old_api) {
        if (mount(r->path, r->path, NULL, MS_BIND | MS_REC, NULL) < 0)
            return fail_errno(err, errno, "bind the root %s", r->path);
        r->root = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r->root < 0 ? fail_errno(err, errno, "%s", r->path) : 0;
    }
    int tree = take_fd(&r->root_clone);
    if (tree < 0)
        tree = mount_clone(AT_FDCWD, r->path, true, err);
    if (tree < 0)
        return tree;
    r->root = tree;
    /* a user namespace may not be able to search the path: any other directory does as well, as it
     * becomes "/"; /sys last, as the groups' hierarchies that are still to be cloned are below it */
    const char *const places[] = {r->path, "/mnt", "/srv", "/opt", "/sys"};
    rc = -EACCES;
    for (size_t i = 0; i < ARRAY_LEN(places) && (rc == -EACCES || rc == -ENOENT); i++)
        rc = move_mount(tree, "", AT_FDCWD, places[i], MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
    if (rc)
        return fail_errno(err, -rc, "attach the root %s", r->path);
    if (r->spec->rootfs_propagation)
        mount_attr(tree, 0, 0, MS_PRIVATE, true);
    return 0;
}

/* ------------------------------------------------------------------------------ one mount */

static bool is_kernel_fs(const char *type)
{
    return !strcmp(type, "proc") || !strcmp(type, "sysfs");
}

/* The last component itself, link or not; a file is made where there is nothing. */
static int open_link_target(struct rootfs *r, const struct spec_mount *m, struct error *err)
{
    auto_free char *keep = NULL;
    const char *name;
    auto_fd int dir = root_parent(r->root, m->destination, &keep, &name, err);

    if (dir < 0)
        return dir;
    int made = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
    if (made >= 0)
        close(made);
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail_errno(err, errno, "%s", m->destination) : fd;
}

/* A source that is a link becomes the same link in the container. */
static int copy_link(struct rootfs *r, const struct spec_mount *m, struct error *err)
{
    auto_free char *keep = NULL;
    const char *name;
    char text[PATH_MAX], now[PATH_MAX];
    ssize_t n = readlink(m->source, text, sizeof(text) - 1), k;

    if (n < 0)
        return fail_errno(err, errno, "read link %s", m->source);
    text[n] = 0;
    auto_fd int dir = root_parent(r->root, m->destination, &keep, &name, err);
    if (dir < 0)
        return dir;
    if (symlinkat(text, dir, name) == 0)
        return 0;
    if (errno != EEXIST)
        return fail_errno(err, errno, "link %s", m->destination);
    k = readlinkat(dir, name, now, sizeof(now) - 1);
    return k == n && !memcmp(now, text, (size_t)n)
               ? 0
               : fail(err, EEXIST, "%s is there and another thing", m->destination);
}

static int open_target(struct rootfs *r, const struct spec_mount *m, bool file, struct error *err)
{
    if (file)
        return root_mkfile(r->root, m->destination, err);
    if (m->type && is_kernel_fs(m->type)) {
        /* a link here would lead what follows (masks, sysctl) astray: S5, S6 */
        int fd = root_open_strict(r->root, m->destination, O_PATH | O_DIRECTORY, false);
        if (fd >= 0)
            return fd;
        if (fd != -ENOENT)
            return fail_errno(err, -fd, "filesystem %s must be mounted on ordinary directory",
                              m->type);
    }
    return root_mkdirs(r->root, m->destination, 0755, err);
}

static int clone_attach(int dirfd, const char *from, bool recursive, uint64_t set, int target,
                        struct error *err)
{
    auto_fd int tree = mount_clone(dirfd, from, recursive, err);

    if (tree < 0)
        return tree;
    int rc = set ? mount_attr(tree, set, 0, 0, recursive) : 0;
    if (!rc)
        rc = mount_attach(tree, target, "");
    return rc ? fail_errno(err, -rc, "bind %s", from) : 0;
}

static int mount_bind(struct rootfs *r, size_t i, const struct mount_opts *o, struct error *err)
{
    const struct spec_mount *m = &r->spec->mounts[i];
    int tree = take_fd(&r->source[i]);
    struct stat st;

    if (!m->source || !*m->source)
        return fail(err, EINVAL, "a bind mount needs a source");
    if (o->copy_link && lstat(m->source, &st) == 0 && S_ISLNK(st.st_mode))
        return copy_link(r, m, err);
    if (r->old_api) {
        if (stat(m->source, &st) < 0)
            return fail_errno(err, errno, "%s", m->source);
        auto_fd int target = open_target(r, m, !S_ISDIR(st.st_mode), err);
        if (target < 0)
            return target;
        int rc = mount_old(NULL, m->source, o, target, err);
        if (rc)
            return rc;
        auto_fd int top = root_open(r->root, m->destination, O_PATH);
        return top < 0 ? fail_errno(err, -top, "%s", m->destination)
                       : mount_remount_old(top, o, err);
    }
    if (tree < 0) {
        tree = mount_clone_bind(m->source, o, err);
        if (tree >= 0 && r->idmap[i] >= 0 && mount_idmap(tree, r->idmap[i], o->idmap_rec, err)) {
            fd_drop(&tree);
            return -err->code;
        }
    }
    if (tree < 0)
        return tree;
    int rc = mount_apply(tree, o, r->userns, err);
    if (!rc && fstat(tree, &st) < 0)
        rc = fail_errno(err, errno, "%s", m->source);
    if (!rc) {
        auto_fd int target = o->dest_nofollow ? open_link_target(r, m, err)
                                              : open_target(r, m, !S_ISDIR(st.st_mode), err);
        rc = target < 0 ? target : 0;
        if (!rc && (rc = mount_attach(tree, target, "")))
            fail_errno(err, -rc, "attach");
    }
    fd_drop(&tree);
    return rc;
}

/* What a user namespace that does not own the network or pid namespace may not mount new, it may
 * take from the host, read-only where it is sysfs. */
static int mount_kernel_fs_by_bind(struct rootfs *r, const struct spec_mount *m, int target,
                                   struct error *err)
{
    bool sys = !strcmp(m->type, "sysfs");

    (void)r;
    return clone_attach(AT_FDCWD, sys ? "/sys" : "/proc", true, sys ? MOUNT_ATTR_RDONLY : 0,
                        target, err);
}

/* Keep the descriptor of a mount that is used again; true where it was taken. */
static bool note_mount(struct rootfs *r, const struct spec_mount *m, int fd, bool late_ro)
{
    bool tmpfs = !strcmp(m->type, "tmpfs");

    if (late_ro)
        r->late_ro[r->late_ro_count++] = fd;
    if (!strcmp(m->type, "proc") && !strcmp(m->destination, "/proc"))
        r->proc = fd;
    else if (!strcmp(m->type, "sysfs") && !strcmp(m->destination, "/sys"))
        r->sys = fd;
    else if (tmpfs && !strcmp(m->destination, "/dev"))
        r->dev = fd;
    else
        return late_ro;
    return true;
}

/* A name directly in our own new /dev: nobody else has seen that tmpfs yet, so there is nothing to
 * resolve. NULL where the mount goes elsewhere. */
static const char *name_in_dev(const struct rootfs *r, const struct spec_mount *m)
{
    const char *name = m->destination + 5;

    return r->dev >= 0 && !strncmp(m->destination, "/dev/", 5) && is_component(name) ? name : NULL;
}

/* A tmpfs has the mode of the directory that it hides, if the image has one there. */
static void inherit_mode(struct rootfs *r, const struct spec_mount *m, struct mount_opts *o)
{
    struct stat st;

    for (size_t i = 0; i < o->data_count; i++)
        if (!strncmp(o->data[i], "mode=", 5) || strstr(o->data[i], ",mode="))
            return;
    auto_fd int there = root_open(r->root, m->destination, O_PATH | O_DIRECTORY);
    if (there >= 0 && fstat(there, &st) == 0)
        o->data[o->data_count++] = xasprintf("mode=%o", (unsigned)st.st_mode & 07777);
}

static int mount_fs(struct rootfs *r, const struct spec_mount *m, struct mount_opts *o,
                    struct error *err)
{
    bool tmpfs = !strcmp(m->type, "tmpfs");
    bool late_ro = tmpfs && (o->set & MOUNT_ATTR_RDONLY);
    const char *name = r->old_api || o->copy_up ? NULL : name_in_dev(r, m);
    auto_fd int made = -1;
    auto_fd int fd = -1;
    int target;

    if (name && mkdirat(r->dev, name, 0755) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "make it");
    if (tmpfs && !name && !o->copy_up)
        inherit_mode(r, m, o);
    target = made = name ? -1 : open_target(r, m, false, err);
    if (name)
        target = r->dev;
    if (target < 0)
        return target;
    if (late_ro) /* devices and further mount points are still to be made in it */
        o->set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    if (r->spec->mount_label && *r->spec->mount_label && !is_kernel_fs(m->type))
        o->data[o->data_count++] = xasprintf("context=\"%s\"", r->spec->mount_label);
    if (r->old_api) {
        int rc = mount_old(m->type, m->source ? m->source : m->type, o, target, err);
        if (rc)
            return rc;
        fd = root_open(r->root, m->destination, O_PATH | O_DIRECTORY);
    } else {
        fd = mount_new(m->type, m->source, o, err);
        if (fd == -EINVAL && r->userns && !strcmp(m->type, "devpts")) {
            /* gid=5 has no place in a user namespace that maps one id */
            size_t n = 0;
            for (size_t i = 0; i < o->data_count; i++)
                if (strncmp(o->data[i], "gid=", 4) != 0)
                    o->data[n++] = o->data[i];
            o->data_count = n;
            fd = mount_new(m->type, m->source, o, err);
        }
        if (fd == -EPERM && r->userns && is_kernel_fs(m->type) && !name)
            return mount_kernel_fs_by_bind(r, m, target, err);
        if (fd < 0)
            return fd;
        if (o->copy_up && tmpfs) {
            auto_fd int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            int rc = from < 0 ? fail_errno(err, errno, "tmpcopyup") : copy_tree(from, fd, err);
            if (rc)
                return rc;
        }
        /* recursive flags mean the same as plain ones here: nothing is below yet */
        if (o->rec_set && mount_attr(fd, o->rec_set, 0, 0, false))
            return fail(err, EINVAL, "mount flags");
        int rc = mount_attach(fd, target, name ? name : "");
        if (rc)
            return fail_errno(err, -rc, "attach");
        if (o->propagation && (rc = mount_attr(fd, 0, 0, o->propagation, o->propagation_rec)))
            return fail_errno(err, -rc, "propagation");
    }
    if (fd < 0)
        return fail_errno(err, -fd, "%s", m->destination);
    if (note_mount(r, m, fd, late_ro))
        take_fd(&fd);
    return 0;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* cgroup v1: a tmpfs with one directory per hierarchy that shows the container's own group. */
static int mount_cgroup_v1(struct rootfs *r, const struct spec_mount *m, struct mount_opts *o,
                           struct error *err)
{
    static const char *const data[] = {"mode=755", NULL};
    struct mount_opts t = {.set = (o->set & ~(uint64_t)MOUNT_ATTR_RDONLY) | MOUNT_ATTR_NOSUID |
                                  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                           .data = (const char **)data, .data_count = 1};
    auto_fd int target = open_target(r, m, false, err);
    if (target < 0)
        return target;
    auto_fd int fs = mount_new("tmpfs", "tmpfs", &t, err);
    if (fs < 0)
        return fs;
    int rc = mount_attach(fs, target, "");
    for (unsigned i = 0; !rc && i < r->cg->count; i++) {
        struct cgroup_dir *d = &r->cg->dir[i];
        const char *name = last_component(d->mount);
        if (!d->made)
            continue;
        if (mkdirat(fs, name, 0755) < 0)
            return fail_errno(err, errno, "make %s/%s", m->destination, name);
        /* opened here: a clone must be of this mount namespace's mounts */
        auto_free char *host = xasprintf("%s%s", d->mount, d->path);
        auto_fd int tree = mount_clone(AT_FDCWD, host, false, err);
        if (tree < 0)
            return tree;
        rc = mount_attach(tree, fs, name);
        /* "cpu,cpuacct" is known by each of its names */
        auto_free char *each = xstrdup(name);
        char *save = NULL;
        if (strchr(name, ','))
            for (char *c = strtok_r(each, ",", &save); c; c = strtok_r(NULL, ",", &save))
                symlinkat(name, fs, c);
    }
    /* all at once, before anything of the container runs */
    if (!rc)
        rc = mount_attr(fs, t.set | (o->set & MOUNT_ATTR_RDONLY), 0, 0, true);
    return rc ? fail_errno(err, -rc, "cgroup mount") : 0;
}

static int mount_cgroup(struct rootfs *r, const struct spec_mount *m, struct mount_opts *o,
                        struct error *err)
{
    struct cgroup_dir *v2 = NULL;
    unsigned v1 = 0;

    for (unsigned i = 0; i < r->cg->count; i++) {
        if (r->cg->dir[i].made && r->cg->dir[i].v2)
            v2 = &r->cg->dir[i];
        v1 += r->cg->dir[i].made && !r->cg->dir[i].v2;
    }
    if (v1 && !r->old_api)
        return mount_cgroup_v1(r, m, o, err);
    auto_fd int target = open_target(r, m, false, err);
    if (target < 0)
        return target;
    uint64_t set = o->set | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (v2 && !r->old_api && (r->spec->ns_new & ns_info[NS_CGROUP].flag)) {
        struct mount_opts n = {.set = set};
        auto_fd int fs = mount_new("cgroup2", "cgroup", &n, NULL);
        if (fs >= 0) {
            int rc = mount_attach(fs, target, "");
            return rc ? fail_errno(err, -rc, "cgroup mount") : 0;
        }
    }
    if (v2 && !r->old_api) {
        auto_free char *host = xasprintf("%s%s", v2->mount, v2->path);
        return clone_attach(AT_FDCWD, host, false, set, target, err);
    }
    /* no group of its own: the host's, read-only all the way down (S10) */
    if (r->old_api) {
        struct mount_opts b = {.bind = true, .recursive = true};
        return mount_old(NULL, "/sys/fs/cgroup", &b, target, err);
    }
    return clone_attach(AT_FDCWD, "/sys/fs/cgroup", true, set | MOUNT_ATTR_RDONLY, target, err);
}

static int mount_one(struct rootfs *r, size_t i, struct error *err)
{
    const struct spec_mount *m = &r->spec->mounts[i];
    struct mount_opts o;
    int rc;

    mount_opts_parse(m->options, &o);
    /* room for two more: mode and label */
    o.data = realloc(o.data, (o.data_count + 3) * sizeof(*o.data));
    if (!o.data)
        abort();
    if (o.bind || (m->type && !strcmp(m->type, "bind"))) {
        o.bind = true;
        rc = mount_bind(r, i, &o, err);
    } else if (!m->type || !*m->type) {
        rc = fail(err, EINVAL, "type is missing");
    } else if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2")) {
        rc = mount_cgroup(r, m, &o, err);
    } else {
        rc = mount_fs(r, m, &o, err);
    }
    mount_opts_free(&o);
    return rc ? error_prefix(err, "error mounting \"%s\" to rootfs at \"%s\"",
                             m->source ? m->source : m->type ? m->type : "", m->destination)
              : 0;
}

int rootfs_prepare(struct rootfs *r, struct error *err)
{
    int rc = mount_root(r, err);

    for (size_t i = 0; !rc && i < r->spec->mount_count; i++)
        rc = mount_one(r, i, err);
    return rc ? rc : rootfs_devices(r, err);
}

/* ---------------------------------------------------------------------------- into the root */

/* A root that is only moved leaves the host's tree behind it in this mount namespace, where a procfs
 * or sysfs that shows everything would let a user namespace inside mount its own. */
static int hide_kernel_fs(struct rootfs *r, struct error *err)
{
    auto_free char *text = NULL;
    char *save = NULL;
    int rc = file_read(AT_FDCWD, "/proc/self/mountinfo", &text, NULL, err);

    /* at the host's shared mounts nothing may change */
    if (!rc && mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        rc = fail_errno(err, errno, "make the host's tree slave");
    for (char *l = rc ? NULL : strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        char *dash = strstr(l, " - "), *point = l;
        if (!dash || (strncmp(dash, " - proc ", 8) != 0 && strncmp(dash, " - sysfs ", 9) != 0))
            continue;
        for (int i = 0; i < 4 && point; i++)
            point = strchr(point, ' ') ? strchr(point, ' ') + 1 : NULL;
        if (!point)
            continue;
        point[strcspn(point, " ")] = 0;
        size_t n = strlen(r->path);
        if (!strncmp(point, r->path, n) && (point[n] == '/' || !point[n]))
            continue;
        /* locked in a user namespace: covered instead */
        if (umount2(point, MNT_DETACH) < 0 && (errno == EINVAL || errno == EPERM) &&
            mount("tmpfs", point, "tmpfs", MS_RDONLY, NULL) < 0)
            return fail_errno(err, errno, "hide %s", point);
    }
    return rc;
}

int rootfs_enter(struct rootfs *r, struct error *err)
{
    int rc;
    bool shared = r->spec->rootfs_propagation && !r->no_pivot;
    auto_fd int old = shared ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fchdir(r->root) < 0)
        return fail_errno(err, errno, "enter the root");
    if (r->no_pivot) {
        if ((rc = hide_kernel_fs(r, err)))
            return rc;
        if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
            return fail_errno(err, errno, "move the root");
        if (chroot(".") < 0 || chdir("/") < 0)
            return fail_errno(err, errno, "chroot");
    } else {
        /* the old root ends up on top of the new one, and is taken off there [pivot_root(2)] */
        if (sys_pivot_root(".", ".") < 0)
            return fail_errno(err, errno, "pivot_root");
        /* what is unmounted here must not be unmounted at the host's shared mounts */
        if (shared &&
            (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0))
            return fail_errno(err, errno, "old root");
        if (umount2(".", MNT_DETACH) < 0 || (shared && chdir("/") < 0))
            return fail_errno(err, errno, "leave the old root");
    }
    return 0;
}

int rootfs_finish(struct rootfs *r, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < r->late_ro_count && !rc; i++)
        rc = r->old_api ? 0 : mount_attr(r->late_ro[i], MOUNT_ATTR_RDONLY, 0, 0, false);
    if (!rc && r->spec->root_readonly) {
        if (r->old_api) {
            struct mount_opts o = {.set = MOUNT_ATTR_RDONLY};
            auto_fd int top = open("/", O_PATH | O_CLOEXEC);
            return mount_remount_old(top, &o, err);
        }
        rc = mount_attr(r->root, MOUNT_ATTR_RDONLY, 0, 0, false);
    }
    if (!rc && r->spec->rootfs_propagation) {
        bool rec = false;
        uint64_t p = mount_propagation(r->spec->rootfs_propagation, &rec);
        if (mount(NULL, "/", NULL, (unsigned long)p | (rec ? MS_REC : 0), NULL) < 0)
            rc = -errno;
    }
    return rc ? fail_errno(err, -rc, "finish the root") : 0;
}
