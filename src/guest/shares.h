/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * shares: --share DIR:MOUNTPOINT[,ro]: folders of the host on virtio_fs devices "share0", "share1"
 * ...; the tag by which a guest mounts one is the same name.
 */
#ifndef QUAD_GUEST_SHARES_H
#define QUAD_GUEST_SHARES_H

#include "base/opt.h"

struct board;
struct loop;
struct share;

#define SHARES_MAX 8

struct shares {
    struct share *share[SHARES_MAX];
    char *name[SHARES_MAX];
    unsigned n;
};

struct share_config {
    char *dir, *mountpoint;
    bool readonly;
};

int share_config_parse(struct share_config *c, const char *text, struct error *err);
void share_config_free(struct share_config *c);
/* What a built image's first boot reads: "TAG MOUNTPOINT ro|rw" a line; the caller's. */
int shares_describe(const struct opt_list *list, char **text, struct error *err);

int shares_open(struct shares *s, const struct opt_list *list, struct board *board,
                struct loop *loop, struct error *err);
void shares_close(struct shares *s); /* before the machine's devices go */

#endif
