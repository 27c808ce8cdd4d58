/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "board/firmware.h"

#include <stdio.h>
#include <unistd.h>

#define IMAGE_MAX (UINT64_C(8) << 20)
#define VARS_MAX UINT64_C(0x84000)
#define IMAGE_UNIT 0x1000u
#define OPTION_ROM_MAX (UINT64_C(128) << 10)

/* Where distributions put the files; the first that is there is taken. */
static const struct firmware_kind {
    const char *name, *package;
    const char *files[6], *vars[6]; /* vars: of the image at the same place */
} kinds[] = {
    {"bios",
     "seabios",
     {"/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin",
      "/usr/share/seabios/bios.bin", NULL},
     {NULL}},
    {"uefi",
     "ovmf",
     {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd",
      "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/x64/OVMF_CODE.4m.fd", NULL},
     {"/usr/share/OVMF/OVMF_VARS_4M.fd", "/usr/share/OVMF/OVMF_VARS.fd",
      "/usr/share/edk2/ovmf/OVMF_VARS.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd", NULL}},
};

static const char *const vgabios_files[] = {"/usr/share/seabios/vgabios-stdvga.bin",
                                            "/usr/share/qemu/vgabios-stdvga.bin", NULL};

/* The first of the files, in `dir` by its last name or where it stands, and its index; NULL: none is
 * there. */
static char *find(const char *dir, const char *const *files, size_t *index)
{
    for (size_t i = 0; files[i]; i++) {
        char *path = dir ? xasprintf("%s%s", dir, strrchr(files[i], '/')) : xstrdup(files[i]);
        *index = i;
        if (!access(path, R_OK))
            return path;
        free(path);
    }
    return dir ? find(NULL, files, index) : NULL;
}

/* The variables that belong to the image: beside it, by the name at the same place of the list. */
static int open_vars(struct firmware *fw, const char *name, struct error *err)
{
    size_t folder = (size_t)(strrchr(fw->path, '/') - fw->path);
    auto_free char *path = xasprintf("%.*s%s", (int)folder, fw->path, strrchr(name, '/'));
    int rc = blob_read(&fw->vars, "firmware", path, VARS_MAX, err);

    if (!rc && fw->vars.size % IMAGE_UNIT)
        rc = fail(err, ENOEXEC, "firmware %s: %zu bytes are no multiple of 4 KiB", path,
                  fw->vars.size);
    return rc;
}

int firmware_open(struct firmware *fw, const char *kind, const char *dir, struct error *err)
{
    const struct firmware_kind *k = NULL;
    size_t index, ignored;

    *fw = (struct firmware){0};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kinds[i].name, kind))
            k = &kinds[i];
    if (!k)
        return fail(err, EINVAL, "--firmware: no firmware is called \"%s\"", kind);
    fw->kind = k->name;
    fw->path = find(dir, k->files, &index);
    if (!fw->path)
        return fail(err, ENOENT,
                    "--firmware %s: %s is not there; try: install the package %s, or give a "
                    "--kernel",
                    kind, k->files[0], k->package);
    int rc = blob_read(&fw->image, "firmware", fw->path, IMAGE_MAX, err);
    if (!rc && fw->image.size % IMAGE_UNIT)
        rc = fail(err, ENOEXEC, "firmware %s: %zu bytes are no multiple of 4 KiB", fw->path,
                  fw->image.size);
    if (!rc && k->vars[0])
        rc = open_vars(fw, k->vars[index], err);
    auto_free char *vga = find(dir, vgabios_files, &ignored);
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
    blob_free(&fw->vars);
    blob_free(&fw->vgabios);
    *fw = (struct firmware){0};
}
