/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a tar archive that wants to get out can do: nothing. Archives are written by hand here, as no
 * tar program makes them. Outside of the root stands a file "outside" whose content must stay.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/digest.h"
#include "image/store.h"
#include "image/unpack.h"
#include "lib/test.h"

static uint8_t tar[1 << 20];
static size_t tar_len;

static void octal(char *at, size_t room, uint64_t v)
{
    at[--room] = 0;
    while (room) {
        at[--room] = (char)('0' + (v & 7));
        v >>= 3;
    }
}

/* One entry [ustar]. type: '0' file, '1' hard link, '2' link, '3' character device, '5' directory. */
static void add(const char *name, char type, const char *link, const char *content)
{
    char *h = (char *)tar + tar_len;
    size_t n = content ? strlen(content) : 0;
    unsigned sum = 0;

    memset(h, 0, 512);
    snprintf(h, 100, "%s", name);
    octal(h + 100, 8, type == '5' ? 0755 : 0644);
    octal(h + 108, 8, 0);
    octal(h + 116, 8, 0);
    octal(h + 124, 12, n);
    octal(h + 136, 12, 1000000000);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (link)
        snprintf(h + 157, 100, "%s", link);
    memcpy(h + 257, "ustar\00000", 8);
    octal(h + 329, 8, 1);
    octal(h + 337, 8, 3);
    for (int i = 0; i < 512; i++)
        sum += (uint8_t)h[i];
    octal(h + 148, 7, sum);
    tar_len += 512;
    if (n)
        memcpy(tar + tar_len, content, n);
    tar_len += (n + 511) / 512 * 512;
}

struct place {
    char dir[64];
    int root;
};

static void begin(struct place *p)
{
    char path[128];

    strcpy(p->dir, "/tmp/quad-unpack.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(path, sizeof(path), "%s/outside", p->dir);
    FILE *f = fopen(path, "w");
    fputs("precious", f);
    fclose(f);
    snprintf(path, sizeof(path), "%s/root", p->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    p->root = open(path, O_RDONLY | O_DIRECTORY);
    tar_len = 0;
}

static int unpack(struct place *p, bool whiteouts, struct unpack_stats *st, struct error *err)
{
    const struct unpack_opts o = {
        .whiteouts = whiteouts, .max_bytes = 1 << 20, .max_entries = 100};
    FILE *f = tmpfile();

    memset(tar + tar_len, 0, 1024);
    fwrite(tar, 1, tar_len + 1024, f);
    fflush(f);
    *st = (struct unpack_stats){0};
    int rc = unpack_tar(fileno(f), p->root, "test.tar", &o, st, err);
    fclose(f);
    tar_len = 0;
    return rc;
}

static void finish(struct place *p)
{
    char path[128], text[16] = "";

    snprintf(path, sizeof(path), "%s/outside", p->dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_equal(text, "precious");
    snprintf(path, sizeof(path), "%s/etc", p->dir);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing new beside the root */
    close(p->root);
    store_remove_tree(p->dir);
}

static bool there(const struct place *p, const char *path)
{
    return faccessat(p->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_names_that_leave(void **state)
{
    static const char *const names[] = {"../outside", "a/../../outside", "/../outside",
                                        "./../outside", "a/b/../../../outside"};
    struct unpack_stats st;
    struct error err;
    struct place p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        begin(&p);
        add(names[i], '0', NULL, "evil");
        assert_int_equal(unpack(&p, false, &st, &err), -EINVAL);
        assert_non_null(strstr(err.text, "test.tar"));
        finish(&p);
    }
}

static void test_links_that_leave(void **state)
{
    struct unpack_stats st;
    struct error err;
    struct place p;

    (void)state;
    begin(&p); /* through a link to the parent: ".." at the root is the root */
    add("up", '2', "..", NULL);
    add("up/outside", '0', NULL, "evil");
    add("etc", '5', NULL, NULL);
    add("abs", '2', "/etc", NULL);
    add("abs/made", '0', NULL, "inside");
    assert_int_equal(unpack(&p, false, &st, &err), 0);
    assert_true(there(&p, "outside"));
    assert_true(there(&p, "etc/made"));
    finish(&p);

    begin(&p); /* what a link to nowhere names is made inside */
    add("gone", '2', "../../nowhere", NULL);
    add("gone/made", '0', NULL, "inside");
    assert_int_equal(unpack(&p, false, &st, &err), 0);
    assert_true(there(&p, "nowhere/made"));
    finish(&p);

    begin(&p); /* a file written where a link stands replaces the link */
    add("x", '2', "../outside", NULL);
    add("x", '0', NULL, "evil");
    assert_int_equal(unpack(&p, false, &st, &err), 0);
    struct stat s;
    assert_int_equal(fstatat(p.root, "x", &s, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(s.st_mode));
    finish(&p);

    begin(&p); /* a hard link to what is outside, by name and through a link */
    add("h", '1', "../outside", NULL);
    assert_int_equal(unpack(&p, false, &st, &err), -EINVAL);
    finish(&p);
    begin(&p);
    add("up", '2', "..", NULL);
    add("h", '1', "up/outside", NULL);
    assert_int_equal(unpack(&p, false, &st, &err), -EINVAL);
    finish(&p);
}

static void test_devices_are_left_out(void **state)
{
    struct unpack_stats st;
    struct error err;
    struct place p;

    (void)state;
    begin(&p);
    add("dev", '5', NULL, NULL);
    add("dev/null", '3', NULL, NULL);
    add("dev/disk", '4', NULL, NULL);
    add("pipe", '6', NULL, NULL);
    assert_int_equal(unpack(&p, false, &st, &err), 0);
    assert_int_equal(st.devices, 2);
    assert_false(there(&p, "dev/null"));
    assert_false(there(&p, "dev/disk"));
    assert_true(there(&p, "pipe"));
    finish(&p);
}

static void test_whiteouts(void **state)
{
    struct unpack_stats st;
    struct error err;
    struct place p;

    (void)state;
    begin(&p);
    add("a/one", '0', NULL, "1");
    add("a/two", '0', NULL, "2");
    add("b/old/deep", '0', NULL, "3");
    add("c", '0', NULL, "4");
    assert_int_equal(unpack(&p, true, &st, &err), 0);
    /* the layer's own files stay, wherever its whiteouts are in the archive */
    add("b/new", '0', NULL, "5");
    add("a/.wh.one", '0', NULL, "");
    add("b/.wh..wh..opq", '0', NULL, "");
    add(".wh.c", '0', NULL, "");
    add("c/again", '0', NULL, "6");
    assert_int_equal(unpack(&p, true, &st, &err), 0);
    assert_false(there(&p, "a/one"));
    assert_true(there(&p, "a/two"));
    assert_false(there(&p, "b/old"));
    assert_true(there(&p, "b/new"));
    assert_true(there(&p, "c/again"));
    assert_false(there(&p, ".wh.c"));
    finish(&p);

    begin(&p); /* whiteouts that would reach out */
    add("x/.wh...", '0', NULL, "");
    assert_int_equal(unpack(&p, true, &st, &err), -EINVAL);
    finish(&p);
    begin(&p);
    add("up", '2', "..", NULL);
    assert_int_equal(unpack(&p, true, &st, &err), 0);
    add("up/.wh.outside", '0', NULL, "");
    add("up/.wh.root", '0', NULL, "");
    assert_int_equal(unpack(&p, true, &st, &err), 0);
    finish(&p);
}

static void test_bounds(void **state)
{
    struct unpack_stats st;
    struct error err;
    struct place p;
    char name[16], deep[100] = "";

    (void)state;
    begin(&p);
    for (int i = 0; i < 101; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        add(name, '0', NULL, "");
    }
    assert_int_equal(unpack(&p, false, &st, &err), -EFBIG);
    finish(&p);
    begin(&p);
    static char big[(600 << 10) + 1];
    memset(big, 'x', sizeof(big) - 1);
    const struct unpack_opts o = {.max_bytes = 100 << 10, .max_entries = 10};
    add("big", '0', NULL, big);
    memset(tar + tar_len, 0, 1024);
    FILE *f = tmpfile();
    fwrite(tar, 1, tar_len + 1024, f);
    fflush(f);
    assert_int_equal(unpack_tar(fileno(f), p.root, "test.tar", &o, &st, &err), -EFBIG);
    fclose(f);
    finish(&p);
    begin(&p);
    for (int i = 0; i < 49; i++)
        strcat(deep, "d/");
    add(deep, '5', NULL, NULL);
    assert_int_equal(unpack(&p, false, &st, &err), 0);
    finish(&p);
}

static void test_damage(void **state)
{
    struct unpack_stats st;
    struct error err;
    struct place p;

    (void)state;
    begin(&p);
    add("f", '0', NULL, "content");
    FILE *f = tmpfile();
    fwrite(tar, 1, 600, f); /* cut off in the content */
    fflush(f);
    const struct unpack_opts o = {.owners = false};
    assert_true(unpack_tar(fileno(f), p.root, "test.tar", &o, &st, &err) < 0);
    assert_non_null(strstr(err.text, "test.tar"));
    fclose(f);
    finish(&p);
}

static void test_digest(void **state)
{
    char text[DIGEST_TEXT];
    struct error err;
    FILE *f = tmpfile();

    (void)state;
    fputs("abc", f);
    fflush(f);
    /* [FIPS 180-4, the example "abc"] */
    const char *abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_int_equal(digest_file(fileno(f), false, "f", text, &err), 0);
    assert_string_equal(text, abc);
    assert_int_equal(digest_verify(fileno(f), true, "f", abc, &err), 0);
    assert_int_equal(digest_verify(fileno(f), false, "f", "sha256:ba", &err), -EINVAL);
    memcpy(text + 10, "00", 2);
    assert_int_equal(digest_verify(fileno(f), false, "f", text, &err), -EBADMSG);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_leave), cmocka_unit_test(test_links_that_leave),
        cmocka_unit_test(test_devices_are_left_out), cmocka_unit_test(test_whiteouts),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_digest),
    };
#if !HAVE_LIBARCHIVE || !HAVE_NETTLE
    puts("skip: built without libarchive and nettle");
    return 77;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
