/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The helper has the list as it was when it was started. A request is the place in it, four bytes;
 * the answer is one byte, when the name is gone.
 */
#include "base/leftover.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/list.h"

struct leftover {
    struct list_node node;
    char *path;
    int (*remove)(const char *path);
    uint32_t number;
};

static struct list_node leftovers = {&leftovers, &leftovers};
static uint32_t last_number;
static int helper_fd = -1;

void leftover_add(const char *path, int (*remove)(const char *path))
{
    struct leftover *l = xcalloc(1, sizeof(*l));

    *l = (struct leftover){.path = xstrdup(path), .remove = remove, .number = ++last_number};
    list_append(&leftovers, &l->node);
}

static void forget(struct leftover *l)
{
    list_remove(&l->node);
    free(l->path);
    free(l);
}

void leftover_remove(const char *path)
{
    char done;

    list_for_each_safe(it, &leftovers) {
        struct leftover *l = list_entry(it, struct leftover, node);
        if (strcmp(l->path, path))
            continue;
        if (helper_fd < 0)
            l->remove(path);
        else if (send(helper_fd, &l->number, sizeof(l->number), MSG_NOSIGNAL) > 0)
            (void)!recv(helper_fd, &done, 1, 0);
        forget(l);
    }
}

static void helper_main(void *opaque)
{
    uint32_t number;

    (void)opaque;
    while (recv(HELPER_FD, &number, sizeof(number), 0) == (ssize_t)sizeof(number)) {
        list_for_each_safe(it, &leftovers) {
            struct leftover *l = list_entry(it, struct leftover, node);
            if (l->number != number)
                continue;
            l->remove(l->path);
            forget(l);
        }
        if (send(HELPER_FD, "", 1, MSG_NOSIGNAL) != 1)
            return;
    }
}

int leftover_helper(struct error *err)
{
    if (helper_fd >= 0 || list_empty(&leftovers))
        return 0;
    return helper_start(&(struct helper){.name = "quad-names", .main = helper_main}, &helper_fd, err);
}
