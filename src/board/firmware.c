/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/firmware.h"

#include <stdio.h>
#include <unistd.h>

#define IMAGE_MAX (UINT64_C(8) << 20)
#define IMAGE_UNIT 0x1000u
#define OPTION_ROM_MAX (UINT64_C(128) << 10)

/* Where distributions put the files; the first that is there is taken. */
static const struct firmware_kind {
    const char *name, *package;
    const char *files[6];
} kinds[] = {
    {"bios",
     "seabios",
     {"/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin",
      "/usr/share/seabios/bios.bin", NULL}},
    {"uefi",
     "ovmf",
     {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd",
      "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_CODE.4m.fd", NULL}},
};

static const char *const vgabios_files[] = {"/usr/share/seabios/vgabios-stdvga.bin",
                                            "/usr/share/qemu/vgabios-stdvga.bin", NULL};

/* The first of the files, in `dir` by its last name or where it stands; NULL: none is there. */
static char *find(const char *dir, const char *const *files)
{
    for (size_t i = 0; files[i]; i++) {
        char *path = dir ? xasprintf("%s%s", dir, strrchr(files[i], '/')) : xstrdup(files[i]);
        if (!access(path, R_OK))
            return path;
        free(path);
    }
    return dir ? find(NULL, files) : NULL;
}

int firmware_open(struct firmware *fw, const char *kind, const char *dir, struct error *err)
{
    const struct firmware_kind *k = NULL;

    *fw = (struct firmware){0};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kinds[i].name, kind))
            k = &kinds[i];
    if (!k)
        return fail(err, EINVAL, "--firmware: no firmware is called \"%s\"", kind);
    fw->kind = k->name;
    fw->path = find(dir, k->files);
    if (!fw->path)
        return fail(err, ENOENT,
                    "--firmware %s: %s is not there; try: install the package %s, or give a "
                    "--kernel",
                    kind, k->files[0], k->package);
    int rc = blob_read(&fw->image, "firmware", fw->path, IMAGE_MAX, err);
    if (!rc && fw->image.size % IMAGE_UNIT)
        rc = fail(err, ENOEXEC, "firmware %s: %zu bytes are no multiple of 4 KiB", fw->path,
                  fw->image.size);
    auto_free char *vga = find(dir, vgabios_files);
    if (!rc && vga)
        rc = blob_read(&fw->vgabios, "firmware", vga, OPTION_ROM_MAX, err);
    if (rc)
        firmware_close(fw);
    return rc;
}

void firmware_close(struct firmware *fw)
{
    free(fw->path);
    blob_free(&fw->image);
    blob_free(&fw->vgabios);
    *fw = (struct firmware){0};
}
