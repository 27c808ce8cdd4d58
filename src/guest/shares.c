/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/shares.h"

#include <ctype.h>

#include "board/board.h"
#include "core/machine.h"
#include "core/share.h"
#include "dev/virtio/virtio_fs.h"
#include "share/share_open.h"

static bool plain_path(const char *p)
{
    for (; *p; p++)
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return false;
    return true;
}

int share_config_parse(struct share_config *c, const char *text, struct error *err)
{
    char *copy = xstrdup(text), *comma = strrchr(copy, ','), *colon;

    *c = (struct share_config){.readonly = comma && !strcmp(comma, ",ro")};
    if (comma && (c->readonly || !strcmp(comma, ",rw")))
        *comma = 0;
    colon = strrchr(copy, ':');
    if (!colon || colon == copy || colon[1] != '/' || !plain_path(colon + 1)) {
        free(copy);
        return fail(err, EINVAL, "--share %s: wants DIR:MOUNTPOINT[,ro]; try: --share .:/work", text);
    }
    *colon = 0;
    c->dir = copy;
    c->mountpoint = xstrdup(colon + 1);
    return 0;
}

void share_config_free(struct share_config *c)
{
    free(take_ptr(c->dir));
    free(take_ptr(c->mountpoint));
}

int shares_describe(const struct opt_list *list, char **text, struct error *err)
{
    char *all = xstrdup("");
    int rc = 0;

    for (size_t i = 0; i < list->count && !rc; i++) {
        struct share_config c;
        rc = share_config_parse(&c, list->items[i], err);
        if (rc)
            break;
        auto_free char *before = all;
        all = xasprintf("%sshare%zu %s %s\n", before, i, c.mountpoint, c.readonly ? "ro" : "rw");
        share_config_free(&c);
    }
    if (rc)
        free(take_ptr(all));
    *text = all;
    return rc;
}

static int open_one(struct shares *s, const char *text, struct board *board, struct loop *loop,
                    struct error *err)
{
    struct share_config c;
    struct dev *dev;
    int rc = share_config_parse(&c, text, err);

    if (rc)
        return rc;
    unsigned n = s->n++;
    s->name[n] = xasprintf("share%u", n);
    rc = share_open(c.dir, s->name[n], c.readonly, loop, &s->share[n], err);
    share_config_free(&c);
    if (!rc)
        rc = dev_create(&virtio_fs_type, s->name[n], board->machine, &dev, err);
    if (rc)
        return rc;
    virtio_fs_configure(dev, s->share[n]);
    return board->type->add_pci(board, dev, err);
}

int shares_open(struct shares *s, const struct opt_list *list, struct board *board,
                struct loop *loop, struct error *err)
{
    int rc = 0;

    if (list->count > SHARES_MAX)
        return fail(err, EINVAL, "--share: more than %d", SHARES_MAX);
    if (list->count && !board->type->add_pci)
        return fail(err, EINVAL, "--share: board %s has no PCI bus", board->type->name);
    for (size_t i = 0; i < list->count && !rc; i++)
        rc = open_one(s, list->items[i], board, loop, err);
    return rc;
}

void shares_close(struct shares *s)
{
    for (unsigned i = 0; i < SHARES_MAX; i++) {
        share_destroy(s->share[i]);
        free(s->name[i]);
    }
    *s = (struct shares){0};
}
