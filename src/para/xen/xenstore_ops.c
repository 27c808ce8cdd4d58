/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore_ops: what the guest asks: messages of {type, request, transaction, length} and up to 4096
 * bytes, answered in order; watch events in between. A transaction works on a copy of the tree; at its
 * end the nodes that it has looked at must be what they were, and its changes are made again on the tree
 * itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/trace.h"
#include "para/xen/domain.h"
#include "para/xen/xenstore_int.h"

/* ---- transactions ---- */

void xs_tx_free(struct xenstore *s, unsigned i)
{
    struct transaction *t = s->tx[i];

    for (size_t k = 0; k < t->nsteps; k++) {
        free(t->step[k].path);
        free(t->step[k].value);
    }
    free(t->step);
    tree_fini(&t->tree);
    free(t);
    s->tx[i] = NULL;
}

struct transaction *xs_tx_start(struct xenstore *s, unsigned slot, uint32_t id)
{
    struct transaction *t = s->tx[slot] = xcalloc(1, sizeof(*t));

    t->id = id;
    tree_copy(&t->tree, &s->tree);
    return t;
}

static int tx_find(const struct xenstore *s, uint32_t id)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++)
        if (s->tx[i] && s->tx[i]->id == id)
            return i;
    return -1;
}

static int tx_note(struct transaction *t, uint8_t op, const char *path, const void *value,
                   size_t len)
{
    const struct node *n = tree_find(&t->tree, path);
    struct step st = {.op = op, .path = xstrdup(path), .generation = n ? n->generation : 0};

    if (t->nsteps == TX_LOG_MAX) {
        free(st.path);
        return -E2BIG;
    }
    if (value) {
        st.value = xcalloc(1, len ? len : 1);
        memcpy(st.value, value, len);
        st.len = len;
    }
    t->step = realloc(t->step, (t->nsteps + 1) * sizeof(*t->step));
    if (!t->step)
        abort();
    t->step[t->nsteps++] = st;
    return 0;
}

/* ---- the operations on nodes ---- */

static int set_perms(struct node *n, uint16_t domid, const char *p, size_t len)
{
    struct perm perm[STORE_PERMS_MAX];
    unsigned k = 0;

    for (size_t at = 0; at < len; at += strlen(p + at) + 1) {
        const char *bits = strchr("nrwb", p[at]);
        char *end;
        unsigned long dom = strtoul(p + at + 1, &end, 10);
        if (!bits || !p[at] || *end || end == p + at + 1 || dom > 0x7fff ||
            k == STORE_PERMS_MAX)
            return -EINVAL;
        perm[k++] = (struct perm){(uint16_t)dom, (uint8_t)(bits - strchr("nrwb", 'n'))};
    }
    if (!k)
        return -EINVAL;
    if (domid && (n->perm[0].domid != domid || perm[0].domid != domid))
        return -EACCES; /* an owner stays one */
    memcpy(n->perm, perm, sizeof(perm));
    n->nperm = k;
    return 0;
}

int xs_change(struct tree *t, uint8_t op, const char *path, uint16_t domid, const void *value,
                  size_t len)
{
    struct node *n = tree_find(t, path);

    if (op == XS_SET_PERMS) {
        if (!n)
            return -ENOENT;
        int rc = set_perms(n, domid, value, len);
        if (!rc)
            n->generation = ++t->generation;
        return rc;
    }
    if (!(tree_may(t, path, domid) & PERM_WRITE))
        return -EACCES;
    if (op == XS_RM) {
        if (n == t->root)
            return -EINVAL;
        if (n) {
            tree_remove(t, n);
            return 0;
        }
        auto_free char *above = xstrdup(path);
        *strrchr(above, '/') = 0;
        return *above && !tree_find(t, above) ? -ENOENT : 1; /* 1: nothing changed */
    }
    if (op == XS_MKDIR && n)
        return 1;
    if (!n)
        n = tree_make(t, path, domid);
    if (!n)
        return -ENOSPC;
    if (op == XS_WRITE)
        tree_set(t, n, value, len);
    return 0;
}

static int tx_end(struct xenstore *s, int i, bool commit)
{
    struct transaction *t = s->tx[i];
    int rc = commit && t->lost ? -EAGAIN : 0;

    for (size_t k = 0; commit && !rc && k < t->nsteps; k++) {
        /* Only what was looked at before the transaction changed it itself says anything. */
        const struct node *n = tree_find(&s->tree, t->step[k].path);
        bool own = false;
        for (size_t j = 0; j < k && !own; j++)
            own = t->step[j].op != XS_READ && (xs_covers(t->step[j].path, t->step[k].path) ||
                                               xs_covers(t->step[k].path, t->step[j].path));
        if (!own && (n ? n->generation : 0) != t->step[k].generation)
            rc = -EAGAIN;
    }
    for (size_t k = 0; commit && !rc && k < t->nsteps; k++) {
        const struct step *st = &t->step[k];
        if (st->op != XS_READ &&
            !xs_change(&s->tree, st->op, st->path, s->d->domid, st->value, st->len))
            xs_changed(s, st->path, st->op == XS_RM);
    }
    xs_tx_free(s, (unsigned)i);
    return rc;
}

/* ---- requests of the guest ---- */

struct request {
    struct xenstore *s;
    const uint8_t *head;
    uint32_t type, id;
    const char *p; /* payload, followed by a 0 */
    size_t len;
    struct transaction *tx;
    struct tree *tree;
};

static int absolute(const struct request *r, const char *path, char out[STORE_PATH_MAX + 64])
{
    if (strlen(path) >= STORE_PATH_MAX)
        return -EINVAL;
    if (path[0] == '/')
        snprintf(out, STORE_PATH_MAX + 64, "%s", path);
    else
        snprintf(out, STORE_PATH_MAX + 64, "%s/%s", r->s->home, path);
    return xs_path_ok(out) ? 0 : -EINVAL;
}

static void answer(const struct request *r, const void *p, size_t n)
{
    xs_reply(r->s, r->head, r->type, p, n);
}

static void ok(const struct request *r)
{
    answer(r, "OK", 3);
}

/* The node that the payload names, for reading. */
static int look(const struct request *r, struct node **n)
{
    char path[STORE_PATH_MAX + 64];
    int rc = r->len && !r->p[r->len - 1] ? absolute(r, r->p, path) : -EINVAL;

    if (rc)
        return rc;
    if (!(tree_may(r->tree, path, r->s->d->domid) & PERM_READ))
        return -EACCES;
    if (r->tx && (rc = tx_note(r->tx, XS_READ, path, NULL, 0)))
        return rc;
    *n = tree_find(r->tree, path);
    return *n ? 0 : -ENOENT;
}

static int do_read(struct request *r)
{
    struct node *n;
    int rc = look(r, &n);

    if (!rc)
        answer(r, n->value ? n->value : (const uint8_t *)"", n->len);
    return rc;
}

static size_t list_children(const struct node *n, char *out, size_t size)
{
    size_t at = 0;

    for (const struct node *c = n->child; c; c = c->next) {
        size_t k = strlen(c->name) + 1;
        if (at + k <= size)
            memcpy(out + at, c->name, k);
        at += k;
    }
    return at;
}

static int do_directory(struct request *r)
{
    char names[PAYLOAD_MAX];
    struct node *n;
    int rc = look(r, &n);

    if (rc)
        return rc;
    size_t len = list_children(n, names, sizeof(names));
    if (len > sizeof(names))
        return -E2BIG;
    answer(r, names, len);
    return 0;
}

/* A long list in pieces: path NUL offset NUL; generation NUL names..., NUL at the end. */
static int do_directory_part(struct request *r)
{
    const size_t all_max = STORE_NODES_MAX * 64;
    size_t path_len = strlen(r->p) + 1;
    char part[PAYLOAD_MAX], *end;
    struct node *n;

    if (path_len >= r->len)
        return -EINVAL;
    unsigned long off = strtoul(r->p + path_len, &end, 10);
    struct request one = *r;
    one.len = path_len;
    int rc = look(&one, &n);
    if (rc)
        return rc;
    auto_free char *names = xcalloc(1, all_max);
    size_t all = MIN(list_children(n, names, all_max), all_max), at;
    if (off > all)
        return -EINVAL;
    at = (size_t)snprintf(part, sizeof(part), "%" PRIu64, n->generation) + 1;
    while (off < all) {
        size_t k = strlen(names + off) + 1;
        if (at + k + 1 > sizeof(part))
            break;
        memcpy(part + at, names + off, k);
        at += k;
        off += k;
    }
    if (off >= all)
        part[at++] = 0;
    answer(r, part, at);
    return 0;
}

static int do_get_perms(struct request *r)
{
    char text[STORE_PERMS_MAX * 8];
    size_t at = 0;
    struct node *n;
    int rc = look(r, &n);

    if (rc)
        return rc;
    for (unsigned i = 0; i < n->nperm; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%c%u", "nrwb"[n->perm[i].bits & 3],
                               n->perm[i].domid) +
              1;
    answer(r, text, at);
    return 0;
}

/* WRITE, MKDIR, RM, SET_PERMS: path NUL rest. */
static int do_change(struct request *r)
{
    char path[STORE_PATH_MAX + 64];
    size_t n = strnlen(r->p, r->len) + 1;
    int rc = n <= r->len ? absolute(r, r->p, path) : -EINVAL;

    if (!rc && (r->type == XS_MKDIR || r->type == XS_RM) && n != r->len)
        rc = -EINVAL;
    if (!rc && r->len - n > STORE_VALUE_MAX)
        rc = -ENOSPC;
    if (!rc && r->type == XS_SET_PERMS && (n == r->len || r->p[r->len - 1]))
        rc = -EINVAL;
    if (!rc && r->tx)
        rc = tx_note(r->tx, (uint8_t)r->type, path, r->p + n, r->len - n);
    if (!rc)
        rc = xs_change(r->tree, (uint8_t)r->type, path, r->s->d->domid, r->p + n, r->len - n);
    if (rc < 0)
        return rc;
    ok(r);
    if (!r->tx && !rc)
        xs_changed(r->s, path, r->type == XS_RM);
    return 0;
}

static int split_watch(const struct request *r, char path[STORE_PATH_MAX + 64], const char **token)
{
    size_t n = strnlen(r->p, r->len) + 1;

    if (n >= r->len || strnlen(r->p + n, r->len - n) + 1 != r->len - n ||
        r->len - n > TOKEN_MAX)
        return -EINVAL;
    *token = r->p + n;
    if (r->p[0] == '@') { /* special events; domains do not come and go here */
        snprintf(path, STORE_PATH_MAX + 64, "%.*s", 64, r->p);
        return 0;
    }
    return absolute(r, r->p, path);
}

static int do_watch(struct request *r)
{
    struct xenstore *s = r->s;
    char path[STORE_PATH_MAX + 64];
    const char *token;
    int rc = split_watch(r, path, &token);

    if (rc)
        return rc;
    list_for_each(it, &s->watches) {
        const struct watch *w = list_entry(it, struct watch, node);
        if (!w->fn && !strcmp(w->path, path) && !strcmp(w->token, token))
            return -EEXIST;
    }
    if (s->nwatches == WATCHES_MAX)
        return -E2BIG;
    struct watch *w = xcalloc(1, sizeof(*w));
    *w = (struct watch){
        .path = xstrdup(path), .shown = xstrdup(r->p), .token = xstrdup(token)};
    list_insert_before(&s->watches, &w->node);
    s->nwatches++;
    ok(r);
    xs_fire(s, w, path); /* once at its registration */
    return 0;
}

static int do_unwatch(struct request *r)
{
    char path[STORE_PATH_MAX + 64];
    const char *token;
    int rc = split_watch(r, path, &token);

    if (rc)
        return rc;
    list_for_each(it, &r->s->watches) {
        struct watch *w = list_entry(it, struct watch, node);
        if (w->fn || strcmp(w->path, path) || strcmp(w->token, token))
            continue;
        xs_watch_free(r->s, w);
        ok(r);
        return 0;
    }
    return -ENOENT;
}

static int do_transaction_start(struct request *r)
{
    struct xenstore *s = r->s;
    char text[16];

    if (r->id)
        return -EBUSY;
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++) {
        if (s->tx[i])
            continue;
        do
            s->next_tx += s->next_tx == UINT32_MAX ? 2 : 1;
        while (tx_find(s, s->next_tx) >= 0);
        int n = snprintf(text, sizeof(text), "%u", xs_tx_start(s, i, s->next_tx)->id);
        answer(r, text, (size_t)n + 1);
        return 0;
    }
    return -ENOSPC;
}

static int do_transaction_end(struct request *r)
{
    bool commit = r->len == 2 && r->p[0] == 'T';

    if (!r->tx)
        return -ENOENT;
    if (!commit && (r->len != 2 || r->p[0] != 'F'))
        return -EINVAL;
    int rc = tx_end(r->s, tx_find(r->s, r->id), commit);
    if (!rc)
        ok(r);
    return rc;
}

static int do_domain_path(struct request *r)
{
    char text[48], *end;
    unsigned long dom = strtoul(r->p, &end, 10);

    if (end == r->p || *end || dom > 0x7fff)
        return -EINVAL;
    if (r->type == XS_IS_DOMAIN_INTRODUCED) {
        answer(r, dom == r->s->d->domid || dom == 0 ? "T" : "F", 2);
        return 0;
    }
    int n = snprintf(text, sizeof(text), "/local/domain/%lu", dom);
    answer(r, text, (size_t)n + 1);
    return 0;
}

static int do_reset_watches(struct request *r)
{
    xs_drop_watches(r->s, false, NULL);
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++)
        if (r->s->tx[i])
            xs_tx_free(r->s, i);
    ok(r);
    return 0;
}

static int dispatch(struct request *r)
{
    int i = r->id ? tx_find(r->s, r->id) : -1;

    r->tree = &r->s->tree;
    if (r->id && i < 0)
        return -ENOENT;
    if (i >= 0) {
        r->tx = r->s->tx[i];
        r->tree = &r->tx->tree;
    }
    switch (r->type) {
    case XS_DIRECTORY: return do_directory(r);
    case XS_DIRECTORY_PART: return do_directory_part(r);
    case XS_READ: return do_read(r);
    case XS_GET_PERMS: return do_get_perms(r);
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_SET_PERMS: return do_change(r);
    case XS_WATCH: return do_watch(r);
    case XS_UNWATCH: return do_unwatch(r);
    case XS_TRANSACTION_START: return do_transaction_start(r);
    case XS_TRANSACTION_END: return do_transaction_end(r);
    case XS_GET_DOMAIN_PATH:
    case XS_IS_DOMAIN_INTRODUCED: return do_domain_path(r);
    case XS_RESET_WATCHES: return do_reset_watches(r);
    case XS_CONTROL:
    case XS_INTRODUCE:
    case XS_RELEASE:
    case XS_RESUME:
    case XS_SET_TARGET: return -EACCES; /* the toolstack's */
    default: return -ENOSYS;
    }
}

static const char *error_name(int code)
{
    switch (code) {
    case EACCES: return "EACCES";
    case EEXIST: return "EEXIST";
    case ENOENT: return "ENOENT";
    case ENOSPC: return "ENOSPC";
    case E2BIG: return "E2BIG";
    case EAGAIN: return "EAGAIN";
    case ENOSYS: return "ENOSYS";
    case EBUSY: return "EBUSY";
    default: return "EINVAL";
    }
}

void xs_message(struct xenstore *s, const uint8_t *in, size_t len)
{
    char payload[PAYLOAD_MAX + 1] = {0};
    struct request r = {.s = s, .head = in, .type = ld_le32(in), .id = ld_le32(in + 8), .p = payload};

    r.len = MIN(len - HEADER, (size_t)PAYLOAD_MAX);
    memcpy(payload, in + HEADER, r.len);
    TRACE(xenstore, "type=%u tx=%u len=%zu %s", r.type, r.id, r.len, payload);
    int rc = dispatch(&r);
    if (rc < 0) {
        const char *name = error_name(-rc);
        TRACE(xenstore_error, "%s", name);
        xs_reply(s, in, XS_ERROR, name, strlen(name) + 1);
    }
}
