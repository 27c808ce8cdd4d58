/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * quad disk: make, look at, check, convert, resize disk images; internal snapshots.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/disk.h"
#include "cli/command.h"
#include "registry/registry.h"

extern const struct command command_disk;

struct disk_opts {
    const char *format, *output, *backing, *backing_format, *take, *remove, *apply, *snapshot;
    uint64_t cluster;
    bool zstd, lazy, v2, compress, repair, force, shrink, help;
};

static const struct opt options[] = {
    OPT(struct disk_opts, format, .name = "format", .letter = 'f', .kind = OPT_STRING,
        .arg = "FORMAT", .help = "the (first) image's format, instead of looking at it"),
    OPT(struct disk_opts, output, .name = "output-format", .letter = 'O', .kind = OPT_STRING,
        .arg = "FORMAT", .help = "convert: the new image's format (qcow2)"),
    OPT(struct disk_opts, backing, .name = "backing", .letter = 'b', .kind = OPT_STRING,
        .arg = "FILE", .help = "create: image that shows through where nothing was written"),
    OPT(struct disk_opts, backing_format, .name = "backing-format", .letter = 'F',
        .kind = OPT_STRING, .arg = "FORMAT", .help = "create: that image's format"),
    OPT(struct disk_opts, cluster, .name = "cluster", .kind = OPT_SIZE, .arg = "SIZE", .min = 512,
        .max = 2u << 20, .help = "create, convert: unit of allocation (64K)"),
    OPT(struct disk_opts, zstd, .name = "zstd", .kind = OPT_FLAG,
        .help = "create, convert: compress by zstd instead of zlib"),
    OPT(struct disk_opts, compress, .name = "compress", .letter = 'c', .kind = OPT_FLAG,
        .help = "convert: compressed"),
    OPT(struct disk_opts, lazy, .name = "lazy-refcounts", .kind = OPT_FLAG,
        .help = "create: other programs may keep refcounts lazily"),
    OPT(struct disk_opts, v2, .name = "v2", .kind = OPT_FLAG,
        .help = "create, convert: the format's version 2, for old programs"),
    OPT(struct disk_opts, snapshot, .name = "snapshot", .kind = OPT_STRING, .arg = "NAME",
        .help = "convert: a snapshot's contents instead of the current"),
    OPT(struct disk_opts, take, .name = "take", .kind = OPT_STRING, .arg = "NAME",
        .help = "snapshot: take one"),
    OPT(struct disk_opts, remove, .name = "delete", .kind = OPT_STRING, .arg = "NAME",
        .help = "snapshot: delete one"),
    OPT(struct disk_opts, apply, .name = "apply", .kind = OPT_STRING, .arg = "NAME",
        .help = "snapshot: go back to one"),
    OPT(struct disk_opts, repair, .name = "repair", .kind = OPT_FLAG, .help = "check: repair"),
    OPT(struct disk_opts, shrink, .name = "shrink", .kind = OPT_FLAG,
        .help = "resize: cutting off the end is meant"),
    OPT(struct disk_opts, force, .name = "force", .kind = OPT_FLAG,
        .help = "create, convert: replace a file that exists"),
    OPT(struct disk_opts, help, .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

static int open_image(struct disk **d, const struct disk_opts *o, const char *path, bool readonly,
                      bool checking, struct error *err)
{
    const struct disk_options options_ = {.path = path,
                                          .format = o->format,
                                          .snapshot = o->snapshot,
                                          .readonly = readonly,
                                          .checking = checking,
                                          .no_backing = checking,
                                          .formats = registry_disks};

    return disk_open(d, &options_, err);
}

/* -------------------------------------------------------------------------------------- create */

static int create_image(const char *path, const char *format, const struct disk_create *c,
                        bool force, struct error *err)
{
    const struct disk_format *f = disk_format_find(registry_disks, format);
    struct disk_file file;

    if (!f || !f->create)
        return fail(err, EINVAL, "%s images cannot be made; try: qcow2, raw", format);
    int rc = file_create(&file, path, force, err);
    if (rc)
        return rc;
    rc = f->create(&file, c, err);
    file_close(&file);
    if (rc)
        unlink(path);
    return rc;
}

/* The backing image must be there: its format and its size go into the new image. */
static int look_at_backing(const struct disk_opts *o, const char *path, struct disk_create *c,
                           const char **format, struct error *err)
{
    struct disk *d;
    const char *slash = strrchr(path, '/');
    auto_free char *beside = o->backing[0] == '/' || !slash
                                 ? xstrdup(o->backing)
                                 : xasprintf("%.*s%s", (int)(slash - path + 1), path, o->backing);
    const struct disk_options bo = {.path = beside, .format = o->backing_format, .readonly = true,
                                    .formats = registry_disks};
    int rc = disk_open(&d, &bo, err);

    if (rc)
        return error_prefix(err, "--backing");
    *format = d->format->name;
    c->size = c->size ? c->size : d->size;
    disk_close(d);
    return 0;
}

static int do_create(const struct disk_opts *o, int n, char **names, struct error *err)
{
    struct disk_create c = {.backing = o->backing, .cluster_size = (uint32_t)o->cluster,
                            .lazy_refcounts = o->lazy, .zstd = o->zstd, .compat_v2 = o->v2};
    int rc = n == 2 ? opt_parse_size(names[1], &c.size, err) : 0;

    if (n < 1 || n > 2 || (n == 1 && !o->backing))
        return fail(err, EINVAL, "create wants FILE SIZE; try: quad disk create a.qcow2 20G");
    if (!rc && o->backing)
        rc = look_at_backing(o, names[0], &c, &c.backing_format, err);
    if (!rc)
        rc = create_image(names[0], o->format ? o->format : "qcow2", &c, o->force, err);
    return rc;
}

/* ---------------------------------------------------------------------------------------- info */

static void print_size(const char *what, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    unsigned u = 0;

    for (; v >= 1024 && u + 1 < ARRAY_LEN(units); u++)
        v /= 1024;
    printf("%s: %.4g %s (%" PRIu64 " bytes)\n", what, v, units[u], bytes);
}

static int print_snapshots(struct disk *d, struct error *err)
{
    struct disk_snapshot *list = NULL;
    size_t n = 0;
    int rc = d->format->snapshots ? d->format->snapshots(d, &list, &n, err) : 0;

    for (size_t i = 0; !rc && i < n; i++) {
        printf("snapshot %s: %s, disk %" PRIu64 " MiB, state %" PRIu64 " MiB\n", list[i].id,
               list[i].name, list[i].disk_size >> 20, list[i].vm_state_size >> 20);
        free(list[i].id);
        free(list[i].name);
    }
    free(list);
    return rc;
}

static int do_info(const struct disk_opts *o, int n, char **names, struct error *err)
{
    struct disk *d;
    struct stat st;

    if (n != 1)
        return fail(err, EINVAL, "info wants one FILE");
    const struct disk_options io = {.path = names[0], .format = o->format, .readonly = true,
                                    .no_backing = true, .checking = true, .no_lock = true,
                                    .formats = registry_disks};
    int rc = disk_open(&d, &io, err);
    if (rc)
        return rc;
    printf("file: %s\nformat: %s\n", names[0], d->format->name);
    print_size("size", d->size);
    if (!stat(names[0], &st))
        print_size("on the host", (uint64_t)st.st_blocks * 512);
    if (d->format->info)
        d->format->info(d, stdout);
    if (d->backing_name)
        printf("backing image: %s\nbacking format: %s\n", d->backing_name,
               d->backing_format ? d->backing_format : "not said");
    rc = print_snapshots(d, err);
    disk_close(d);
    return rc;
}

/* --------------------------------------------------------------------------------------- check */

static void say_line(void *opaque, const char *text)
{
    (void)opaque;
    printf("%s\n", text);
}

static int do_check(const struct disk_opts *o, int n, char **names, struct error *err)
{
    struct disk_check c = {.say = say_line};
    struct disk *d;

    if (n != 1)
        return fail(err, EINVAL, "check wants one FILE");
    int rc = open_image(&d, o, names[0], !o->repair, true, err);
    if (rc)
        return rc;
    if (!d->format->check) {
        printf("a %s image holds nothing that could be checked\n", d->format->name);
        disk_close(d);
        return 0;
    }
    rc = d->format->check(d, &c, o->repair, err);
    disk_close(d);
    if (rc)
        return rc;
    if (c.total)
        printf("allocated: %" PRIu64 " of %" PRIu64 " clusters, %" PRIu64 " compressed\n",
               c.allocated, c.total, c.compressed);
    printf("corruptions: %" PRIu64 ", leaks: %" PRIu64 ", read errors: %" PRIu64 "\n", c.corruptions,
           c.leaks, c.errors);
    if (o->repair)
        printf("repaired: %" PRIu64 " corruptions, %" PRIu64 " leaks\n", c.fixed_corruptions,
               c.fixed_leaks);
    if (c.errors || c.corruptions > c.fixed_corruptions)
        return fail(err, EIO, "%s is corrupt", names[0]);
    if (c.leaks > c.fixed_leaks)
        return fail(err, EUCLEAN, "%s has leaked clusters (harmless); try: --repair", names[0]);
    return 0;
}

/* ------------------------------------------------------------------------------------- convert */

#define CHUNK (UINT64_C(2) << 20)

static bool all_zero(const uint8_t *p, uint64_t n)
{
    return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static int copy_chunk(struct disk *to, uint64_t off, uint8_t *buf, uint64_t n, bool compress)
{
    uint64_t unit = to->cluster_size ? to->cluster_size : 65536;

    for (uint64_t at = 0; at < n; at += unit) {
        uint64_t len = MIN(unit, n - at);
        if (all_zero(buf + at, len))
            continue;
        int rc = -ENOTSUP;
        if (compress) {
            memset(buf + at + len, 0, unit - len);
            rc = to->format->write_compressed(to, off + at, buf + at, unit);
        }
        if (rc == -ENOTSUP)
            rc = disk_write_buf(to, off + at, buf + at, len);
        if (rc)
            return rc;
    }
    return 0;
}

/* What no image of the chain holds need not be read. */
static int skip_zeroes(struct disk *d, uint64_t off, uint64_t *len)
{
    for (; d; d = d->backing) {
        enum disk_status s;
        uint64_t n = 0;
        if (off >= d->size)
            return 1;
        int rc = d->format->status(d, off, &n, &s);
        if (rc)
            return rc;
        *len = MIN(*len, n);
        if (s != DISK_ABSENT)
            return s == DISK_ZEROES;
    }
    return 1;
}

static int copy_all(struct disk *from, struct disk *to, bool compress, struct error *err)
{
    auto_free uint8_t *buf = xcalloc(1, CHUNK + (2u << 20));
    int rc = 0;

    for (uint64_t off = 0; off < from->size && !rc;) {
        uint64_t len = MIN(CHUNK - off % CHUNK, from->size - off), skip = from->size - off;
        rc = skip_zeroes(from, off, &skip);
        if (rc > 0) { /* whole units of the new image only, so that each is written once */
            uint64_t end = off + skip == from->size ? from->size : ALIGN_DOWN(off + skip, CHUNK);
            if (end > off) {
                off = end;
                rc = 0;
                continue;
            }
            rc = 0;
        }
        if (rc)
            return fail_errno(err, -rc, "%s: at %" PRIu64, from->file.path, off);
        rc = disk_read_buf(from, off, buf, len);
        if (rc)
            return fail_errno(err, -rc, "%s: cannot read at %" PRIu64, from->file.path, off);
        rc = copy_chunk(to, off, buf, len, compress);
        if (rc)
            return fail_errno(err, -rc, "%s: cannot write at %" PRIu64, to->file.path, off);
        off += len;
    }
    rc = disk_flush(to);
    return rc ? fail_errno(err, -rc, "%s: cannot be written", to->file.path) : 0;
}

static int do_convert(const struct disk_opts *o, int n, char **names, struct error *err)
{
    const char *format = o->output ? o->output : "qcow2";
    struct disk_create c = {.cluster_size = (uint32_t)o->cluster, .zstd = o->zstd,
                            .compat_v2 = o->v2, .lazy_refcounts = o->lazy};
    struct disk *from, *to;

    if (n != 2)
        return fail(err, EINVAL, "convert wants FROM TO; try: quad disk convert a.vmdk a.qcow2");
    int rc = open_image(&from, o, names[0], true, false, err);
    if (rc)
        return rc;
    c.size = from->size;
    rc = create_image(names[1], format, &c, o->force, err);
    if (rc) {
        disk_close(from);
        return rc;
    }
    const struct disk_options to_options = {.path = names[1], .format = format,
                                            .formats = registry_disks};
    rc = disk_open(&to, &to_options, err);
    if (!rc && o->compress && !to->format->write_compressed)
        rc = fail(err, EINVAL, "a %s image cannot be compressed", format);
    if (!rc)
        rc = copy_all(from, to, o->compress, err);
    disk_close(to);
    disk_close(from);
    if (rc)
        unlink(names[1]); /* half an image is none */
    return rc;
}

/* --------------------------------------------------------------------------- resize, snapshots */

static int do_resize(const struct disk_opts *o, int n, char **names, struct error *err)
{
    struct disk *d;
    uint64_t size;

    if (n != 2)
        return fail(err, EINVAL, "resize wants FILE SIZE or FILE +SIZE");
    int rc = opt_parse_size(names[1] + (names[1][0] == '+'), &size, err);
    if (!rc)
        rc = open_image(&d, o, names[0], false, false, err);
    if (rc)
        return rc;
    size += names[1][0] == '+' ? d->size : 0;
    if (size < d->size && !o->shrink)
        rc = fail(err, EINVAL, "%s would lose its last %" PRIu64 " bytes; try: --shrink", names[0],
                  d->size - size);
    else if (!d->format->resize)
        rc = fail(err, EINVAL, "a %s image cannot be resized", d->format->name);
    else
        rc = d->format->resize(d, size, err);
    disk_close(d);
    return rc;
}

static int do_snapshot(const struct disk_opts *o, int n, char **names, struct error *err)
{
    bool change = o->take || o->remove || o->apply;
    struct disk *d;

    if (n != 1)
        return fail(err, EINVAL, "snapshot wants one FILE, and --take, --delete, --apply or nothing");
    int rc = open_image(&d, o, names[0], !change, false, err);
    if (rc)
        return rc;
    if (!d->format->snapshots)
        rc = fail(err, EINVAL, "a %s image holds no snapshots", d->format->name);
    if (!rc && o->apply)
        rc = d->format->snapshot_apply(d, o->apply, err);
    if (!rc && o->remove)
        rc = d->format->snapshot_delete(d, o->remove, err);
    if (!rc && o->take)
        rc = d->format->snapshot_take(d, o->take, err);
    if (!rc && !change)
        rc = print_snapshots(d, err);
    disk_close(d);
    return rc;
}

static const struct {
    const char *name;
    int (*run)(const struct disk_opts *o, int n, char **names, struct error *err);
} verbs[] = {
    {"create", do_create}, {"info", do_info},     {"check", do_check},
    {"convert", do_convert}, {"resize", do_resize}, {"snapshot", do_snapshot},
};

static int run(int argc, char **argv)
{
    struct disk_opts o = {0};
    struct error err = {0};
    const char *verb = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    int rest = 1;

    /* Options may stand before the verb, behind it and behind its operands. */
    char **names = xcalloc((size_t)argc + 1, sizeof(*names));
    int n = 0, rc = 0;
    for (int at = 1; !rc && at < argc; at += rest) {
        rc = opt_parse(options, &o, argc - at + 1, argv + at - 1, &rest, &err);
        rest--;
        if (!rc && at + rest < argc)
            names[n++] = argv[at + rest++];
    }
    verb = n ? names[0] : verb;
    if (!rc && o.help) {
        help_print(&command_disk, stdout);
        free(names);
        return EXIT_OK;
    }
    if (!rc && !verb)
        rc = fail(&err, EINVAL, "disk wants a verb; try: create, info, check, convert, resize, "
                                "snapshot");
    if (rc) {
        free(names);
        return command_usage(&command_disk, &err);
    }
    rc = fail(&err, EINVAL, "disk knows no \"%s\"; try: create, info, check, convert, resize, "
                            "snapshot",
              verb);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (!strcmp(verbs[i].name, verb))
            rc = verbs[i].run(&o, n - 1, names + 1, &err);
    free(names);
    if (rc == -EINVAL)
        return command_usage(&command_disk, &err);
    return rc ? command_failed(&err) : EXIT_OK;
}

static const struct command_example examples[] = {
    {"quad disk create web.qcow2 20G", "an empty disk that grows as it is written"},
    {"quad disk create web.qcow2 --backing debian.qcow2", "a disk that begins as another one"},
    {"quad disk info web.qcow2", "what it is"},
    {"quad disk check web.qcow2 --repair", "are its tables sound"},
    {"quad disk convert old.raw new.qcow2 --compress", "another format"},
    {"quad disk resize web.qcow2 +10G", "larger"},
    {"quad disk snapshot web.qcow2 --take before", "a snapshot inside the image"},
    {NULL, NULL},
};

const struct command command_disk = {
    .name = "disk",
    .summary = "make, look at, check, convert, resize disk images",
    .operands = "create|info|check|convert|resize|snapshot FILE ...",
    .text = "Formats: qcow2 and raw; vmdk, vdi and vhdx for reading. An image that a guest or another program writes is locked.",
    .options = options,
    .examples = examples,
    .run = run,
};
