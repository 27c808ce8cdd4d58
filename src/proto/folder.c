/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proto/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/place.h"

char *folder_path(const char *name, const char *file)
{
    auto_free char *guests = place_data("guests");

    return xasprintf("%s/%s%s%s", guests, name, file ? "/" : "", file ? file : "");
}

bool folder_exists(const char *name)
{
    auto_free char *path = folder_path(name, NULL);
    struct stat st;

    return !lstat(path, &st) && S_ISDIR(st.st_mode);
}

int folder_make(const char *name, bool *was_new, struct error *err)
{
    auto_free char *path = folder_path(name, NULL);

    *was_new = !folder_exists(name);
    return place_make(path, err);
}

/* Everything in an open folder; takes fd. Symbolic links are removed, never followed. */
static int remove_contents(int fd, struct error *err)
{
    DIR *d = fdopendir(fd);
    int rc = 0;

    if (!d) {
        rc = fail_errno(err, errno, "cannot read a folder");
        close(fd);
        return rc;
    }
    for (struct dirent *e; !rc && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (!unlinkat(fd, e->d_name, 0))
            continue;
        int sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            rc = remove_contents(sub, err);
        if (!rc && unlinkat(fd, e->d_name, AT_REMOVEDIR))
            rc = fail_errno(err, errno, "cannot remove %s", e->d_name);
    }
    closedir(d);
    return rc;
}

int folder_remove(const char *name, struct error *err)
{
    auto_free char *path = folder_path(name, NULL);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return fail_errno(err, errno, "%s", path);
    int rc = remove_contents(fd, err);
    if (!rc && rmdir(path))
        rc = fail_errno(err, errno, "cannot remove %s", path);
    return rc;
}

/* A new file takes the old one's place at once: a reader sees one or the other. */
int folder_save(const char *name, const char *file, const json_t *what, struct error *err)
{
    auto_free char *path = folder_path(name, file);
    auto_free char *tmp = xasprintf("%s.new.%d", path, (int)getpid());

    if (json_dump_file(what, tmp, JSON_INDENT(2)) || rename(tmp, path)) {
        int code = errno;
        unlink(tmp);
        return fail_errno(err, code, "cannot write %s", path);
    }
    return 0;
}

json_t *folder_load(const char *name, const char *file, struct error *err)
{
    auto_free char *path = folder_path(name, file);
    json_error_t why;

    if (access(path, R_OK)) {
        fail_errno(err, errno, "%s", path);
        return NULL;
    }
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!j)
        fail(err, EINVAL, "%s: line %d, column %d: %s", path, why.line, why.column, why.text);
    return j;
}
