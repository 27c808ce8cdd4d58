/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/import.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/root.h"
#include "image/archive_lib.h"
#include "image/digest.h"
#include "image/gpt_find.h"
#include "image/oci_layout.h"
#include "image/store.h"
#include "image/unpack.h"

struct importing {
    const struct image_import *i;
    struct image_import_result *res;
    const char *arch;
    struct store_new dir;
    int rootfs; /* open directory of the new tree */
    json_t *config;
    char digest[DIGEST_TEXT];
};

static struct unpack_opts root_opts(bool layer)
{
    return (struct unpack_opts){.whiteouts = layer, .owners = geteuid() == 0};
}

static void count(struct importing *m, const struct unpack_stats *st)
{
    m->res->entries += st->entries;
    m->res->bytes += st->bytes;
    m->res->devices += st->devices;
}

/* --------------------------------------------------------------------------------- what it may be */

static int from_layout(struct importing *m, int dir, struct error *err)
{
    const struct unpack_opts o = root_opts(true);
    struct oci_layout l;
    int rc = oci_layout_read(&l, dir, m->i->tag, m->arch, err);

    if (rc)
        return rc;
    for (size_t i = 0; !rc && i < l.count; i++) {
        struct unpack_stats st = {0};
        auto_close int fd = oci_layer_open(&l, i, err);
        rc = fd < 0 ? fd : unpack_tar(fd, m->rootfs, l.layers[i].path, &o, &st, err);
        count(m, &st);
    }
    m->res->layers = l.count;
    m->config = json_incref(json_object_get(l.config, "config"));
    snprintf(m->digest, sizeof(m->digest), "%s", l.digest ? l.digest : "");
    oci_layout_fini(&l);
    return rc;
}

#if HAVE_LIBARCHIVE
/* Does this archive hold a container image, and not a root itself? */
static int archive_is_layout(int fd, const char *name, bool *yes, struct error *err)
{
    const struct archive_lib *ar = archive_lib(err);
    struct archive *a = archive_open(fd, false, name, err);
    struct archive_entry *e;
    int rc = 0;

    *yes = false;
    if (!a)
        return -err->code;
    while (!*yes && (rc = ar->read_next_header(a, &e)) >= ARCHIVE_WARN && rc != ARCHIVE_EOF) {
        const char *p = ar->entry_pathname(e);
        p = p && !strncmp(p, "./", 2) ? p + 2 : p;
        *yes = p && (!strcmp(p, "oci-layout") || !strcmp(p, "manifest.json"));
    }
    if (!*yes && rc != ARCHIVE_EOF)
        fail(err, EINVAL, "%s: no archive that is understood: %s", name,
             ar->error_string(a) ? ar->error_string(a) : "cut off");
    else
        rc = 0;
    ar->read_free(a);
    return rc ? -EINVAL : 0;
}
#else
static int archive_is_layout(int fd, const char *name, bool *yes, struct error *err)
{
    *yes = false;
    return unpack_tar(fd, -1, name, NULL, NULL, err);
}
#endif

/* A container image in one file: unpacked beside the tree first, then gone. */
static int from_image_archive(struct importing *m, int fd, struct error *err)
{
    const struct unpack_opts o = {.owners = false};
    auto_free char *path = xasprintf("%s/layout", m->dir.path);

    if (mkdir(path, 0700) < 0)
        return fail_errno(err, errno, "make %s", path);
    auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = dir < 0 ? fail_errno(err, errno, "%s", path)
                     : unpack_tar(fd, dir, m->i->source, &o, NULL, err);
    if (!rc)
        rc = from_layout(m, dir, err);
    store_remove_tree(path);
    return rc;
}

static int from_file(struct importing *m, int fd, struct error *err)
{
    const struct unpack_opts o = root_opts(false);
    struct unpack_stats st = {0};
    bool layout;
    int rc = archive_is_layout(fd, m->i->source, &layout, err);

    if (rc)
        return rc;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return fail_errno(err, errno, "%s", m->i->source);
    if (layout)
        return from_image_archive(m, fd, err);
    rc = unpack_tar(fd, m->rootfs, m->i->source, &o, &st, err);
    count(m, &st);
    return rc ? rc : digest_file(fd, false, m->i->source, m->digest, err);
}

/* A directory goes through the same unpacker, so the same rules hold. */
static int from_directory(struct importing *m, int dir, struct error *err)
{
    const struct unpack_opts o = root_opts(false);
    struct unpack_stats st = {0};
    auto_free char *tmp = xasprintf("%s/tree.tar", m->dir.path);
    auto_close int out = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (out < 0)
        return fail_errno(err, errno, "make %s", tmp);
    pid_t pid = fork();
    if (pid < 0)
        return fail_errno(err, errno, "fork");
    if (pid == 0) {
        if (fchdir(dir) == 0 && dup2(out, 1) == 1)
            execlp("tar", "tar", "--one-file-system", "--numeric-owner", "--sparse", "--xattrs",
                   "--xattrs-include=user.*", "--xattrs-include=security.capability", "-c", ".",
                   (char *)NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    /* 1: a file changed while it was read */
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return fail(err, EIO, "tar failed on %s", m->i->source);
    int rc = unpack_tar(out, m->rootfs, m->i->source, &o, &st, err);
    unlink(tmp);
    count(m, &st);
    return rc;
}

/* ---------------------------------------------------------------------------------------- whole */

static bool has(int root, const char *path)
{
    auto_close int fd = root_open(root, path, O_PATH);

    return fd >= 0;
}

static int check_tree(struct importing *m, struct error *err)
{
    static const char *const programs[] = {"/sbin/init", "/bin", "/usr/bin", "/init"};
    const char *entry = NULL;

    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (has(m->rootfs, programs[i]))
            return 0;
    const json_t *cmd = json_object_get(m->config, "Entrypoint");
    if (!json_array_size(cmd))
        cmd = json_object_get(m->config, "Cmd");
    entry = json_string_value(json_array_get(cmd, 0));
    if (entry && has(m->rootfs, entry))
        return 0;
    return fail(err, ENOEXEC, "%s holds no root file system: it has no /bin, no /usr/bin and no init",
                m->i->source);
}

/* PRETTY_NAME of the tree's os-release, heap, or NULL. */
static char *release_name(int root)
{
    auto_close int fd = root_open(root, "/etc/os-release", O_RDONLY | O_NONBLOCK);
    auto_free char *text = NULL;

    if (fd < 0 || file_slurp(fd, &text, NULL, NULL))
        return NULL;
    char *p = strstr(text, "PRETTY_NAME=");
    if (!p || (p > text && p[-1] != '\n'))
        return NULL;
    p += strlen("PRETTY_NAME=");
    p += *p == '"';
    p[strcspn(p, "\"\n")] = 0;
    return xstrdup(p);
}

static int describe(struct importing *m, struct error *err)
{
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    auto_free char *full = realpath(m->i->source, NULL);
    auto_free char *release = release_name(m->rootfs);

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:I, s:O*}", "kind", "root",
                          "rootfs", "rootfs", "source", full ? full : m->i->source, "built", when,
                          "os", "linux", "architecture", m->arch, "digest",
                          *m->digest ? m->digest : NULL, "release", release, "bytes",
                          (json_int_t)m->res->bytes, "config", m->config);
    auto_free char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    return text ? store_write(m->dir.path, "image.json", text, strlen(text), 0600, err)
                : fail(err, EINVAL, "%s: its description cannot be written as JSON", m->i->source);
}

static int import(struct importing *m, int src, struct error *err)
{
    struct stat st;
    auto_free char *path = xasprintf("%s/rootfs", m->dir.path);
    int rc;

    if (mkdir(path, 0755) < 0)
        return fail_errno(err, errno, "make %s", path);
    m->rootfs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->rootfs < 0 || fstat(src, &st) < 0 || fchmod(m->rootfs, 0755) < 0)
        return fail_errno(err, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        rc = oci_layout_is(src) ? from_layout(m, src, err) : from_directory(m, src, err);
    else if (S_ISREG(st.st_mode))
        rc = from_file(m, src, err);
    else
        rc = fail(err, EINVAL, "%s is neither a file nor a directory", m->i->source);
    if (!rc)
        rc = check_tree(m, err);
    return rc ? rc : describe(m, err);
}

int image_import(const struct image_import *i, struct image_import_result *result,
                 struct error *err)
{
    struct importing m = {.i = i, .res = result, .dir = {.lock = -1}, .rootfs = -1};

    *result = (struct image_import_result){0};
    m.arch = i->arch ? i->arch : oci_host_arch();
    if (!m.arch)
        return fail(err, EINVAL, "this host's architecture has no name in images; try: --arch NAME");
    auto_close int src = open(i->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (src < 0)
        return fail_errno(err, errno, "%s", i->source);
    int rc = store_new(&m.dir, STORE_IMAGES, i->name, err);
    if (rc)
        return rc;
    rc = import(&m, src, err);
    if (!rc)
        rc = store_commit(&m.dir, err);
    store_abort(&m.dir);
    if (m.rootfs >= 0)
        close(m.rootfs);
    json_decref(m.config);
    return rc;
}

/* What `quad image build` makes: a raw disk with a partition for the root. */
static int find_on_disk(struct image_root *r, const char *dir, struct error *err)
{
    const char *disk = json_string_value(json_object_get(r->about, "disk"));
    const char *format = json_string_value(json_object_get(r->about, "format"));

    if (!disk || !is_component(disk))
        return fail(err, ENOENT, "it is not complete");
    if (!format || strcmp(format, "raw"))
        return fail(err, ENOTSUP, "its disk is %s, not raw", format ? format : "of no known format");
    r->disk = xasprintf("%s/%s", dir, disk);
    auto_close int fd = open(r->disk, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? fail_errno(err, errno, "%s", r->disk)
                  : gpt_find_root(fd, &r->offset, &r->size, err);
}

int image_root_open(struct image_root *r, const char *name, struct error *err)
{
    *r = (struct image_root){0};
    if (!store_has(STORE_IMAGES, name))
        return fail(err, ENOENT, "there is no image \"%s\"; try: quad image ls", name);
    auto_free char *dir = store_path(STORE_IMAGES, name);
    auto_free char *text = store_read(dir, "image.json");
    r->about = text ? json_loads(text, 0, NULL) : NULL;
    const char *tree = json_string_value(json_object_get(r->about, "rootfs"));
    if (tree && is_component(tree)) {
        r->path = xasprintf("%s/%s", dir, tree);
        return 0;
    }
    int rc = find_on_disk(r, dir, err);
    if (rc) {
        auto_free char *why = xstrdup(err ? err->text : "");
        image_root_fini(r);
        return fail(err, ENOEXEC, "the image \"%s\" holds no root that a zone could have (%s); its "
                                  "system needs a kernel of its own; try: quad run %s --mode full",
                    name, why, name);
    }
    return 0;
}

void image_root_fini(struct image_root *r)
{
    free(r->path);
    free(r->disk);
    json_decref(r->about);
    *r = (struct image_root){0};
}
