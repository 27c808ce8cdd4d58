/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore_save: the store as bytes: a row of items, each with its kind first, strings and blobs with a
 * length u16 (what waits for the guest: u32), the rest little-endian:
 *
 *     'n' path value perms        a node; what is above it comes before
 *     'w' path shown token        a watch of the guest's
 *     't' id                      a transaction that was open
 *     'c' mfn port next_tx broken have out     the connection; last
 */
#include "para/xen/domain.h"
#include "para/xen/xenstore_int.h"

/* ---- writing ---- */

struct writer {
    uint8_t *p;
    size_t at, size;
    bool full; /* it does not fit */
};

static void put(struct writer *w, const void *from, size_t n)
{
    w->full = w->full || n > w->size - w->at;
    if (w->full || !n)
        return;
    memcpy(w->p + w->at, from, n);
    w->at += n;
}

static void put_number(struct writer *w, uint64_t v, unsigned bytes)
{
    uint8_t raw[8];

    st_le64(raw, v);
    put(w, raw, bytes);
}

static void put_blob(struct writer *w, const void *from, size_t n)
{
    put_number(w, n, 2);
    put(w, from, n);
}

static void put_node(struct writer *w, const struct node *n, char *path, size_t len)
{
    put(w, "n", 1);
    put_blob(w, len ? path : "/", len ? len : 1);
    put_blob(w, n->value, n->len);
    put_number(w, n->nperm, 1);
    for (unsigned i = 0; i < n->nperm; i++) {
        put_number(w, n->perm[i].domid, 2);
        put_number(w, n->perm[i].bits, 1);
    }
    for (const struct node *c = n->child; c; c = c->next) {
        size_t more = strlen(c->name);
        if (len + 1 + more > STORE_PATH_MAX)
            continue; /* cannot be: paths were checked */
        path[len] = '/';
        memcpy(path + len + 1, c->name, more + 1);
        put_node(w, c, path, len + 1 + more);
    }
}

static void put_connection(struct writer *w, const struct xenstore *s)
{
    put(w, "c", 1);
    put_number(w, s->mfn, 8);
    put_number(w, s->port, 4);
    put_number(w, s->next_tx, 4);
    put_number(w, s->broken, 1);
    put_blob(w, s->in, s->have);
    put_number(w, s->out_len, 4);
    put(w, s->out, s->out_len);
}

size_t xs_save(struct xenstore *s, uint8_t *buf, size_t size)
{
    struct writer w = {buf, 0, size, false};
    char path[STORE_PATH_MAX + 1];

    pthread_mutex_lock(&s->lock);
    put_node(&w, s->tree.root, path, 0);
    list_for_each(it, &s->watches) {
        const struct watch *x = list_entry(it, struct watch, node);
        if (x->fn)
            continue;
        put(&w, "w", 1);
        put_blob(&w, x->path, strlen(x->path));
        put_blob(&w, x->shown, strlen(x->shown));
        put_blob(&w, x->token, strlen(x->token));
    }
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++)
        if (s->tx[i]) {
            put(&w, "t", 1);
            put_number(&w, s->tx[i]->id, 4);
        }
    put_connection(&w, s);
    pthread_mutex_unlock(&s->lock);
    return w.full ? 0 : w.at;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *p;
    size_t at, size;
    bool bad;
};

static const uint8_t *get(struct reader *r, size_t n)
{
    if (r->bad || n > r->size - r->at) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return r->p + r->at - n;
}

static uint64_t get_number(struct reader *r, unsigned bytes)
{
    const uint8_t *p = get(r, bytes);
    uint8_t raw[8] = {0};

    if (p)
        memcpy(raw, p, bytes);
    return ld_le64(raw);
}

/* A string of less than `size` bytes. */
static void get_text(struct reader *r, char *to, size_t size)
{
    size_t n = get_number(r, 2);
    const uint8_t *p = get(r, n);

    *to = 0;
    if (!p || n >= size || memchr(p, 0, n)) {
        r->bad = true;
        return;
    }
    memcpy(to, p, n);
    to[n] = 0;
}

static void get_node(struct reader *r, struct xenstore *s)
{
    char path[STORE_PATH_MAX + 1];
    struct perm perm[STORE_PERMS_MAX] = {{0}};

    get_text(r, path, sizeof(path));
    size_t len = get_number(r, 2);
    const uint8_t *value = get(r, len);
    unsigned n = (unsigned)get_number(r, 1);
    for (unsigned i = 0; i < n; i++) {
        struct perm one = {.domid = (uint16_t)get_number(r, 2)};
        one.bits = (uint8_t)get_number(r, 1) & (PERM_READ | PERM_WRITE);
        if (i < STORE_PERMS_MAX)
            perm[i] = one;
    }
    if (r->bad || !n || n > STORE_PERMS_MAX || len > PAYLOAD_MAX || !xs_path_ok(path)) {
        r->bad = true;
        return;
    }
    struct node *node = tree_make(&s->tree, path, 0);
    if (!node) {
        r->bad = true;
        return;
    }
    tree_set(&s->tree, node, value, len);
    memcpy(node->perm, perm, sizeof(perm));
    node->nperm = n;
}

static void get_watch(struct reader *r, struct xenstore *s)
{
    char path[STORE_PATH_MAX + 65], shown[STORE_PATH_MAX + 65], token[TOKEN_MAX + 1];

    get_text(r, path, sizeof(path));
    get_text(r, shown, sizeof(shown));
    get_text(r, token, sizeof(token));
    if (r->bad || s->nwatches == WATCHES_MAX) {
        r->bad = true;
        return;
    }
    struct watch *w = xcalloc(1, sizeof(*w));
    *w = (struct watch){.path = xstrdup(path), .shown = xstrdup(shown), .token = xstrdup(token)};
    list_insert_before(&s->watches, &w->node);
    s->nwatches++;
}

static void get_transaction(struct reader *r, struct xenstore *s)
{
    uint32_t id = (uint32_t)get_number(r, 4);

    for (unsigned i = 0; !r->bad && i < TRANSACTIONS_MAX; i++)
        if (!s->tx[i]) {
            xs_tx_start(s, i, id)->lost = true;
            return;
        }
    r->bad = true;
}

static void get_connection(struct reader *r, struct xenstore *s)
{
    s->mfn = get_number(r, 8);
    s->port = (uint32_t)get_number(r, 4);
    s->next_tx = (uint32_t)get_number(r, 4);
    s->broken = get_number(r, 1);
    size_t have = get_number(r, 2);
    const uint8_t *in = get(r, have);
    size_t out_len = get_number(r, 4);
    const uint8_t *out = get(r, out_len);
    s->page = s->mfn < s->d->max_pages ? frame_host(s->d, s->mfn) : NULL;
    r->bad = r->bad || have > sizeof(s->in) || !s->page;
    if (r->bad)
        return;
    memcpy(s->in, in, have);
    s->have = have;
    s->out_len = 0;
    xs_out(s, out, out_len);
}

int xs_load(struct xenstore *s, const uint8_t *buf, size_t size, struct error *err)
{
    struct reader r = {buf, 0, size, false};
    int kind = 0;

    pthread_mutex_lock(&s->lock);
    xs_forget(s);
    tree_init(&s->tree);
    while (!r.bad && kind != 'c') {
        kind = (int)get_number(&r, 1);
        switch (kind) {
        case 'n':
            get_node(&r, s);
            break;
        case 'w':
            get_watch(&r, s);
            break;
        case 't':
            get_transaction(&r, s);
            break;
        case 'c':
            get_connection(&r, s);
            break;
        default:
            r.bad = true;
        }
    }
    if (r.bad) {
        xs_forget(s);
        tree_init(&s->tree);
    }
    pthread_mutex_unlock(&s->lock);
    return r.bad ? fail(err, EBADMSG, "xenstore: its bytes make no sense at %zu", r.at) : 0;
}
