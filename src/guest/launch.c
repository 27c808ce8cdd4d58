/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/launch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/leftover.h"
#include "base/log.h"
#include "block/disk.h"
#include "config/guest_config.h"
#include "guest/boots.h"
#include "guest/shares.h"
#include "image/describe.h"
#include "image/keys.h"
#include "image/seed.h"
#include "image/store.h"
#include "registry/registry.h"

static const char *keep(struct launch *l, char *text)
{
    l->strings[l->n++] = text;
    return text;
}

/* ------------------------------------------------------------------------------------ overlay */

int launch_overlay(const char *path, const char *backing, const char *format, struct error *err)
{
    struct disk_create c = {.backing = backing, .backing_format = format};
    const struct disk_options o = {.path = backing, .format = format, .readonly = true,
                                   .formats = registry_disks};
    const struct disk_format *qcow2 = disk_format_find(registry_disks, "qcow2");
    struct disk_file file;
    struct disk *d;
    int rc = disk_open(&d, &o, err);

    if (rc)
        return rc;
    c.size = d->size;
    c.backing_format = d->format->name;
    disk_close(d);
    rc = file_create(&file, path, false, err);
    if (rc)
        return rc;
    rc = qcow2->create(&file, &c, err);
    file_close(&file);
    if (rc)
        unlink(path);
    return rc;
}

static int open_overlay(struct launch *l, struct guest_config *c, const char *backing,
                        const char *format, struct error *err)
{
    const char *path = keep(l, xasprintf("%s/root.qcow2", l->dir));
    bool is_new = access(path, F_OK) != 0;
    int rc = is_new ? launch_overlay(path, backing, format, err) : 0;

    if (rc)
        return rc;
    log_notice("%s: %s %s, %s %s", c->name, is_new ? "a new disk over" : "its own disk over",
               backing, l->discard ? "discarded at the end:" : "kept until quad rm:", path);
    opt_list_insert(&c->disks, 0, keep(l, xasprintf("%s,format=qcow2", path)));
    return is_new ? store_write(l->dir, "image", c->image, strlen(c->image), 0600, err) : 0;
}

/* --------------------------------------------------------------------------------------- seed */

static int host_key(struct launch *l, const char *name, char **private, char **public,
                    struct error *err)
{
    auto_free char *path = xasprintf("%s/host_key", l->dir);
    int rc = access(path, R_OK) ? keys_make(path, name, err) : 0;

    if (rc)
        return rc;
    *private = store_read(l->dir, "host_key");
    *public = store_read(l->dir, "host_key.pub");
    if (!*private || !*public)
        return fail(err, EIO, "%s cannot be read", path);
    auto_free char *line = xasprintf("%s %s", name, *public);
    return store_write(l->dir, "known_hosts", line, strlen(line), 0600, err);
}

static int read_user_data(const char *path, char **text, struct error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st))
        return fail_errno(err, errno, "--user-data: cannot open %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > 16 << 20)
        return fail(err, EFBIG, "--user-data: %s is no file of at most 16 MiB", path);
    *text = xcalloc(1, (size_t)st.st_size + 1);
    if (read(fd, *text, (size_t)st.st_size) != st.st_size)
        return fail_errno(err, EIO, "--user-data: cannot read %s", path);
    return 0;
}

static int all_keys(const struct guest_config *c, char **keys, struct error *err)
{
    int rc = keys_public(keys, err);

    for (size_t i = 0; !rc && i < c->ssh_keys.count; i++) {
        const char *given = c->ssh_keys.items[i], *slash = strrchr(given, '/');
        auto_free char *dir = slash ? xasprintf("%.*s", (int)(slash - given + 1), given) : xstrdup(".");
        auto_free char *text = store_read(dir, slash ? slash + 1 : given);
        auto_free char *before = *keys;
        if (!text) {
            *keys = NULL;
            return fail(err, ENOENT, "--ssh-key: cannot read %s", given);
        }
        *keys = xasprintf("%s%s%s", before, text, strchr(text, '\n') ? "" : "\n");
    }
    return rc;
}

static int write_seed(struct launch *l, struct guest_config *c, struct error *err)
{
    const char *path = keep(l, xasprintf("%s/seed.img", l->dir));
    auto_free char *keys = NULL, *private = NULL, *public = NULL, *data = NULL, *shares = NULL;
    struct seed s = {.instance = c->name,
                     .hostname = c->hostname ? c->hostname : c->name,
                     .users = (const char *const *)c->users.items,
                     .nusers = c->users.count};
    int rc = all_keys(c, &keys, err);

    if (!rc)
        rc = host_key(l, c->name, &private, &public, err);
    if (!rc && c->user_data)
        rc = read_user_data(c->user_data, &data, err);
    if (!rc && c->shares.count)
        rc = shares_describe(&c->shares, &shares, err);
    s.keys = keys;
    s.host_key = private;
    s.host_public = public;
    s.user_data = data;
    s.shares = shares;
    if (!rc)
        rc = seed_write(&s, path, err);
    if (!rc)
        opt_list_insert(&c->disks, c->disks.count,
                        keep(l, xasprintf("%s,format=raw,readonly,serial=seed", path)));
    return rc;
}

/* ------------------------------------------------------------------------------------ network */

/* A free port of the loopback address. Somebody may take it before we do: then the guest does not
 * start and says so. */
static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        return 0;
    return ntohs(a.sin_port);
}

static int open_way_in(struct launch *l, struct guest_config *c, struct error *err)
{
    char text[16];
    bool user = !c->nics.count;
    int port = free_port();

    for (size_t i = 0; i < c->nics.count; i++)
        user = user || !strncmp(c->nics.items[i], "user", 4);
    if (!user || !port)
        return 0;
    if (!c->nics.count)
        opt_list_insert(&c->nics, 0, "user");
    opt_list_insert(&c->forwards, c->forwards.count, keep(l, xasprintf("127.0.0.1:%d:22", port)));
    snprintf(text, sizeof(text), "%d\n", port);
    return store_write(l->dir, "ssh_port", text, strlen(text), 0600, err);
}

/* -------------------------------------------------------------------------------------- whole */

/* The guest's folder; a guest that has a disk stands on what it stood on. */
static int open_folder(struct launch *l, struct guest_config *c, struct error *err)
{
    if (!store_name_ok(c->name))
        return fail(err, EINVAL, "\"%s\" is no name: letters, digits, '.', '_', '-', at most 63",
                    c->name);
    l->dir = store_path(STORE_GUESTS, c->name);
    l->image = store_read(l->dir, "image");
    if (l->image && c->rm)
        return fail(err, EEXIST, "--rm: guest %s has a disk already; try: --name %s-2, quad rm %s",
                    c->name, c->name, c->name);
    auto_free char *file = realpath(c->image, NULL); /* as it was written down */
    if (l->image && strcmp(l->image, c->image) && strcmp(c->image, c->name) &&
        !(file && !strcmp(l->image, file)))
        return fail(err, EEXIST, "guest %s stands on %s, not on %s; try: --name %s-2, quad rm %s",
                    c->name, l->image, c->image, c->name, c->name);
    if (l->image)
        c->image = l->image;
    l->discard = c->rm;
    if (l->discard)
        leftover_add(l->dir, store_remove_tree);
    return store_mkdirs(l->dir, err);
}

static int open_image(struct launch *l, struct guest_config *c, struct error *err)
{
    struct image im;
    int rc = image_load(&im, c->image, err);

    if (rc)
        return rc;
    if (!im.disk) {
        image_free(&im);
        return fail(err, ENOEXEC, "image %s is a root file system without a kernel of its own: it "
                                  "runs as a zone; try: quad run %s --mode zone", c->image, c->image);
    }
    rc = open_overlay(l, c, im.disk, im.format, err);
    bool own_loader = c->firmware && strcmp(c->firmware, "none");
    if (!rc && !c->kernel && !own_loader && im.kernel) {
        c->kernel = keep(l, take_ptr(im.kernel));
        if (!c->initrd && im.initrd)
            c->initrd = keep(l, take_ptr(im.initrd));
        if (!c->append && im.append)
            c->append = keep(l, take_ptr(im.append));
        log_notice("%s: the image's kernel is entered directly; its boot loader starts it with "
                   "--firmware bios", c->name);
    }
    image_free(&im);
    return rc;
}

static int look_at_file(const char *path, struct boots *b, struct error *err)
{
    const struct disk_options o = {.path = path, .readonly = true, .formats = registry_disks};
    struct disk *d;
    int rc = disk_open(&d, &o, err);

    if (rc)
        return rc;
    rc = boots_look(b, d, err);
    disk_close(d);
    return rc;
}

/* A disk gets an overlay; a CD is put into a drive, and brings its system to other disks. */
static int open_file(struct launch *l, struct guest_config *c, struct error *err)
{
    char *path = realpath(c->image, NULL);
    struct boots b = {0};

    if (!path)
        return fail_errno(err, errno, "%s", c->image);
    c->image = keep(l, path);
    int rc = look_at_file(path, &b, err);
    if (!rc && !c->firmware && !c->kernel) {
        c->firmware = b.uefi ? "uefi" : "bios";
        log_notice("%s: %s that starts by %s (another way: --firmware)", path, b.cdrom ? "a CD" : "a disk",
                   b.uefi ? "UEFI only" : "a BIOS");
    }
    l->is_cd = b.cdrom;
    if (rc || !b.cdrom)
        return rc ? rc : open_overlay(l, c, path, NULL, err);
    opt_list_insert(&c->cdroms, 0, path);
    return 0;
}

int launch_open(struct launch *l, struct guest_config *c, struct error *err)
{
    *l = (struct launch){0};
    if (!c->image)
        return 0;
    auto_free char *dir = store_path(STORE_GUESTS, c->name);
    auto_free char *began = store_read(dir, "image"); /* a guest that has a disk */
    int rc = began || store_has(STORE_IMAGES, c->image) || !access(c->image, R_OK)
                 ? open_folder(l, c, err)
                 : fail(err, ENOENT, "no guest, no image and no file is called \"%s\"; try: "
                                     "quad image ls", c->image);
    if (!rc)
        rc = store_has(STORE_IMAGES, c->image) ? open_image(l, c, err) : open_file(l, c, err);
    if (!rc && !l->is_cd)
        rc = write_seed(l, c, err);
    if (!rc && !l->is_cd)
        rc = open_way_in(l, c, err);
    c->balloon = true; /* built images have its driver */
    if (!rc && !c->agent)
        c->agent = keep(l, xasprintf("socket:%s/agent.sock", l->dir));
    return rc;
}

void launch_close(struct launch *l)
{
    if (l->dir && l->discard)
        leftover_remove(l->dir);
    for (unsigned i = 0; i < l->n; i++)
        free(l->strings[i]);
    free(l->dir);
    free(l->image);
    *l = (struct launch){0};
}
