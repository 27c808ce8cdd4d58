/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "zone/mount.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/log.h"
#include "base/file.h"

/* Option words. `rec`: the word with a leading "r" means the same for all mounts below. */
static const struct {
    const char *name;
    uint64_t set, clear;
    bool rec;
} attr_words[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0, true},
    {"rw", 0, MOUNT_ATTR_RDONLY, true},
    {"nosuid", MOUNT_ATTR_NOSUID, 0, true},
    {"suid", 0, MOUNT_ATTR_NOSUID, true},
    {"nodev", MOUNT_ATTR_NODEV, 0, true},
    {"dev", 0, MOUNT_ATTR_NODEV, true},
    {"noexec", MOUNT_ATTR_NOEXEC, 0, true},
    {"exec", 0, MOUNT_ATTR_NOEXEC, true},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0, true},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME, true},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, true},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"norelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, true},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, true},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, true},
};

static const struct {
    const char *name;
    uint64_t flag;
    bool rec;
} propagation_words[] = {
    {"private", MS_PRIVATE, false},       {"rprivate", MS_PRIVATE, true},
    {"shared", MS_SHARED, false},         {"rshared", MS_SHARED, true},
    {"slave", MS_SLAVE, false},           {"rslave", MS_SLAVE, true},
    {"unbindable", MS_UNBINDABLE, false}, {"runbindable", MS_UNBINDABLE, true},
};

/* Flags of the superblock, and words that say what is the case anyway. */
static const char *const sb_words[] = {"sync", "dirsync", "mand", "lazytime", "iversion", "silent"};
static const char *const void_words[] = {
    "defaults", "async", "nomand", "nolazytime", "noiversion", "loud", "remount", "acl", "noacl",
};
static const char *const own_words[] = {"bind", "rbind", "tmpcopyup", "idmap", "ridmap",
                                         "copy-symlink", "src-nofollow", "dest-nofollow"};

const char *mount_opt_name(unsigned i)
{
    static char name[24];

    if (i < ARRAY_LEN(attr_words))
        return attr_words[i].name;
    i -= ARRAY_LEN(attr_words);
    if (i < ARRAY_LEN(attr_words)) {
        snprintf(name, sizeof(name), "r%s", attr_words[i].name);
        return name;
    }
    i -= ARRAY_LEN(attr_words);
    if (i < ARRAY_LEN(propagation_words))
        return propagation_words[i].name;
    i -= ARRAY_LEN(propagation_words);
    if (i < ARRAY_LEN(sb_words))
        return sb_words[i];
    i -= ARRAY_LEN(sb_words);
    if (i < ARRAY_LEN(void_words))
        return void_words[i];
    i -= ARRAY_LEN(void_words);
    return i < ARRAY_LEN(own_words) ? own_words[i] : NULL;
}

uint64_t mount_propagation(const char *word, bool *rec)
{
    for (size_t i = 0; i < ARRAY_LEN(propagation_words); i++)
        if (!strcmp(word, propagation_words[i].name)) {
            *rec = propagation_words[i].rec;
            return propagation_words[i].flag;
        }
    return 0;
}

/* Words for the access time that mount(8) reads as "not that other one": alone they choose nothing. */
static bool is_weak_atime(const char *word)
{
    return !strcmp(word, "atime") || !strcmp(word, "norelatime") || !strcmp(word, "nostrictatime");
}

static bool parse_attr(const char *word, struct mount_opts *o)
{
    for (size_t i = 0; i < ARRAY_LEN(attr_words); i++) {
        uint64_t set = attr_words[i].set, clear = attr_words[i].clear;
        if (!strcmp(word, attr_words[i].name)) {
            o->given = true;
            if (is_weak_atime(word))
                return true;
            o->atime_given |= clear == MOUNT_ATTR__ATIME;
            o->set = (o->set & ~clear) | set;
            o->clear = (o->clear & ~set) | clear;
            return true;
        }
        if (*word == 'r' && !strcmp(word + 1, attr_words[i].name)) {
            o->rec_set = (o->rec_set & ~clear) | set;
            o->rec_clear = (o->rec_clear & ~set) | clear;
            return true;
        }
    }
    return false;
}

static bool in_list(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, list[i]))
            return true;
    return false;
}

void mount_opts_parse(const char *const *options, struct mount_opts *o)
{
    size_t n = 0;

    *o = (struct mount_opts){0};
    while (options && options[n])
        n++;
    o->data = xcalloc(n + 1, sizeof(*o->data));
    for (size_t i = 0; i < n; i++) {
        const char *w = options[i];
        bool rec = false;
        uint64_t prop = mount_propagation(w, &rec);
        if (prop) {
            o->propagation = prop;
            o->propagation_rec = rec;
        } else if (!strcmp(w, "bind") || !strcmp(w, "rbind")) {
            o->bind = true;
            o->recursive |= *w == 'r';
        } else if (!strcmp(w, "tmpcopyup")) {
            o->copy_up = true;
        } else if (!strcmp(w, "copy-symlink")) {
            o->copy_link = true;
        } else if (!strcmp(w, "src-nofollow")) {
            o->src_nofollow = true;
        } else if (!strcmp(w, "dest-nofollow")) {
            o->dest_nofollow = true;
        } else if (!strcmp(w, "idmap") || !strcmp(w, "ridmap") || !strncmp(w, "idmap=", 6) ||
                   !strncmp(w, "ridmap=", 7)) {
            o->idmap = true;
            o->idmap_rec |= *w == 'r';
            const char *eq = strchr(w, '=');
            o->idmap_text = eq ? eq + 1 : o->idmap_text;
        } else if (in_list(w, sb_words, ARRAY_LEN(sb_words))) {
            if (o->sb_flag_count < ARRAY_LEN(o->sb_flags))
                o->sb_flags[o->sb_flag_count++] = w;
        } else if (!in_list(w, void_words, ARRAY_LEN(void_words)) && *w && !parse_attr(w, o)) {
            o->data[o->data_count++] = w;
        }
    }
}

void mount_opts_free(struct mount_opts *o)
{
    free(o->data);
    o->data = NULL;
}

/* ------------------------------------------------------------------------------ new interface */

bool mount_has_new_api(void)
{
    static int known = -1;

    /* mount_setattr (5.12) is the youngest of the family; -1 as descriptor gives EBADF there */
    if (known < 0)
        known = !(mount_setattr(-1, "", AT_EMPTY_PATH, &(struct mount_attr){.attr_set = 1},
                                sizeof(struct mount_attr)) < 0 &&
                  errno == ENOSYS);
    return known;
}

/* File systems whose superblock is shared with the host or made for the container: "ro" is about
 * this mount only. */
static bool ro_is_of_mount(const char *type)
{
    static const char *const types[] = {"proc",   "sysfs",   "cgroup", "cgroup2",
                                        "tmpfs",  "devpts",  "mqueue"};

    return in_list(type, types, ARRAY_LEN(types));
}

static int fs_error(int fs, const char *type, const char *what, int code, struct error *err)
{
    char log[256];
    ssize_t n = read(fs, log, sizeof(log) - 1);

    if (n > 2) { /* "e text", "w text": the file system's own words */
        log[n] = 0;
        log[strcspn(log, "\n")] = 0;
        return fail_errno(err, code, "mount %s: %s: %s", type, what, log + 2);
    }
    return fail_errno(err, code, "mount %s: %s", type, what);
}

int mount_new(const char *type, const char *source, const struct mount_opts *o, struct error *err)
{
    auto_fd int fs = fsopen(type, FSOPEN_CLOEXEC);

    if (fs < 0)
        return fail_errno(err, errno, "file system %s", type);
    /* what the kernel's own file systems are called by nobody asks, but a tmpfs is known by it */
    if (source && *source && (!ro_is_of_mount(type) || !strcmp(type, "tmpfs")) &&
        fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return fs_error(fs, type, source, errno, err);
    for (unsigned i = 0; i < o->sb_flag_count; i++)
        if (fsconfig(fs, FSCONFIG_SET_FLAG, o->sb_flags[i], NULL, 0) < 0)
            return fs_error(fs, type, o->sb_flags[i], errno, err);
    if ((o->set & MOUNT_ATTR_RDONLY) && !ro_is_of_mount(type))
        fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
    for (size_t i = 0; i < o->data_count; i++) {
        /* one option may hold several, as in mount(8)'s -o */
        auto_free char *copy = xstrdup(o->data[i]);
        char *save = NULL;
        bool quoted = strchr(copy, '"');
        for (char *w = quoted ? copy : strtok_r(copy, ",", &save); w;
             w = quoted ? NULL : strtok_r(NULL, ",", &save)) {
            char *eq = strchr(w, '=');
            if (eq)
                *eq++ = 0;
            if (fsconfig(fs, eq ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, w, eq, 0) < 0)
                return fs_error(fs, type, w, errno, err);
        }
    }
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, type, source && *source ? source : "create", errno, err);
    int m = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)(o->set & ~(uint64_t)MOUNT_ATTR_IDMAP));
    if (m < 0)
        return fs_error(fs, type, "fsmount", errno, err);
    return m;
}

int mount_clone(int dirfd, const char *path, bool recursive, struct error *err)
{
    int m = open_tree(dirfd, path,
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
                          (recursive ? AT_RECURSIVE : 0));

    return m < 0 ? fail_errno(err, errno, "clone the mount of %s", *path ? path : "it") : m;
}

int mount_clone_bind(const char *path, const struct mount_opts *o, struct error *err)
{
    int m = open_tree(AT_FDCWD, path,
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (o->recursive ? AT_RECURSIVE : 0) |
                          (o->src_nofollow ? AT_SYMLINK_NOFOLLOW : 0));

    return m < 0 ? fail_errno(err, errno, "clone the mount of %s", path) : m;
}

int mount_attr(int mount, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive)
{
    struct mount_attr a = {.attr_set = set, .attr_clr = clear, .propagation = propagation};

    if (mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
        return -errno;
    return 0;
}

#define LOCKABLE                                                                             \
    ((uint64_t)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC))

static uint64_t attrs_of(int mount)
{
    static const struct {
        unsigned long st;
        uint64_t attr;
    } map[] = {
        {ST_RDONLY, MOUNT_ATTR_RDONLY},   {ST_NOSUID, MOUNT_ATTR_NOSUID},
        {ST_NODEV, MOUNT_ATTR_NODEV},     {ST_NOEXEC, MOUNT_ATTR_NOEXEC},
        {ST_NOATIME, MOUNT_ATTR_NOATIME}, {ST_NODIRATIME, MOUNT_ATTR_NODIRATIME},
    };
    struct statfs fs;
    uint64_t have = 0;

    if (fstatfs(mount, &fs) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        have |= (unsigned long)fs.f_flags & map[i].st ? map[i].attr : 0;
    if (!((unsigned long)fs.f_flags & (ST_NOATIME | ST_RELATIME)))
        have |= MOUNT_ATTR_STRICTATIME;
    return have;
}

/* The flags of a bind mount, as mount(8) sets them by a remount: without any word those of the source
 * stay; with one, those not named are cleared, but the access time's. In a user namespace what came
 * with the mount is locked: what is not named stays, what is to be cleared is refused. */
static int bind_flags(int mount, const struct mount_opts *o, bool locked, struct error *err)
{
    uint64_t set = o->set, clear = (LOCKABLE | MOUNT_ATTR_NOSYMFOLLOW) & ~set;
    bool nodir = set & MOUNT_ATTR_NODIRATIME, times = o->atime_given || nodir;
    const uint64_t time_bits = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

    if (!o->given)
        return 0;
    if (locked) {
        uint64_t have = attrs_of(mount);
        if ((have & o->clear & LOCKABLE) || (times && (have & time_bits) != (set & time_bits)))
            return fail_errno(err, EPERM, "flags that are locked by the host's mount");
        clear = MOUNT_ATTR_NOSYMFOLLOW & ~set;
        set &= ~time_bits;
    } else if (times) {
        clear |= MOUNT_ATTR__ATIME | (nodir ? 0 : MOUNT_ATTR_NODIRATIME);
    }
    int rc = mount_attr(mount, set, clear, 0, false);
    return rc ? fail_errno(err, -rc, "mount flags") : 0;
}

int mount_apply(int mount, const struct mount_opts *o, bool locked, struct error *err)
{
    int rc = bind_flags(mount, o, locked, err);

    if (rc)
        return rc;
    if (o->rec_set || o->rec_clear) {
        uint64_t clear = o->rec_clear;
        if (o->rec_set & MOUNT_ATTR__ATIME)
            clear |= MOUNT_ATTR__ATIME;
        rc = mount_attr(mount, o->rec_set, clear, 0, true);
        if (rc)
            return fail_errno(err, -rc, "recursive mount flags");
    }
    if (o->propagation) {
        rc = mount_attr(mount, 0, 0, o->propagation, o->propagation_rec);
        if (rc)
            return fail_errno(err, -rc, "mount propagation");
    }
    return 0;
}

int mount_idmap(int mount, int userns, bool recursive, struct error *err)
{
    struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};

    if (mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
        return fail_errno(err, errno, "id-mapped mount (not every file system can)");
    return 0;
}

int mount_attach(int mount, int target, const char *name)
{
    if (move_mount(mount, "", target, name,
                   MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH)) < 0)
        return -errno;
    return 0;
}

/* ------------------------------------------------------------------------------ old interface */

static unsigned long old_flags(const struct mount_opts *o)
{
    static const struct {
        uint64_t attr;
        unsigned long ms;
    } map[] = {
        {MOUNT_ATTR_RDONLY, MS_RDONLY},       {MOUNT_ATTR_NOSUID, MS_NOSUID},
        {MOUNT_ATTR_NODEV, MS_NODEV},         {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
        {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}, {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
    };
    unsigned long f = 0;

    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if ((o->set | o->rec_set) & map[i].attr)
            f |= map[i].ms;
    if ((o->set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
        f |= MS_NOATIME;
    if ((o->set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME)
        f |= MS_STRICTATIME;
    for (unsigned i = 0; i < o->sb_flag_count; i++) {
        f |= !strcmp(o->sb_flags[i], "sync") ? MS_SYNCHRONOUS : 0;
        f |= !strcmp(o->sb_flags[i], "dirsync") ? MS_DIRSYNC : 0;
        f |= !strcmp(o->sb_flags[i], "lazytime") ? MS_LAZYTIME : 0;
    }
    return f;
}

int mount_old(const char *type, const char *source, const struct mount_opts *o, int target,
              struct error *err)
{
    char at[40];
    char data[4096] = "";
    unsigned long flags = old_flags(o);

    snprintf(at, sizeof(at), "/proc/self/fd/%d", target);
    for (size_t i = 0; i < o->data_count; i++) {
        if (strlen(data) + strlen(o->data[i]) + 2 > sizeof(data))
            return fail(err, E2BIG, "mount %s: options are too long", type);
        if (*data)
            strcat(data, ",");
        strcat(data, o->data[i]);
    }
    if (o->bind)
        flags = MS_BIND | (o->recursive ? MS_REC : 0);
    if (mount(source, at, o->bind ? NULL : type, flags, o->bind ? NULL : data) < 0)
        return fail_errno(err, errno, "mount %s at its place", o->bind ? source : type);
    return 0;
}
