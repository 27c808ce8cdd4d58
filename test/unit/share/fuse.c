/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The FUSE server: files and folders as the host sees them, nothing outside of the folder, nothing
 * written when read-only, and random messages.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/test.h"
#include "share/fuse_server.h"

static char base[512], root[560];
static struct fuse_server *server;
static uint8_t message[200000], reply[200000];
static uint64_t seed;

/* Operation `op` on `node`: a record, then names; returns the error, the reply's record in `reply`. */
static int call(uint32_t op, uint64_t node, const void *record, uint32_t size, const char *name,
                const char *name2)
{
    struct fuse_in_header h = {.opcode = op, .unique = 77, .nodeid = node};
    struct fuse_out_header out;
    uint32_t at = sizeof(h);

    memcpy(message + at, record, size);
    at += size;
    for (int i = 0; i < 2; i++) {
        const char *n = i ? name2 : name;
        if (n) {
            memcpy(message + at, n, strlen(n) + 1);
            at += (uint32_t)strlen(n) + 1;
        }
    }
    h.len = at;
    memcpy(message, &h, sizeof(h));
    uint32_t len = fuse_serve(server, message, at, reply, sizeof(reply));
    assert_true(len >= sizeof(out));
    memcpy(&out, reply, sizeof(out));
    assert_int_equal(out.len, len);
    assert_int_equal(out.unique, 77);
    memmove(reply, reply + sizeof(out), len - sizeof(out));
    return out.error;
}

static uint64_t look(uint64_t dir, const char *name)
{
    struct fuse_entry_out e;

    if (call(FUSE_LOOKUP, dir, "", 0, name, NULL))
        return 0;
    memcpy(&e, reply, sizeof(e));
    return e.nodeid;
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void start(bool readonly)
{
    const char *dir = getenv("TEST_TMP");
    char path[700];

    snprintf(base, sizeof(base), "%s/fuse%u", dir ? dir : "/tmp", (unsigned)getpid());
    snprintf(root, sizeof(root), "%s/root", base);
    mkdir(base, 0755);
    mkdir(root, 0755);
    snprintf(path, sizeof(path), "%s/secret", base);
    put_file(path, "outside");
    snprintf(path, sizeof(path), "%s/a", root);
    put_file(path, "hello");
    snprintf(path, sizeof(path), "%s/link", root);
    unlink(path);
    assert_int_equal(symlink("../secret", path), 0);
    snprintf(path, sizeof(path), "%s/pipe", root);
    unlink(path);
    assert_int_equal(mkfifo(path, 0644), 0);
    server = fuse_server_create(open(root, O_PATH | O_DIRECTORY), readonly);
    struct fuse_init_in in = {.major = 7, .minor = 38, .flags = ~0u};
    assert_int_equal(call(FUSE_INIT, 0, &in, sizeof(in), NULL, NULL), 0);
}

static void stop(void)
{
    fuse_server_destroy(server);
}

static uint64_t open_file(uint64_t node, uint32_t flags, int want)
{
    struct fuse_open_in in = {.flags = flags};
    struct fuse_open_out out;

    assert_int_equal(call(FUSE_OPEN, node, &in, sizeof(in), NULL, NULL), want);
    memcpy(&out, reply, sizeof(out));
    return want ? 0 : out.fh;
}

static void test_files(void **state)
{
    struct fuse_attr_out attr;
    struct fuse_entry_out e;
    char path[700], text[64];

    (void)state;
    start(false);
    uint64_t a = look(1, "a");
    assert_true(a > 1);
    assert_int_equal(look(1, "a"), a);
    assert_int_equal(call(FUSE_GETATTR, a, &(struct fuse_getattr_in){0}, 16, NULL, NULL), 0);
    memcpy(&attr, reply, sizeof(attr));
    assert_int_equal(attr.attr.size, 5);

    uint64_t fh = open_file(a, O_RDWR, 0);
    struct fuse_read_in r = {.fh = fh, .offset = 1, .size = 100};
    assert_int_equal(call(FUSE_READ, a, &r, sizeof(r), NULL, NULL), 0);
    assert_memory_equal(reply, "ello", 4);
    struct fuse_write_in w = {.fh = fh, .offset = 5, .size = 6};
    uint8_t both[sizeof(w) + 6];
    memcpy(both, &w, sizeof(w));
    memcpy(both + sizeof(w), " world", 6);
    assert_int_equal(call(FUSE_WRITE, a, both, sizeof(both), NULL, NULL), 0);
    w.size = 7; /* more than there is */
    memcpy(both, &w, sizeof(w));
    assert_int_equal(call(FUSE_WRITE, a, both, sizeof(both), NULL, NULL), -EINVAL);
    struct fuse_release_in rel = {.fh = fh};
    assert_int_equal(call(FUSE_RELEASE, a, &rel, sizeof(rel), NULL, NULL), 0);
    assert_int_equal(call(FUSE_RELEASE, a, &rel, sizeof(rel), NULL, NULL), -EBADF);
    snprintf(path, sizeof(path), "%s/a", root);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 11);
    close(fd);
    assert_memory_equal(text, "hello world", 11);

    struct fuse_mkdir_in mk = {.mode = 0755};
    assert_int_equal(call(FUSE_MKDIR, 1, &mk, sizeof(mk), "d", NULL), 0);
    memcpy(&e, reply, sizeof(e));
    assert_true(S_ISDIR(e.attr.mode));
    struct fuse_create_in cr = {.flags = O_RDWR, .mode = 0100644};
    assert_int_equal(call(FUSE_CREATE, e.nodeid, &cr, sizeof(cr), "new", NULL), 0);
    struct fuse_rename_in rn = {.newdir = 1};
    assert_int_equal(call(FUSE_RENAME, e.nodeid, &rn, sizeof(rn), "new", "moved"), 0);
    assert_int_equal(call(FUSE_RMDIR, 1, "", 0, "d", NULL), 0);
    struct fuse_setattr_in sa = {.valid = FATTR_MODE | FATTR_SIZE, .mode = 06755, .size = 3};
    assert_int_equal(call(FUSE_SETATTR, look(1, "moved"), &sa, sizeof(sa), NULL, NULL), 0);
    memcpy(&attr, reply, sizeof(attr));
    assert_int_equal(attr.attr.mode, 0100755); /* no set-user-id on the host */
    assert_int_equal(attr.attr.size, 3);
    assert_int_equal(call(FUSE_UNLINK, 1, "", 0, "moved", NULL), 0);
    assert_int_equal(look(1, "moved"), 0);
    assert_int_equal(call(9999, 1, "", 0, NULL, NULL), -ENOSYS);
    stop();
}

static void test_folders(void **state)
{
    struct fuse_open_out o;
    unsigned seen = 0, want = 0;
    char path[700];

    (void)state;
    start(false);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "%s/file-%u", root, i);
        put_file(path, "x");
    }
    want = 300 + 5; /* a, link, pipe, "." and ".." */
    for (unsigned plus = 0; plus < 2; plus++) {
        assert_int_equal(call(FUSE_OPENDIR, 1, &(struct fuse_open_in){0}, 8, NULL, NULL), 0);
        memcpy(&o, reply, sizeof(o));
        seen = 0;
        for (uint64_t off = 0;;) {
            struct fuse_read_in r = {.fh = o.fh, .offset = off, .size = 1000};
            struct fuse_in_header h = {.opcode = plus ? FUSE_READDIRPLUS : FUSE_READDIR, .nodeid = 1};
            memcpy(message, &h, sizeof(h));
            memcpy(message + sizeof(h), &r, sizeof(r));
            uint32_t len = fuse_serve(server, message, sizeof(h) + sizeof(r), reply, sizeof(reply));
            if (len == sizeof(struct fuse_out_header))
                break;
            assert_true(len <= 1000 + sizeof(struct fuse_out_header));
            for (uint32_t at = sizeof(struct fuse_out_header); at < len;) {
                struct fuse_dirent d;
                at += plus ? sizeof(struct fuse_entry_out) : 0;
                memcpy(&d, reply + at, FUSE_NAME_OFFSET);
                off = d.off;
                at += (uint32_t)FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d.namelen);
                seen++;
            }
        }
        assert_int_equal(seen, want);
    }
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof(path), "%s/file-%u", root, i);
        unlink(path);
    }
    stop();
}

static void test_confined(void **state)
{
    struct fuse_mknod_in dev = {.mode = S_IFCHR | 0666, .rdev = 0x103};

    (void)state;
    start(false);
    assert_int_equal(look(1, ".."), 0);
    assert_int_equal(look(1, "../secret"), 0);
    assert_int_equal(look(1, "/etc/passwd"), 0);
    assert_int_equal(look(1, "."), 0);
    assert_int_equal(look(1, ""), 0);
    uint64_t link = look(1, "link");
    assert_true(link > 1); /* the link, not what it points at */
    assert_int_equal(call(FUSE_READLINK, link, "", 0, NULL, NULL), 0);
    assert_memory_equal(reply, "../secret", 9);
    open_file(link, O_RDONLY, -ENXIO);
    assert_int_equal(look(link, "x"), 0);
    struct fuse_create_in cr = {.flags = O_RDWR, .mode = 0100644};
    assert_int_equal(call(FUSE_CREATE, 1, &cr, sizeof(cr), "link", NULL), -EEXIST);
    assert_int_equal(call(FUSE_MKNOD, 1, &dev, sizeof(dev), "null", NULL), -EPERM);
    open_file(look(1, "pipe"), O_RDONLY, -ENXIO); /* and it does not wait */
    struct fuse_rename_in rn = {.newdir = 1};
    assert_int_equal(call(FUSE_RENAME, 1, &rn, sizeof(rn), "a", "../a"), -EINVAL);
    stop();
    start(true);
    struct fuse_mkdir_in mk = {.mode = 0755};
    assert_int_equal(call(FUSE_MKDIR, 1, &mk, sizeof(mk), "d", NULL), -EROFS);
    assert_int_equal(call(FUSE_UNLINK, 1, "", 0, "a", NULL), -EROFS);
    open_file(look(1, "a"), O_RDWR, -EROFS);
    open_file(look(1, "a"), O_RDONLY, 0);
    stop();
}

static void test_forget(void **state)
{
    struct fuse_in_header h = {.opcode = FUSE_FORGET};

    (void)state;
    start(false);
    uint64_t a = look(1, "a");
    look(1, "a");
    h.nodeid = a;
    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), &(struct fuse_forget_in){1}, 8);
    assert_int_equal(fuse_serve(server, message, sizeof(h) + 8, reply, 0), 0);
    assert_int_equal(call(FUSE_GETATTR, a, &(struct fuse_getattr_in){0}, 16, NULL, NULL), 0);
    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), &(struct fuse_forget_in){1000}, 8);
    assert_int_equal(fuse_serve(server, message, sizeof(h) + 8, reply, 0), 0);
    assert_int_equal(call(FUSE_GETATTR, a, &(struct fuse_getattr_in){0}, 16, NULL, NULL), -ESTALE);
    stop();
}

static void test_nonsense(void **state)
{
    static const char *const names[] = {"a", "link", "pipe", "n1", "n2", "..", "x/y", ""};

    (void)state;
    start(false);
    for (unsigned i = 0; i < 30000; i++) {
        struct fuse_in_header h = {.opcode = (uint32_t)(test_random(&seed) % 52),
                                   .nodeid = test_random(&seed) % 9};
        uint32_t at = sizeof(h), size = (uint32_t)(test_random(&seed) % 80);
        for (uint32_t k = 0; k < size; k += 8) {
            uint64_t x = test_random(&seed) >> 24;
            x = x & 1 ? x >> 8 & 7 : x >> 8 & 0xfff;
            memcpy(message + at + k, &x, 8);
        }
        at += size;
        for (unsigned k = (unsigned)(test_random(&seed) % 3); k; k--) {
            const char *n = names[test_random(&seed) % ARRAY_LEN(names)];
            memcpy(message + at, n, strlen(n) + 1);
            at += (uint32_t)strlen(n) + 1;
        }
        memcpy(message, &h, sizeof(h));
        uint32_t room = (uint32_t)(test_random(&seed) % 500);
        uint32_t len = fuse_serve(server, message, at, reply, room);
        assert_true(len <= room);
    }
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),  cmocka_unit_test(test_folders),  cmocka_unit_test(test_confined),
        cmocka_unit_test(test_forget), cmocka_unit_test(test_nonsense),
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
