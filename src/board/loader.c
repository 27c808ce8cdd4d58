/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/loader.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "board/bzimage.h"
#include "board/payload.h"
#include "core/machine.h"

/* Preference of `auto`: for Linux what the host unpacks first, then what unpacks itself. Linux has
 * no multiboot header; the Xen hypervisor has a PVH note too, but only for running on Xen. */
const struct loader_type *const loader_types[] = {
    &loader_multiboot, &loader_multiboot2, &loader_pvh,     &loader_vmlinux,
    &loader_linux64,   &loader_linux32,    &loader_linux16, &loader_xen_pv,  NULL,
};

const char loader_names[] = "auto|pvh|vmlinux|linux64|linux32|linux16|multiboot|multiboot2|xen-pv";

#define KERNEL_UNPACKED_MAX (UINT64_C(512) << 20)

/* A kernel file that is packed as a whole (xen.gz, vmlinux.gz). */
static int unpack_outer(struct loader *l, struct error *err)
{
    const char *packer = payload_packer(l->kernel.data, l->kernel.size);
    struct blob out;

    if (!packer)
        return 0;
    if (payload_unpack(l->kernel.data, l->kernel.size, KERNEL_UNPACKED_MAX, &out, err))
        return error_prefix(err, "kernel %s", l->kernel_name);
    blob_free(&l->kernel);
    l->kernel = out;
    return 0;
}

int loader_find_elf(struct loader *l, struct error *err)
{
    struct bzimage bz;
    int rc;

    if (l->elf.data)
        return 0;
    if (l->elf_tried)
        return fail(err, EINVAL, "no ELF image in it");
    l->elf_tried = true;
    if (elf_is(l->kernel.data, l->kernel.size)) {
        rc = elf_open(&l->elf, l->kernel.data, l->kernel.size, err);
    } else {
        rc = bzimage_open(&bz, &l->kernel, err);
        if (!rc && !bz.payload)
            rc = fail(err, EINVAL, "no packed kernel in it");
        if (!rc)
            rc =
                payload_unpack(bz.payload, bz.payload_size, KERNEL_UNPACKED_MAX, &l->unpacked, err);
        if (!rc)
            rc = elf_open(&l->elf, l->unpacked.data, l->unpacked.size, err);
    }
    if (rc) {
        l->elf.data = NULL;
        blob_free(&l->unpacked);
    }
    return rc;
}

/* Files that people hand over by mistake. */
static const struct {
    const char *magic;
    size_t offset;
    const char *what;
} foreign[] = {
    {"070701", 0, "an initrd (cpio archive); try: --initrd"},
    {"ARM\x64", 0x38, "a kernel for 64-bit Arm"},
    {"!<arch>\n", 0, "a Debian package; try: unpack it with dpkg-deb -x"},
    {"QFI\xfb", 0, "a disk image (qcow2)"},
    {"CD001", 0x8001, "a CD image; try: the kernel from within it"},
    {"KDMV", 0, "a disk image (vmdk)"},
    {"MZ", 0, "a program for EFI firmware, not a bzImage"},
    {"#!", 0, "a script"},
};

static int refuse(const struct loader *l, struct error *err)
{
    const struct blob *k = &l->kernel;

    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (blob_has(k, foreign[i].offset, strlen(foreign[i].magic)) &&
            !memcmp(k->data + foreign[i].offset, foreign[i].magic, strlen(foreign[i].magic)))
            return fail(err, EINVAL, "kernel %s: this is %s", l->kernel_name, foreign[i].what);
    return fail(err, EINVAL,
                "kernel %s: no bzImage and no ELF kernel with a PVH or multiboot entry; try: a "
                "kernel such as /boot/vmlinuz-*",
                l->kernel_name);
}

/* Damage is told as such before anybody says "not mine". */
static int check_container(struct loader *l, struct error *err)
{
    struct bzimage bz;
    struct elf e;
    int rc = 0;

    if (bzimage_is(&l->kernel))
        rc = bzimage_open(&bz, &l->kernel, err);
    else if (elf_is(l->kernel.data, l->kernel.size))
        rc = elf_open(&e, l->kernel.data, l->kernel.size, err);
    return rc ? error_prefix(err, "kernel %s", l->kernel_name) : 0;
}

static int choose(struct loader *l, const char *type, struct error *err)
{
    bool automatic = !type || !strcmp(type, "auto");
    int rc = check_container(l, err);

    for (size_t i = 0; !rc && !l->type && loader_types[i]; i++) {
        const struct loader_type *t = loader_types[i];
        if (!automatic && strcmp(type, t->name))
            continue;
        if (t->takes(l)) {
            l->type = t;
            l->reason = automatic ? "found in the file" : "asked for";
        } else if (!automatic) {
            return fail(err, EINVAL, "kernel %s: not for --loader %s (%s); try: --loader auto",
                        l->kernel_name, type, t->help);
        }
    }
    if (!rc && !l->type)
        rc = refuse(l, err);
    return rc;
}

/* What is wrong with a file is no mistake on the command line, whose code is EINVAL. */
static int file_error(struct error *err)
{
    if (err->code == EINVAL)
        err->code = ENOEXEC;
    return -err->code;
}

static int take_module(struct loader *l, struct blob *b, const char *cmdline, struct error *err)
{
    if (l->nmodules == LOADER_MODULES_MAX) {
        blob_free(b);
        return fail(err, EINVAL, "more than %d modules", LOADER_MODULES_MAX);
    }
    l->module[l->nmodules++] = (struct loader_module){*b, xstrdup(cmdline)};
    return 0;
}

static int copy_blob(struct blob *b, const uint8_t *data, size_t size, struct error *err)
{
    *b = (struct blob){malloc(size ? size : 1), size};
    if (!b->data)
        return fail(err, ENOMEM, "no memory for %zu bytes", size);
    memcpy(b->data, data, size);
    return 0;
}

int loader_add_module(struct loader *l, const uint8_t *data, size_t size, const char *cmdline,
                      struct error *err)
{
    struct blob b;

    if (copy_blob(&b, data, size, err))
        return -ENOMEM;
    return take_module(l, &b, cmdline, err);
}

static int read_module(struct loader *l, const char *what, const char *path, const char *cmdline,
                       uint64_t memory, struct error *err)
{
    struct blob b;
    int rc = blob_read(&b, what, path, memory ? memory : UINT64_MAX, err);

    return rc ? rc : take_module(l, &b, cmdline, err);
}

int loader_open(struct loader *l, const struct loader_config *c, struct error *err)
{
    int rc;

    *l = (struct loader){.kernel_name = xstrdup(c->kernel),
                         .cmdline = xstrdup(c->cmdline ? c->cmdline : "")};
    rc = blob_read(&l->kernel, "kernel", c->kernel, UINT64_C(1) << 30, err);
    if (!rc)
        rc = unpack_outer(l, err);
    if (!rc)
        rc = choose(l, c->type, err);
    if (rc)
        rc = file_error(err);
    if (!rc && c->initrd)
        rc = read_module(l, "initrd", c->initrd, c->initrd, c->memory, err);
    for (size_t i = 0; !rc && i < c->nmodules; i++) {
        auto_free char *path = xstrdup(c->modules[i]);
        path[strcspn(path, " ")] = 0;
        rc = read_module(l, "module", path, c->modules[i], c->memory, err);
    }
    if (rc)
        loader_close(l);
    return rc;
}

bool loader_is_xen_only(const char *kernel)
{
    struct loader_config c = {.kernel = kernel, .type = "auto"};
    struct loader l;
    struct error err;
    uint8_t magic[16];
    auto_close int fd = open(kernel, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, magic, sizeof(magic)) != sizeof(magic) || !elf_is(magic, sizeof(magic)) ||
        loader_open(&l, &c, &err))
        return false;
    bool only = l.type == &loader_xen_pv;
    loader_close(&l);
    return only;
}

int loader_open_bytes(struct loader *l, const char *type, const uint8_t *kernel, size_t size,
                      const char *cmdline, struct error *err)
{
    *l = (struct loader){.kernel_name = xstrdup("(bytes)"), .cmdline = xstrdup(cmdline)};
    int rc = copy_blob(&l->kernel, kernel, size, err);
    if (!rc)
        rc = unpack_outer(l, err);
    if (!rc)
        rc = choose(l, type, err);
    if (rc)
        loader_close(l);
    return rc;
}

void loader_close(struct loader *l)
{
    blob_free(&l->kernel);
    blob_free(&l->unpacked);
    for (unsigned i = 0; i < l->nmodules; i++) {
        blob_free(&l->module[i].blob);
        free(l->module[i].cmdline);
    }
    free(l->kernel_name);
    free(l->cmdline);
    *l = (struct loader){0};
}

int loader_load(struct loader *l, struct machine *m, const struct memmap *map, struct error *err)
{
    if (l->type->load(l, m, map, err))
        return error_prefix(err, "kernel %s", l->kernel_name);
    return 0;
}

uint64_t loader_place(const struct memmap *map, uint64_t floor, uint64_t limit, uint64_t size)
{
    uint64_t top = MIN(map->low_top, limit);

    floor = ALIGN_UP(floor, PAGE_SIZE_4K);
    if (size > top || ALIGN_DOWN(top - size, PAGE_SIZE_4K) < floor)
        return 0;
    return ALIGN_DOWN(top - size, PAGE_SIZE_4K);
}

/* Measured with Debian's cloud kernel and a 2 MiB initrd: 72 MiB of memory are too few for its
 * init, 76 are enough; 67 of these hold kernel and initrd. */
#define WORKING_ROOM (UINT64_C(9) << 20)

uint64_t loader_need(const struct loader *l, uint64_t kernel_end)
{
    uint64_t need = kernel_end + WORKING_ROOM;

    for (unsigned i = 0; i < l->nmodules; i++) {
        const struct blob *b = &l->module[i].blob;
        /* Packed and unpacked exist at the same time. */
        need += b->size * (payload_packer(b->data, b->size) ? 3 : 2);
    }
    return need;
}

int loader_too_small(const struct memmap *map, uint64_t need, struct error *err)
{
    uint64_t mib = ALIGN_UP((need + (UINT64_C(1) << 20) - 1) >> 20, UINT64_C(16));

    return fail(err, ENOMEM,
                "needs about %" PRIu64 " MiB of memory, the guest has %" PRIu64
                " MiB; try: --memory %" PRIu64 "M",
                mib, map->ram >> 20, mib);
}
