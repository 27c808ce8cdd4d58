/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What image/ writes by itself, judged by other programs: FAT volumes by fsck.vfat and mtools,
 * partition tables by partx; folders that appear only when they are complete.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "image/fat.h"
#include "image/gpt.h"
#include "image/grub.h"
#include "image/host_run.h"
#include "image/seed.h"
#include "image/store.h"
#include "lib/test.h"

static char *tmp_path(const char *name)
{
    const char *dir = getenv("TEST_TMP");

    return xasprintf("%s/%s", dir ? dir : "/tmp", name);
}

/* What a program prints. */
static char *output_of(const char *fmt, ...) printf_like(1, 2);

static char *output_of(const char *fmt, ...)
{
    char *text = xcalloc(1, 1 << 20), command[600];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = 0;
    int rc = pclose(f);
    if (rc)
        fail_msg("%s: %d\n%s", command, rc, text);
    return text;
}

static int new_file(const char *path, uint64_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static void judge_fat(const char *path, const struct fat_file *files, unsigned n)
{
    if (host_has("fsck.vfat")) {
        setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1);
        free(output_of("fsck.vfat -n -V %s 2>&1", path));
    }
    for (unsigned i = 0; i < n && host_has("mtype"); i++) {
        auto_free char *text = output_of("mtype -i %s '::%s'", path, files[i].path);
        if (strlen(text) != files[i].len || memcmp(text, files[i].data, files[i].len))
            fail_msg("%s: another content", files[i].path);
    }
}

static void test_fat(void **state)
{
    static const uint64_t sizes[] = {64 << 10, 256 << 10, 1 << 20, 2 << 20, 4 << 20, 16 << 20,
                                     33 << 20};
    char big[70000];
    auto_free char *path = tmp_path("fat.img");
    const struct fat_file files[] = {
        {"EFI/BOOT/BOOTX64.EFI", "efi", 3},
        {"meta-data", "instance-id: x\n", 15},
        {"empty", "", 0},
        {"A.B", "short", 5},
        {"quad/hostname", "web", 3},
        {"quad/a-rather-long-name.with.dots-in-it", "long", 4},
        {"EFI/BOOT/second", "2", 1},
        {"thirteenchars", "13", 2},
        {"quad/big", big, 20000},
    };

    (void)state;
    memset(big, 'x', sizeof(big));
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct error err = {0};
        auto_close int fd = new_file(path, sizes[i]);
        assert_int_equal(fat_write(fd, 0, sizes[i], "CIDATA", files, ARRAY_LEN(files), &err), 0);
        judge_fat(path, files, ARRAY_LEN(files));
    }
    struct error err = {0};
    auto_close int fd = new_file(path, 64 << 10);
    const struct fat_file large = {"big", big, sizeof(big)};
    assert_int_equal(fat_write(fd, 0, 64 << 10, "X", &large, 1, &err), -ENOSPC);
}

static void test_gpt(void **state)
{
    auto_free char *path = tmp_path("gpt.img");
    uint64_t size = UINT64_C(64) << 20;
    auto_close int fd = new_file(path, size);
    struct error err = {0};
    uint8_t uuid[16];
    struct gpt_part parts[2] = {{gpt_type_bios_boot, {0}, 2048, 2048, "bios"},
                                {gpt_type_linux_root, {0}, 4096, 100000, "root"}};
    char text[37];

    (void)state;
    uuid_random(uuid);
    uuid_random(parts[0].uuid);
    uuid_random(parts[1].uuid);
    assert_int_equal(gpt_write(fd, size, uuid, parts, 2, &err), 0);
    auto_free char *said = output_of(
        "partx -g -r -o NR,START,SECTORS,TYPE,NAME,UUID %s 2>&1", path);
    gpt_uuid_text(parts[1].uuid, text);
    auto_free char *want =
        xasprintf("2 4096 100000 4f68bce3-e8cd-4db1-96e7-fbcaf984b709 root %s", text);
    if (!strstr(said, "1 2048 2048 21686148-6449-6e6f-744e-656564454649 bios") || !strstr(said, want))
        fail_msg("partx sees:\n%s", said);
    /* The copy at the end serves when the first is gone. */
    assert_int_equal(pwrite(fd, (uint8_t[1024]){0}, 1024, 512), 1024);
    auto_free char *again = output_of("partx -g -r -o NR,START,SECTORS,TYPE,NAME,UUID %s 2>&1", path);
    if (!strstr(again, want))
        fail_msg("partx sees without the first header:\n%s", again);
    parts[1].sectors = size / 512;
    assert_int_equal(gpt_write(fd, size, uuid, parts, 2, &err), -EINVAL);
}

static void test_grub(void **state)
{
    auto_free char *path = tmp_path("grub.img");
    auto_close int fd = new_file(path, 4 << 20);
    uint8_t boot[512] = {0xeb}, core[3000] = {0}, b[512];
    struct error err = {0};

    (void)state;
    assert_int_equal(grub_install(fd, boot, 512, core, sizeof(core), 2048, 2048, &err), -EINVAL);
    st_le16(core + 0x1fe, 0x820);
    assert_int_equal(grub_install(fd, boot, 512, core, sizeof(core), 2048, 5, &err), -ENOSPC);
    assert_int_equal(grub_install(fd, boot, 512, core, sizeof(core), 2048, 2048, &err), 0);
    assert_int_equal(pread(fd, b, 512, 0), 512);
    assert_int_equal(ld_le64(b + 0x5c), 2048);
    assert_int_equal(pread(fd, b, 512, 2048 * 512), 512);
    assert_int_equal(ld_le64(b + 0x1f4), 2049);
    assert_int_equal(ld_le16(b + 0x1fc), 5); /* 3000 bytes: six sectors, the first is there */
}

static void test_seed_volume(void **state)
{
    static const char *const users[] = {"joe", "ann"}, *const bad_users[] = {"../x"};
    auto_free char *path = tmp_path("seed.img");
    struct error err = {0};
    struct seed s = {.instance = "i1",
                     .hostname = "web",
                     .keys = "ssh-ed25519 AAAA one\nssh-ed25519 BBBB \"two\"\n",
                     .host_key = "-----BEGIN\nx\n-----END\n",
                     .host_public = "ssh-ed25519 CCCC\n",
                     .users = users,
                     .nusers = 2};

    (void)state;
    assert_int_equal(seed_write(&s, path, &err), 0);
    judge_fat(path, NULL, 0);
    if (host_has("mtype")) {
        auto_free char *said = output_of("mtype -i %s ::vendor-data", path);
        assert_non_null(strstr(said, "\"ssh-ed25519 BBBB \\\"two\\\"\""));
        assert_non_null(strstr(said, "    -----BEGIN\n"));
        auto_free char *meta = output_of("mtype -i %s ::meta-data", path);
        assert_string_equal(meta, "instance-id: \"i1\"\nlocal-hostname: \"web\"\n");
    }
    s.users = bad_users;
    s.nusers = 1;
    assert_int_equal(seed_write(&s, path, &err), -EINVAL);
    s.nusers = 0;
    s.hostname = "a b";
    assert_int_equal(seed_write(&s, path, &err), -EINVAL);
}

static int count(void *opaque, const char *name)
{
    (void)name;
    ++*(int *)opaque;
    return 0;
}

static void test_store(void **state)
{
    auto_free char *root = tmp_path("store");
    struct store_new a, b;
    struct error err = {0};
    int n = 0;

    (void)state;
    setenv("QUAD_DATA_DIR", root, 1);
    assert_false(store_name_ok("../x") || store_name_ok(".x") || store_name_ok("") ||
                 store_name_ok("a/b"));
    assert_int_equal(store_new(&a, STORE_IMAGES, "one", &err), 0);
    assert_int_equal(store_new(&b, STORE_IMAGES, "one", &err), -EEXIST);
    store_abort(&b);
    assert_false(store_has(STORE_IMAGES, "one"));
    store_each(STORE_IMAGES, count, &n);
    assert_int_equal(n, 0);
    store_abort(&a);
    assert_int_equal(store_new(&a, STORE_IMAGES, "one", &err), 0);
    assert_int_equal(store_write(a.path, "f", "abc", 3, 0600, &err), 0);
    assert_int_equal(store_commit(&a, &err), 0);
    store_abort(&a);
    assert_true(store_has(STORE_IMAGES, "one"));
    auto_free char *path = store_path(STORE_IMAGES, "one");
    auto_free char *text = store_read(path, "f");
    assert_string_equal(text, "abc");
    assert_int_equal(store_new(&a, STORE_IMAGES, "one", &err), -EEXIST);
    store_abort(&a);
    assert_int_equal(store_remove(STORE_IMAGES, "one", &err), 0);
    assert_false(store_has(STORE_IMAGES, "one"));
    assert_int_equal(store_remove(STORE_IMAGES, "one", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fat),         cmocka_unit_test(test_gpt),   cmocka_unit_test(test_grub),
        cmocka_unit_test(test_seed_volume), cmocka_unit_test(test_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
