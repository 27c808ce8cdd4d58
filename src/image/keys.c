/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/keys.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/host_run.h"
#include "image/store.h"

static int is_public(const struct dirent *e)
{
    size_t n = strlen(e->d_name);

    return n > 4 && !strcmp(e->d_name + n - 4, ".pub");
}

/* ~/.ssh/NAME.pub counts when it looks like a key. */
static char *persons_keys(void)
{
    const char *home = getenv("HOME");
    auto_free char *dir = xasprintf("%s/.ssh", home ? home : "");
    struct dirent **list = NULL;
    int n = home ? scandir(dir, &list, is_public, alphasort) : 0;
    char *all = xstrdup("");

    for (int i = 0; i < n; i++) {
        auto_free char *text = store_read(dir, list[i]->d_name);
        auto_free char *before = NULL;
        if (text && (!strncmp(text, "ssh-", 4) || !strncmp(text, "ecdsa-", 6) ||
                     !strncmp(text, "sk-", 3))) {
            text[strcspn(text, "\n")] = 0;
            before = all;
            all = xasprintf("%s%s\n", before, text);
        }
        free(list[i]);
    }
    free(list);
    return all;
}

int keys_make(const char *path, const char *comment, struct error *err)
{
    const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment,
                                "-f",         path, NULL};
    int rc = host_run(&(struct host_run){.argv = argv, .in = -1}, err);

    return rc == -ENOENT ? fail(err, ENOENT, "no ssh-keygen; install package openssh-client") : rc;
}

char *keys_own(void)
{
    auto_free char *persons = persons_keys();
    auto_free char *root = store_root();
    char *path = *persons ? NULL : xasprintf("%s/key", root);

    if (path && access(path, R_OK))
        free(take_ptr(path));
    return path;
}

int keys_public(char **text, struct error *err)
{
    auto_free char *persons = persons_keys();
    auto_free char *root = store_root();
    auto_free char *path = xasprintf("%s/key", root);
    int rc = 0;

    *text = NULL;
    if (*persons) {
        *text = take_ptr(persons);
        return 0;
    }
    rc = store_mkdirs(root, err);
    if (!rc && access(path, R_OK))
        rc = keys_make(path, "quadrivium", err);
    if (!rc && !(*text = store_read(root, "key.pub")))
        rc = fail(err, ENOENT, "%s.pub cannot be read", path);
    return rc;
}
