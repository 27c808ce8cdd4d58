/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/build.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image/host_run.h"
#include "image/fat.h"
#include "image/gpt.h"
#include "image/grub.h"
#include "image/keys.h"
#include "image/scripts.h"
#include "image/store.h"

enum { MIB_SECTORS = 2048, CORE_AT = MIB_SECTORS, ESP_AT = 2 * MIB_SECTORS, ESP_MIB = 16 };
enum { ROOT_AT = (2 + ESP_MIB) * MIB_SECTORS };
#define SIZE_MIN (UINT64_C(1) << 30)

const char image_sources[] = "debian:12, debian:13";

static const struct source {
    const char *name, *suite;
} sources[] = {
    {"debian:12", "bookworm"}, {"debian:bookworm", "bookworm"},
    {"debian:13", "trixie"},   {"debian:trixie", "trixie"},
};

static const char packages[] =
    "systemd-sysv,udev,kmod,dbus,initramfs-tools,busybox,zstd,openssh-server,qemu-guest-agent,"
    "iproute2,systemd-resolved,procps,iputils-ping,e2fsprogs,fdisk,ca-certificates,less,"
    "grub-common,grub-pc-bin,grub-efi-amd64-bin";

struct making {
    const struct image_build *b;
    const struct source *source;
    struct store_new dir;
    uint8_t disk_uuid[16], root_uuid[16], part_uuid[3][16];
    char root_text[37];
};

/* ----------------------------------------------------------------------------------- progress */

static void say(struct making *k, const char *what)
{
    if (k->b->progress)
        k->b->progress(k->b->opaque, what);
}

/* mmdebstrap's own steps begin with "I: ", ours with "quad: ". */
static void on_line(void *opaque, const char *line)
{
    struct making *k = opaque;

    if (!strncmp(line, "quad: ", 6))
        say(k, line + 6);
    else if (!strncmp(line, "I: ", 3) && !strstr(line, "tempdir") && !strstr(line, "success"))
        say(k, line + 3);
    if (k->b->detail)
        k->b->detail(k->b->opaque, line);
}

/* ------------------------------------------------------------------------------------- scripts */

/* 'text' with its quotes escaped for sh; the caller's. */
static char *quoted(const char *text)
{
    size_t n = strlen(text);
    char *out = xcalloc(4 * n + 3, 1), *p = out;

    *p++ = '\'';
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\'')
            p = stpcpy(p, "'\\''");
        else
            *p++ = text[i];
    }
    *p++ = '\'';
    return out;
}

static int inside_script(struct making *k, char **out, struct error *err)
{
    auto_free char *keys = NULL;
    int rc = keys_public(&keys, err);

    if (rc)
        return rc;
    auto_free char *q_keys = quoted(keys);
    auto_free char *q_first = quoted(script_guest_firstboot);
    auto_free char *q_unit = quoted(unit_guest_firstboot);
    *out = xasprintf("root_uuid=%s\nkeys=%s\nfirstboot=%s\nunit=%s\n%s", k->root_text, q_keys,
                     q_first, q_unit, script_debian_inside);
    return 0;
}

static char *include_list(const struct image_build *b)
{
    char *list = xasprintf("--include=%s,linux-image-%samd64%s", packages,
                           !strcmp(b->kernel, "cloud") ? "cloud-" : "",
                           b->cloud_init ? ",cloud-init,cloud-guest-utils" : "");

    for (size_t i = 0; i < b->npackages; i++) {
        auto_free char *before = list;
        list = xasprintf("%s,%s", before, b->packages[i]);
    }
    return list;
}

static int run(struct making *k, const char *const *argv, struct error *err)
{
    return host_run(&(struct host_run){.argv = argv,
                                             .dir = k->dir.path,
                                             .in = -1,
                                             .line = on_line,
                                             .opaque = k,
                                             .stop = k->b->stop},
                       err);
}

static int install_packages(struct making *k, struct error *err)
{
    auto_free char *script = NULL;
    int rc = inside_script(k, &script, err);

    if (rc)
        return rc;
    auto_free char *hook = xasprintf("--customize-hook=%s", script);
    auto_free char *include = include_list(k->b);
    const char *const argv[] = {"mmdebstrap", "--variant=apt", "--architectures=amd64",
                                "--format=tar", "--dpkgopt=force-unsafe-io", include, hook,
                                k->source->suite, "root.tar", k->b->mirror, NULL};
    rc = run(k, argv, err);
    if (rc && rc != -EINTR && geteuid())
        error_prefix(err, "installing packages (an ordinary user needs user namespaces and a range "
                          "of ids in /etc/subuid)");
    return rc;
}

static int make_file_system(struct making *k, struct error *err)
{
    auto_free char *script =
        xasprintf("root_uuid=%s root_offset=%u root_blocks=%" PRIu64 "\n%s", k->root_text,
                  ROOT_AT * 512u, (k->b->size - ROOT_AT * UINT64_C(512) - (1u << 20)) / 4096,
                  script_debian_outside);
    const char *const fake[] = {"fakeroot", "sh", "-c", script, NULL};

    return run(k, geteuid() ? fake : fake + 1, err);
}

/* ---------------------------------------------------------------------------------------- disk */

static int create_disk(struct making *k, struct error *err)
{
    auto_free char *path = xasprintf("%s/disk.raw", k->dir.path);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, (off_t)k->b->size))
        return fail_errno(err, errno, "cannot make %s", path);
    return 0;
}

static int read_whole(const char *dir, const char *file, uint8_t **data, size_t *len,
                      struct error *err)
{
    auto_free char *path = xasprintf("%s/%s", dir, file);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st))
        return fail_errno(err, errno, "cannot read %s", path);
    if (st.st_size > 16 << 20)
        return fail(err, EFBIG, "%s is too long", path);
    *len = (size_t)st.st_size;
    *data = xcalloc(1, *len + 1);
    if (pread(fd, *data, *len, 0) != (ssize_t)*len)
        return fail_errno(err, EIO, "cannot read %s", path);
    return 0;
}

static int write_boot(struct making *k, int fd, struct error *err)
{
    const char *dir = k->dir.path;
    auto_free uint8_t *boot = NULL, *core = NULL, *efi = NULL;
    size_t nboot, ncore, nefi;
    int rc = read_whole(dir, "boot.img", &boot, &nboot, err);

    if (!rc)
        rc = read_whole(dir, "core.img", &core, &ncore, err);
    if (!rc)
        rc = read_whole(dir, "bootx64.efi", &efi, &nefi, err);
    if (!rc)
        rc = grub_install(fd, boot, nboot, core, ncore, CORE_AT, MIB_SECTORS, err);
    if (!rc)
        rc = fat_write(fd, ESP_AT * UINT64_C(512), (uint64_t)ESP_MIB << 20, "EFI",
                       &(struct fat_file){"EFI/BOOT/BOOTX64.EFI", efi, nefi}, 1, err);
    return rc;
}

static int write_partitions(struct making *k, struct error *err)
{
    auto_free char *path = xasprintf("%s/disk.raw", k->dir.path);
    auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
    struct gpt_part parts[] = {
        {gpt_type_bios_boot, {0}, CORE_AT, MIB_SECTORS, "bios"},
        {gpt_type_esp, {0}, ESP_AT, (uint64_t)ESP_MIB * MIB_SECTORS, "efi"},
        {gpt_type_linux_root, {0}, ROOT_AT, k->b->size / 512 - ROOT_AT - MIB_SECTORS, "root"},
    };

    if (fd < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    for (unsigned i = 0; i < 3; i++)
        memcpy(parts[i].uuid, k->part_uuid[i], 16);
    int rc = gpt_write(fd, k->b->size, k->disk_uuid, parts, 3, err);
    if (!rc)
        rc = write_boot(k, fd, err);
    static const char *const used[] = {"boot.img", "core.img", "bootx64.efi"};
    for (unsigned i = 0; !rc && i < ARRAY_LEN(used); i++) {
        auto_free char *old = xasprintf("%s/%s", k->dir.path, used[i]);
        unlink(old);
    }
    if (!rc && fsync(fd))
        rc = fail_errno(err, errno, "cannot write %s", path);
    return rc;
}

static int describe(struct making *k, struct error *err)
{
    char when[32], root[37];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    gpt_uuid_text(k->part_uuid[2], root);
    auto_free char *append = xasprintf("root=PARTUUID=%s ro console=ttyS0 quiet", root);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "source", k->b->source, "built",
                          when, "disk", "disk.raw", "format", "raw", "kernel", "vmlinuz", "initrd",
                          "initrd.img", "append", append);
    auto_free char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;
    json_decref(j);
    if (!text)
        return fail(err, ENOMEM, "cannot describe the image");
    return store_write(k->dir.path, "image.json", text, strlen(text), 0600, err);
}

/* --------------------------------------------------------------------------------------- whole */

static int check(struct making *k, struct error *err)
{
    static const char *const needs[][2] = {
        {"mmdebstrap", "mmdebstrap"}, {"mke2fs", "e2fsprogs"}, {"tar", "tar"}};

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (!strcmp(sources[i].name, k->b->source))
            k->source = &sources[i];
    if (!k->source)
        return fail(err, EINVAL, "\"%s\" is no system that can be built; try: %s", k->b->source,
                    image_sources);
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (!host_has(needs[i][0]))
            return fail(err, ENOENT, "no program %s; install package %s", needs[i][0], needs[i][1]);
    if (geteuid() && !host_has("fakeroot"))
        return fail(err, ENOENT, "no program fakeroot; install package fakeroot (root needs none)");
    if (k->b->size < SIZE_MIN || k->b->size % (1u << 20))
        return fail(err, EINVAL, "--size: at least 1G, in whole MiB");
    return 0;
}

int image_build(const struct image_build *b, struct error *err)
{
    struct making k = {.b = b, .dir = {.lock = -1}};
    int rc = check(&k, err);

    if (!rc)
        rc = store_new(&k.dir, STORE_IMAGES, b->name, err);
    uuid_random(k.disk_uuid);
    uuid_random(k.root_uuid);
    for (unsigned i = 0; i < 3; i++)
        uuid_random(k.part_uuid[i]);
    uuid_text(k.root_uuid, k.root_text);
    if (!rc)
        rc = install_packages(&k, err);
    if (!rc)
        rc = create_disk(&k, err);
    if (!rc)
        rc = make_file_system(&k, err);
    if (!rc)
        rc = write_partitions(&k, err);
    if (!rc)
        rc = describe(&k, err);
    if (!rc)
        rc = store_commit(&k.dir, err);
    store_abort(&k.dir);
    return rc;
}
