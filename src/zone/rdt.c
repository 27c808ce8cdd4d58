/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/rdt.h"

#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/sys.h"

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif

static const char mount_point[] = "/sys/fs/resctrl";

static int open_resctrl(struct error *err)
{
    struct statfs fs;
    int fd = open(mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != RDTGROUP_SUPER_MAGIC) {
        if (fd >= 0)
            close(fd);
        return fail(err, ENOTSUP, "linux.intelRdt: resctrl is not mounted at %s", mount_point);
    }
    return fd;
}

/* "L3:..." and "MB:..." lines, each in a write of its own: the kernel names the bad one. */
static int write_schemata(int group, const json_t *rdt, struct error *err)
{
    struct json_reader r = {.err = err};
    const char *old[2] = {
        jr_string(&r, rdt, "linux.intelRdt", "l3CacheSchema"),
        jr_string(&r, rdt, "linux.intelRdt", "memBwSchema"),
    };
    size_t n = 0;
    auto_free const char **lines = jr_strings(&r, rdt, "linux.intelRdt", "schemata", &n);

    if (r.rc)
        return r.rc;
    for (size_t i = 0; i < n + 2; i++) {
        const char *text = i < 2 ? old[i] : lines[i - 2];
        if (!text || !*text)
            continue;
        auto_free char *line = xasprintf("%s\n", text);
        int rc = file_write(group, "schemata", line);
        if (rc)
            return fail_errno(err, -rc, "linux.intelRdt: schemata \"%s\"", text);
    }
    return 0;
}

int rdt_join(const struct spec *s, const char *id, pid_t pid, struct error *err)
{
    struct json_reader r = {.err = err};
    const char *clos = jr_string(&r, s->rdt, "linux.intelRdt", "closID");
    bool monitor = jr_bool(&r, s->rdt, "linux.intelRdt", "enableMonitoring") ||
                   jr_bool(&r, s->rdt, "linux.intelRdt", "enableCMT") ||
                   jr_bool(&r, s->rdt, "linux.intelRdt", "enableMBM");
    const char *name = clos && *clos ? clos : id;
    char text[16];

    if (r.rc)
        return r.rc;
    if (!is_component(name) && strcmp(name, "/") != 0)
        return fail(err, EINVAL, "linux.intelRdt.closID \"%s\" is no name", name);
    auto_fd int top = open_resctrl(err);
    if (top < 0)
        return top;
    bool made = false;
    if (strcmp(name, "/") != 0) {
        made = mkdirat(top, name, 0755) == 0;
        if (!made && errno != EEXIST)
            return fail_errno(err, errno, "linux.intelRdt: make group %s", name);
    }
    auto_fd int group = openat(top, strcmp(name, "/") ? name : ".",
                                  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (group < 0)
        return fail_errno(err, errno, "linux.intelRdt: group %s", name);
    int rc = write_schemata(group, s->rdt, err);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "%d", (int)pid);
    if (monitor) {
        auto_free char *mon = xasprintf("mon_groups/%s", id);
        auto_free char *tasks = xasprintf("%s/tasks", mon);
        if (mkdirat(group, mon, 0755) < 0 && errno != EEXIST)
            return fail_errno(err, errno, "linux.intelRdt: monitoring group");
        rc = file_write(group, "tasks", text);
        if (!rc)
            rc = file_write(group, tasks, text);
    } else {
        rc = file_write(group, "tasks", text);
    }
    return rc ? fail_errno(err, -rc, "linux.intelRdt: join %s", name) : 0;
}

void rdt_remove(const struct spec *s, const char *id)
{
    const char *clos = json_string_value(json_object_get(s->rdt, "closID"));
    auto_fd int top = open_resctrl(NULL);

    if (top < 0 || !is_component(id))
        return;
    if (clos && *clos) {
        auto_free char *mon = xasprintf("%s/mon_groups/%s", clos, id);
        if (is_component(clos))
            unlinkat(top, mon, AT_REMOVEDIR);
        return;
    }
    unlinkat(top, id, AT_REMOVEDIR);
}
