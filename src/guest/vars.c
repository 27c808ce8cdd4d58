/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/vars.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "block/disk.h"
#include "block/pool.h"
#include "board/firmware.h"
#include "registry/registry.h"

/* Under another name first: an interrupted copy is no file of variables. */
static int make_file(const char *path, const struct blob *vars, struct error *err)
{
    auto_free char *tmp = xasprintf("%s.new", path);
    auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        return fail_errno(err, errno, "--firmware-vars: cannot create %s", tmp);
    if (write(fd, vars->data, vars->size) != (ssize_t)vars->size || rename(tmp, path) < 0) {
        int code = errno;
        unlink(tmp);
        return fail_errno(err, code, "--firmware-vars: cannot write %s", path);
    }
    return 0;
}

int vars_open(struct blk **out, struct firmware *fw, const char *path, bool elsewhere,
              struct error *err)
{
    const struct disk_options o = {.path = path, .format = "raw", .readonly = elsewhere,
                                   .no_lock = elsewhere, .formats = registry_disks};
    struct blob b;
    struct disk *disk;
    int rc = 0;

    if (access(path, F_OK) < 0)
        rc = make_file(path, &fw->vars, err);
    if (!rc)
        rc = disk_open(&disk, &o, err); /* first, since it locks the file */
    if (rc)
        return error_prefix(err, "--firmware-vars");
    rc = blob_read(&b, "--firmware-vars", path, fw->vars.size, err);
    if (!rc && b.size != fw->vars.size) {
        rc = fail(err, ENOEXEC, "--firmware-vars: %s has %zu bytes, firmware %s wants %zu", path,
                  b.size, fw->path, fw->vars.size);
        blob_free(&b);
    }
    if (rc) {
        disk_close(disk);
        return rc;
    }
    blob_free(&fw->vars);
    fw->vars = b;
    *out = pool_create(disk, POOL_WRITEBACK);
    return 0;
}
