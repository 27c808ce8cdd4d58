/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chr/chr_open.h"

#include "chr/chr_fd.h"

static int null_open(struct loop *loop, struct chr **out, struct error *err)
{
    struct chr_fd *c = chr_fd_create(sizeof(*c), loop, "null");

    (void)err;
    c->discard = true;
    *out = &c->chr;
    return 0;
}

static const struct {
    const char *name;
    int (*open)(struct loop *loop, struct chr **out, struct error *err);
    int (*open_path)(const char *path, struct loop *loop, struct chr **out, struct error *err);
} kinds[] = {
    {"stdio", chr_stdio_open, NULL}, {"pty", chr_pty_open, NULL},   {"null", null_open, NULL},
    {"file", NULL, chr_file_open},   {"socket", NULL, chr_socket_open},
};

int chr_open(const char *spec, struct loop *loop, struct chr **out, struct error *err)
{
    size_t name = strcspn(spec, ":");
    const char *path = spec[name] ? spec + name + 1 : NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i].name) != name || strncmp(kinds[i].name, spec, name) != 0)
            continue;
        if (kinds[i].open && !path)
            return kinds[i].open(loop, out, err);
        if (kinds[i].open_path && path && *path)
            return kinds[i].open_path(path, loop, out, err);
    }
    return fail(err, EINVAL,
                "no character back end is called \"%s\"; try: stdio, file:PATH, socket:PATH, pty, "
                "null",
                spec);
}

static struct chr_fd *as_fd(const struct chr *chr)
{
    const struct chr *inner;

    while ((inner = chr_log_inner(chr)) || (inner = chr_hub_primary(chr)))
        chr = inner;
    return chr && chr->ops == &chr_fd_ops ? container_of((struct chr *)chr, struct chr_fd, chr)
                                          : NULL;
}

void chr_on_quit(struct chr *chr, void (*quit)(void *opaque), void *opaque)
{
    struct chr_fd *c = as_fd(chr);

    if (c) {
        c->quit_opaque = opaque;
        c->quit = quit;
    }
}

const char *chr_where(const struct chr *chr)
{
    const struct chr_fd *c = as_fd(chr);

    return c ? c->where : "nowhere";
}

bool chr_is_terminal(const struct chr *chr)
{
    const struct chr_fd *c = as_fd(chr);

    return c && c->terminal;
}

uint64_t chr_dropped(const struct chr *chr)
{
    struct chr_fd *c = as_fd(chr);

    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    uint64_t n = c->n_out_dropped;
    pthread_mutex_unlock(&c->lock);
    return n;
}
