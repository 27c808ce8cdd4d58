/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What we say to cloud-init goes into the vendor data, so that the person's user data wins.
 */
#include "image/seed.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "image/fat.h"

#define SEED_SIZE (UINT64_C(256) << 10)
#define USER_DATA_MAX (UINT64_C(16) << 20)

/* A YAML double-quoted scalar: a subset of JSON's strings. */
static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else if ((unsigned char)*p < ' ')
            fprintf(f, "\\x%02x", *p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

static void put_keys(FILE *f, const char *indent, const char *keys)
{
    auto_free char *copy = xstrdup(keys);
    char *save = NULL;

    fprintf(f, "%sssh_authorized_keys:\n", indent);
    for (char *k = strtok_r(copy, "\n", &save); k; k = strtok_r(NULL, "\n", &save)) {
        fprintf(f, "%s  - ", indent);
        put_text(f, k);
        fputc('\n', f);
    }
}

static void put_block(FILE *f, const char *key, const char *text)
{
    auto_free char *copy = xstrdup(text);
    char *save = NULL;

    fprintf(f, "  %s: |\n", key);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        fprintf(f, "    %s\n", line);
}

static char *vendor_data(const struct seed *s)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        abort(); /* out of memory */
    fputs("#cloud-config\ndisable_root: false\nssh_pwauth: false\n", f);
    put_keys(f, "", s->keys);
    fputs("users:\n  - default\n  - name: root\n    lock_passwd: true\n", f);
    put_keys(f, "    ", s->keys);
    for (size_t i = 0; i < s->nusers; i++) {
        fputs("  - name: ", f);
        put_text(f, s->users[i]);
        fputs("\n    shell: /bin/bash\n    sudo: \"ALL=(ALL) NOPASSWD:ALL\"\n", f);
        put_keys(f, "    ", s->keys);
    }
    if (s->host_key && s->host_public) {
        fputs("ssh_deletekeys: true\nssh_keys:\n", f);
        put_block(f, "ed25519_private", s->host_key);
        put_block(f, "ed25519_public", s->host_public);
    }
    fclose(f);
    return text;
}

static bool is_user(const char *name)
{
    size_t n = strlen(name);

    if (!n || n > 31 || !islower((unsigned char)name[0]))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static bool is_hostname(const char *name)
{
    size_t n = strlen(name);

    return n && n <= 63 && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static char *user_lines(const struct seed *s)
{
    char *all = xstrdup("");

    for (size_t i = 0; i < s->nusers; i++) {
        auto_free char *before = all;
        all = xasprintf("%s%s\n", before, s->users[i]);
    }
    return all;
}

static int check(const struct seed *s, struct error *err)
{
    if (!is_hostname(s->hostname))
        return fail(err, EINVAL, "\"%s\" is no host name: letters, digits, '-', '.', at most 63",
                    s->hostname);
    for (size_t i = 0; i < s->nusers; i++)
        if (!is_user(s->users[i]))
            return fail(err, EINVAL, "\"%s\" is no user's name: lower-case letters, digits, '_', '-'",
                        s->users[i]);
    if (s->user_data && strlen(s->user_data) > USER_DATA_MAX)
        return fail(err, EFBIG, "the user data is longer than 16 MiB");
    return 0;
}

int seed_write(const struct seed *s, const char *path, struct error *err)
{
    int rc = check(s, err);

    if (rc)
        return rc;
    auto_free char *meta =
        xasprintf("instance-id: \"%s\"\nlocal-hostname: \"%s\"\n", s->instance, s->hostname);
    auto_free char *vendor = vendor_data(s);
    auto_free char *users = user_lines(s);
    auto_free char *tmp = xasprintf("%s.new", path);
    auto_close int fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const char *const text[][2] = {
        {"meta-data", meta},
        {"user-data", s->user_data ? s->user_data : "#cloud-config\n{}\n"},
        {"vendor-data", vendor},
        {"quad/hostname", s->hostname},
        {"quad/authorized_keys", s->keys},
        {"quad/host_key", s->host_key},
        {"quad/users", users},
        {"quad/shares", s->shares},
    };
    struct fat_file files[ARRAY_LEN(text)];
    unsigned n = 0;
    uint64_t size = SEED_SIZE;

    for (size_t i = 0; i < ARRAY_LEN(text); i++)
        if (text[i][1]) {
            files[n++] = (struct fat_file){text[i][0], text[i][1], strlen(text[i][1])};
            size += ALIGN_UP(2 * (uint64_t)strlen(text[i][1]), UINT64_C(4096));
        }
    if (fd < 0 || ftruncate(fd, (off_t)size))
        return fail_errno(err, errno, "cannot write %s", tmp);
    rc = fat_write(fd, 0, size, "CIDATA", files, n, err);
    if (!rc && rename(tmp, path))
        rc = fail_errno(err, errno, "cannot rename %s", tmp);
    return rc;
}
