/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/zone_root.h"

#include <dirent.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "image/import.h"
#include "image/store.h"
#include "zone/mount.h"
#include "zone/rootfs.h"

#define ID_LEN 16
#define STORE_LAYERS "layers"

struct layers {
    char id[ZONE_LAYERS_MAX][ID_LEN + 1];
    size_t count;
};

static bool id_ok(const char *id)
{
    return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

static int read_layers(const char *folder, const char *file, struct layers *l, struct error *err)
{
    auto_free char *path = xasprintf("%s/%s", folder, file);
    auto_free char *text = NULL;
    char *save = NULL;

    l->count = 0;
    if (file_read(AT_FDCWD, path, &text, NULL, err))
        return -err->code;
    for (char *w = strtok_r(text, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
        if (!id_ok(w) || l->count == ZONE_LAYERS_MAX)
            return fail(err, EINVAL, "%s is damaged", path);
        strcpy(l->id[l->count++], w);
    }
    return 0;
}

static int write_layers(const char *folder, const char *file, const struct layers *l,
                        struct error *err)
{
    char text[ZONE_LAYERS_MAX * (ID_LEN + 1) + 1] = "";
    auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n = 0;

    if (dir < 0)
        return fail_errno(err, errno, "%s", folder);
    for (size_t i = 0; i < l->count; i++)
        n += (size_t)sprintf(text + n, "%s\n", l->id[i]);
    return file_replace(dir, file, text, n, err);
}

static void new_id(char id[ID_LEN + 1])
{
    uint8_t raw[ID_LEN / 2];

    if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
        abort();
    for (size_t i = 0; i < sizeof(raw); i++)
        sprintf(id + 2 * i, "%02x", raw[i]);
}

/* One at a time adds to and collects from the layers. */
static int lock_layers(struct error *err)
{
    auto_free char *all = store_path(STORE_LAYERS, NULL);

    if (store_mkdirs(all, err))
        return -err->code;
    auto_fd int fd = open(all, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return fail_errno(err, errno, "%s", all);
    return take_fd(&fd);
}

/* ----------------------------------------------------------------------------------- make, mount */

static int make_dir(const char *folder, const char *name, uint32_t owner, struct error *err)
{
    auto_free char *path = xasprintf("%s/%s", folder, name);

    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return fail_errno(err, errno, "make %s", path);
    if (chmod(path, 0755) < 0 || (owner && chown(path, owner, owner) < 0))
        return fail_errno(err, errno, "%s", path);
    return 0;
}

int zone_root_make(const char *folder, bool userns, struct error *err)
{
    const struct layers none = {.count = 0};
    uint32_t owner = userns ? ZONE_ID_BASE : 0;
    int rc = make_dir(folder, "upper", owner, err);

    if (!rc)
        rc = make_dir(folder, "work", owner, err);
    if (!rc)
        rc = make_dir(folder, "root", 0, err);
    if (!rc)
        rc = make_dir(folder, "lower", 0, err);
    if (!rc)
        rc = make_dir(folder, "snapshots", 0, err);
    return rc ? rc : write_layers(folder, "layers", &none, err);
}

/* The image with its ids moved up, at FOLDER/lower. */
static int map_image(const char *folder, const char *image, struct error *err)
{
    struct id_map map = {0, ZONE_ID_BASE, ZONE_ID_COUNT};
    const struct id_maps maps = {&map, 1};
    auto_free char *at = xasprintf("%s/lower", folder);
    auto_fd int tree = mount_clone(AT_FDCWD, image, false, err);

    if (tree < 0)
        return tree;
    auto_fd int ns = userns_open(&maps, &maps, err);
    int rc = ns < 0 ? ns : mount_idmap(tree, ns, false, err);
    if (rc)
        return error_prefix(err, "%s", image);
    auto_fd int target = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    rc = target < 0 ? -errno : mount_attach(tree, target, "");
    return rc ? fail_errno(err, -rc, "%s", at) : 0;
}

/* A loop device over part of the file, read-only; it goes with its last user. [loop(4)] */
static int loop_open(const struct image_root *image, char name[32], struct error *err)
{
    auto_close int file = open(image->disk, O_RDONLY | O_CLOEXEC);
    auto_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    if (file < 0 || control < 0)
        return fail_errno(err, errno, "%s", file < 0 ? image->disk : "/dev/loop-control");
    for (int i = 0; i < 64; i++) { /* another may take the one that was free */
        struct loop_config c = {
            .fd = (uint32_t)file,
            .info = {.lo_offset = image->offset, .lo_sizelimit = image->size,
                     .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR},
        };
        int n = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(name, 32, "/dev/loop%d", n);
        auto_close int fd = n < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return fail_errno(err, errno, "loop device %s", name);
        if (ioctl(fd, LOOP_CONFIGURE, &c) == 0)
            return take_fd(&fd);
        if (errno != EBUSY)
            return fail_errno(err, errno, "loop device %s over %s", name, image->disk);
    }
    return fail(err, EBUSY, "no loop device is free");
}

/* The image's tree: where it lies, or a disk's partition at FOLDER/disk. */
static char *image_tree(const char *folder, const struct image_root *image, struct error *err)
{
    char name[32];

    if (image->path)
        return xstrdup(image->path);
    auto_free char *at = xasprintf("%s/disk", folder);
    if (mkdir(at, 0700) < 0 && errno != EEXIST) {
        fail_errno(err, errno, "make %s", at);
        return NULL;
    }
    auto_close int loop = loop_open(image, name, err);
    if (loop < 0)
        return NULL;
    /* noload: a journal is not replayed into a file that stays as it is */
    if (mount(name, at, "ext4", MS_RDONLY | MS_NODEV, "noload") < 0) {
        fail_errno(err, errno, "mount the root of %s", image->disk);
        return NULL;
    }
    return take_ptr(at);
}

int zone_root_mount(const char *folder, const struct image_root *from, bool userns,
                    struct error *err)
{
    auto_free char *root = store_root();
    auto_free char *options = NULL;
    auto_free char *image = image_tree(folder, from, err);
    struct layers l;
    int rc = image ? read_layers(folder, "layers", &l, err) : -err->code;

    if (!rc && userns)
        rc = map_image(folder, image, err);
    if (rc)
        return rc;
    /* short names, as all must fit into one page: relative to the store */
    if (chdir(root) < 0)
        return fail_errno(err, errno, "%s", root);
    char lower[PATH_MAX];
    size_t n = 0;
    for (size_t i = l.count; i-- > 0;)
        n += (size_t)sprintf(lower + n, STORE_LAYERS "/%s:", l.id[i]);
    if (n + strlen(folder) + strlen(image) + 16 > sizeof(lower))
        return fail(err, ENAMETOOLONG, "%s: its layers have too long names", folder);
    if (userns)
        sprintf(lower + n, "%s/lower", folder);
    else
        strcpy(lower + n, image);
    options = xasprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work,index=off,xino=off", lower,
                        folder, folder);
    if (strchr(folder, ',') || strchr(folder, ':') || strchr(image, ',') || strchr(image, ':'))
        return fail(err, EINVAL, "%s: a zone's folder has no ',' and no ':' in its path", folder);
    auto_free char *at = xasprintf("%s/root", folder);
    if (mount("quad", at, "overlay", 0, options) < 0)
        return fail_errno(err, errno, "mount the zone's tree (overlay of %s)", image);
    return 0;
}

/* ------------------------------------------------------------------------------ snapshot, clone */

/* `cp` knows holes, links, attributes and reflinks. */
static int copy_upper(const char *from, const char *to, struct error *err)
{
    pid_t pid = fork();
    int status = 0;

    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid == 0) {
        execlp("cp", "cp", "-a", "--reflink=auto", "--", from, to, (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && !WEXITSTATUS(status)
               ? 0
               : fail(err, EIO, "copy of %s failed", from);
}

static int keep_owner(const char *old, const char *new, struct error *err)
{
    struct stat st;

    if (stat(old, &st) < 0 || mkdir(new, 0755) < 0 || chmod(new, st.st_mode & 07777) < 0 ||
        (geteuid() == 0 && chown(new, st.st_uid, st.st_gid) < 0))
        return fail_errno(err, errno, "make %s", new);
    return 0;
}

static int snapshot_locked(const char *folder, const char *file, bool running, struct error *err)
{
    struct layers l;
    int rc = read_layers(folder, "layers", &l, err);

    if (rc)
        return rc;
    if (l.count == ZONE_LAYERS_MAX)
        return fail(err, EMLINK, "the zone stands on %d layers already", ZONE_LAYERS_MAX);
    new_id(l.id[l.count]);
    auto_free char *layer = store_path(STORE_LAYERS, l.id[l.count]);
    auto_free char *upper = xasprintf("%s/upper", folder);
    l.count++;
    if (running) {
        rc = copy_upper(upper, layer, err);
        return rc ? rc : write_layers(folder, file, &l, err);
    }
    if (rename(upper, layer) < 0)
        return fail_errno(err, errno, "freeze %s", upper);
    rc = keep_owner(layer, upper, err);
    if (!rc)
        rc = write_layers(folder, "layers", &l, err);
    return rc ? rc : write_layers(folder, file, &l, err);
}

static char *snapshot_file(const char *name, struct error *err)
{
    if (!store_name_ok(name)) {
        fail(err, EINVAL, "\"%s\" is no name for a snapshot: letters, digits, '.', '_', '-'", name);
        return NULL;
    }
    return xasprintf("snapshots/%s", name);
}

int zone_root_snapshot(const char *folder, const char *name, bool running, struct error *err)
{
    auto_free char *file = snapshot_file(name, err);
    auto_free char *path = xasprintf("%s/%s", folder, file ? file : "");
    auto_fd int lock = file ? lock_layers(err) : -EINVAL;

    if (lock < 0)
        return lock;
    if (!access(path, F_OK))
        return fail(err, EEXIST, "there is a snapshot %s already", name);
    return snapshot_locked(folder, file, running, err);
}

static int empty_upper(const char *folder, struct error *err)
{
    auto_free char *upper = xasprintf("%s/upper", folder);
    auto_free char *old = xasprintf("%s/upper.old", folder);

    store_remove_tree(old);
    if (rename(upper, old) < 0)
        return fail_errno(err, errno, "%s", upper);
    int rc = keep_owner(old, upper, err);
    store_remove_tree(old);
    return rc;
}

int zone_root_revert(const char *folder, const char *name, struct error *err)
{
    auto_free char *file = snapshot_file(name, err);
    auto_fd int lock = file ? lock_layers(err) : -EINVAL;
    struct layers l;

    if (lock < 0)
        return lock;
    if (read_layers(folder, file, &l, err))
        return fail(err, ENOENT, "there is no snapshot %s", name);
    int rc = empty_upper(folder, err);
    return rc ? rc : write_layers(folder, "layers", &l, err);
}

int zone_root_forget(const char *folder, const char *name, struct error *err)
{
    auto_free char *file = snapshot_file(name, err);
    auto_free char *path = xasprintf("%s/%s", folder, file ? file : "");

    if (!file)
        return -err->code;
    if (unlink(path) < 0)
        return errno == ENOENT ? fail(err, ENOENT, "there is no snapshot %s", name)
                               : fail_errno(err, errno, "%s", path);
    zone_root_collect();
    return 0;
}

int zone_root_clone(const char *from, const char *name, const char *to, struct error *err)
{
    auto_free char *file = snapshot_file(name, err);
    auto_fd int lock = file ? lock_layers(err) : -EINVAL;
    struct layers l;

    if (lock < 0)
        return lock;
    if (read_layers(from, file, &l, err))
        return fail(err, ENOENT, "there is no snapshot %s", name);
    return write_layers(to, "layers", &l, err);
}

/* ------------------------------------------------------------------------------------- collect */

struct used {
    struct layers *lists;
    size_t count;
    bool broken; /* a list cannot be read: nothing is removed */
};

static void add_list(struct used *u, const char *folder, const char *file)
{
    struct error err;

    u->lists = realloc(u->lists, (u->count + 1) * sizeof(*u->lists));
    if (!u->lists)
        abort();
    u->broken |= read_layers(folder, file, &u->lists[u->count++], &err) != 0;
}

static int collect_zone(void *opaque, const char *name)
{
    struct used *u = opaque;
    auto_free char *folder = store_path(STORE_GUESTS, name);
    auto_free char *list = xasprintf("%s/layers", folder);
    auto_free char *snaps = xasprintf("%s/snapshots", folder);

    if (access(list, F_OK))
        return 0; /* a machine */
    add_list(u, folder, "layers");
    DIR *d = opendir(snaps);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_component(e->d_name) && e->d_name[0] != '.') {
            auto_free char *file = xasprintf("snapshots/%s", e->d_name);
            add_list(u, folder, file);
        }
    if (d)
        closedir(d);
    return 0;
}

static int collect_layer(void *opaque, const char *id)
{
    struct used *u = opaque;
    struct error err;

    for (size_t i = 0; i < u->count; i++)
        for (size_t k = 0; k < u->lists[i].count; k++)
            if (!strcmp(u->lists[i].id[k], id))
                return 0;
    if (id_ok(id) && store_remove(STORE_LAYERS, id, &err))
        log_warn("%s", err.text);
    return 0;
}

void zone_root_collect(void)
{
    struct used u = {0};
    struct error err;
    auto_fd int lock = lock_layers(&err);

    if (lock < 0)
        return;
    store_each(STORE_GUESTS, collect_zone, &u);
    if (!u.broken)
        store_each(STORE_LAYERS, collect_layer, &u);
    free(u.lists);
}
