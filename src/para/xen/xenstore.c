/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The protocol: messages of {type, request, transaction, length} and up to 4096 bytes, answered in
 * order; watch events in between. The ring [XEN io/xs_wire]:
 *
 *     0 req[1024]   1024 rsp[1024]   2048 req_cons req_prod rsp_cons rsp_prod (u32)
 *
 * A transaction works on a copy of the tree; at its end the nodes that it has looked at must be what
 * they were, and its changes are made again on the tree itself. While more than OUT_MAX bytes wait for
 * the guest, no more of its requests are read: no event is lost, and none piles up without bound.
 */
#include "para/xen/xenstore.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/list.h"
#include "base/trace.h"
#include "para/xen/domain.h"
#include "para/xen/xenstore_tree.h"

/* clang-format off */
enum {
    XS_CONTROL, XS_DIRECTORY, XS_READ, XS_GET_PERMS, XS_WATCH, XS_UNWATCH, XS_TRANSACTION_START,
    XS_TRANSACTION_END, XS_INTRODUCE, XS_RELEASE, XS_GET_DOMAIN_PATH, XS_WRITE, XS_MKDIR, XS_RM,
    XS_SET_PERMS, XS_WATCH_EVENT, XS_ERROR, XS_IS_DOMAIN_INTRODUCED, XS_RESUME, XS_SET_TARGET,
    XS_RESET_WATCHES = 21, XS_DIRECTORY_PART = 22,
};
/* clang-format on */

enum { RING_REQ = 0, RING_RSP = 1024, RING = 1024, REQ_CONS = 2048, REQ_PROD = 2052, RSP_CONS = 2056,
       RSP_PROD = 2060, HEADER = 16, PAYLOAD_MAX = 4096, OUT_MAX = 65536 };
enum { WATCHES_MAX = 256, TRANSACTIONS_MAX = 16, TX_LOG_MAX = 4096, TOKEN_MAX = 256 };

struct watch {
    struct list_node node;
    char *path;            /* absolute */
    char *shown;           /* as the guest said it */
    char *token;
    void (*fn)(void *opaque); /* a back end's; NULL: the guest's */
    void *opaque;
    bool fired;
};

/* What a transaction did, for its end. */
struct step {
    uint8_t op; /* XS_READ: looked at; XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS: to be done again */
    char *path;
    uint64_t generation; /* when it began; 0: was not there */
    uint8_t *value;
    size_t len;
};

struct transaction {
    uint32_t id;
    struct tree tree;
    struct step *step;
    size_t nsteps;
};

struct xenstore {
    struct xen_domain *d;
    pthread_mutex_t lock;
    struct tree tree;
    struct list_node watches;
    unsigned nwatches;
    struct transaction *tx[TRANSACTIONS_MAX];
    uint32_t next_tx;
    char home[32]; /* "/local/domain/1" */
    /* the guest's connection */
    uint8_t *page;
    uint64_t mfn;
    uint32_t port;
    uint8_t in[HEADER + PAYLOAD_MAX];
    size_t have;
    bool broken; /* it has sent what is no message: nothing more is read */
    uint8_t *out;
    size_t out_len, out_room;
    bool scheduled; /* internal watches wait for the loop */
};

/* ---- output ---- */

static void out_bytes(struct xenstore *s, const void *p, size_t n)
{
    if (s->out_len + n > s->out_room) {
        s->out_room = MAX(2 * s->out_room, s->out_len + n);
        s->out = realloc(s->out, s->out_room);
        if (!s->out)
            abort();
    }
    memcpy(s->out + s->out_len, p, n);
    s->out_len += n;
}

static void reply(struct xenstore *s, const uint8_t *head, uint32_t type, const void *p, size_t n)
{
    uint8_t h[HEADER];

    memcpy(h, head, HEADER);
    st_le32(h, type);
    st_le32(h + 12, (uint32_t)n);
    out_bytes(s, h, HEADER);
    out_bytes(s, p, n);
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

size_t xs_output(struct xenstore *s, uint8_t *out, size_t size)
{
    size_t n = MIN(size, s->out_len);

    memcpy(out, s->out, n);
    memmove(s->out, s->out + n, s->out_len - n);
    s->out_len -= n;
    return n;
}

/* ---- watches ---- */

static bool covers(const char *watched, const char *path)
{
    size_t n = strlen(watched);

    return !strncmp(watched, path, n) && (n == 1 || path[n] == 0 || path[n] == '/');
}

static void run_internal(void *opaque);

static void fire(struct xenstore *s, struct watch *w, const char *path)
{
    if (w->fn) {
        w->fired = true;
        if (!s->scheduled && s->d->m->loop) {
            s->scheduled = true;
            loop_call(s->d->m->loop, run_internal, s);
        }
        return;
    }
    /* Below the guest's own node and asked for like that: the path is told like that. */
    size_t home = strlen(s->home);
    if (w->shown[0] != '/' && w->shown[0] != '@' && !strncmp(path, s->home, home) &&
        path[home] == '/')
        path += home + 1;
    uint8_t h[HEADER] = {XS_WATCH_EVENT};
    size_t np = strlen(path) + 1, nt = strlen(w->token) + 1;
    st_le32(h + 12, (uint32_t)(np + nt));
    out_bytes(s, h, HEADER);
    out_bytes(s, path, np);
    out_bytes(s, w->token, nt);
}

/* Whoever watches the node or something above it; a removal also who watches below it. */
static void changed(struct xenstore *s, const char *path, bool removed)
{
    list_for_each(it, &s->watches) {
        struct watch *w = list_entry(it, struct watch, node);
        if (covers(w->path, path))
            fire(s, w, path);
        else if (removed && covers(path, w->path))
            fire(s, w, w->path);
    }
}

static void run_internal(void *opaque)
{
    struct xenstore *s = opaque;

    pthread_mutex_lock(&s->lock);
    s->scheduled = false;
    for (bool again = true; again;) {
        again = false;
        list_for_each(it, &s->watches) {
            struct watch *w = list_entry(it, struct watch, node);
            if (!w->fired)
                continue;
            w->fired = false;
            void (*fn)(void *) = w->fn;
            void *arg = w->opaque;
            pthread_mutex_unlock(&s->lock);
            fn(arg);
            pthread_mutex_lock(&s->lock);
            again = true; /* the list may be another now */
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

static void watch_free(struct xenstore *s, struct watch *w)
{
    list_remove(&w->node);
    s->nwatches -= !w->fn;
    free(w->path);
    free(w->shown);
    free(w->token);
    free(w);
}

static void drop_watches(struct xenstore *s, bool all, const void *opaque)
{
    for (struct list_node *it = s->watches.next, *next; it != &s->watches; it = next) {
        struct watch *w = list_entry(it, struct watch, node);
        next = it->next;
        if (all || (opaque ? w->fn && w->opaque == opaque : !w->fn))
            watch_free(s, w);
    }
}

/* ---- transactions ---- */

static void tx_free(struct xenstore *s, unsigned i)
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

/* One change of a tree, as domid; the caller has checked the path. */
static int change(struct tree *t, uint8_t op, const char *path, uint16_t domid, const void *value,
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
    int rc = 0;

    for (size_t k = 0; commit && !rc && k < t->nsteps; k++) {
        /* Only what was looked at before the transaction changed it itself says anything. */
        const struct node *n = tree_find(&s->tree, t->step[k].path);
        bool own = false;
        for (size_t j = 0; j < k && !own; j++)
            own = t->step[j].op != XS_READ && (covers(t->step[j].path, t->step[k].path) ||
                                               covers(t->step[k].path, t->step[j].path));
        if (!own && (n ? n->generation : 0) != t->step[k].generation)
            rc = -EAGAIN;
    }
    for (size_t k = 0; commit && !rc && k < t->nsteps; k++) {
        const struct step *st = &t->step[k];
        if (st->op != XS_READ &&
            !change(&s->tree, st->op, st->path, s->d->domid, st->value, st->len))
            changed(s, st->path, st->op == XS_RM);
    }
    tx_free(s, (unsigned)i);
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
    reply(r->s, r->head, r->type, p, n);
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
        rc = change(r->tree, (uint8_t)r->type, path, r->s->d->domid, r->p + n, r->len - n);
    if (rc < 0)
        return rc;
    ok(r);
    if (!r->tx && !rc)
        changed(r->s, path, r->type == XS_RM);
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
    fire(s, w, path); /* once at its registration */
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
        watch_free(r->s, w);
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
        s->tx[i] = xcalloc(1, sizeof(*s->tx[i]));
        do
            s->tx[i]->id = ++s->next_tx ? s->next_tx : ++s->next_tx;
        while (tx_find(s, s->next_tx) != (int)i);
        tree_copy(&s->tx[i]->tree, &s->tree);
        int n = snprintf(text, sizeof(text), "%u", s->tx[i]->id);
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
    drop_watches(r->s, false, NULL);
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++)
        if (r->s->tx[i])
            tx_free(r->s, i);
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
        reply(s, in, XS_ERROR, name, strlen(name) + 1);
    }
}

/* ---- the ring ---- */

/* Move queued output into the ring; true: something was. */
static bool ring_put(struct xenstore *s)
{
    uint32_t cons = mem_host_ld32(s->page + RSP_CONS), prod = mem_host_ld32(s->page + RSP_PROD);
    uint8_t buf[RING];

    if (prod - cons > RING)
        return false; /* nonsense */
    size_t n = xs_output(s, buf, RING - (prod - cons));
    for (size_t i = 0; i < n; i++)
        s->page[RING_RSP + (prod + i) % RING] = buf[i];
    mem_host_st32(s->page + RSP_PROD, prod + (uint32_t)n);
    return n;
}

static bool ring_get(struct xenstore *s)
{
    uint32_t cons = mem_host_ld32(s->page + REQ_CONS), prod = mem_host_ld32(s->page + REQ_PROD);
    bool any = cons != prod;

    if (prod - cons > RING || s->broken)
        return false;
    while (cons != prod && s->out_len < OUT_MAX) {
        size_t want = HEADER;
        if (s->have >= HEADER) {
            uint32_t len = ld_le32(s->in + 12);
            if (len > PAYLOAD_MAX) {
                s->broken = true;
                break;
            }
            want += len;
        }
        while (cons != prod && s->have < want)
            s->in[s->have++] = s->page[RING_REQ + cons++ % RING];
        if (s->have >= HEADER && s->have == HEADER + (size_t)ld_le32(s->in + 12)) {
            xs_message(s, s->in, s->have);
            s->have = 0;
        }
    }
    mem_host_st32(s->page + REQ_CONS, cons);
    return any;
}

/* s->lock held. */
static void serve(struct xenstore *s)
{
    bool any = false, got, put;

    if (!s->page)
        return;
    do {
        got = ring_get(s);
        put = ring_put(s);
        any = any || got || put;
    } while (got && mem_host_ld32(s->page + REQ_CONS) != mem_host_ld32(s->page + REQ_PROD) && put);
    if (any) {
        frame_written(s->d, s->mfn);
        evtchn_raise(s->d, s->port);
    }
}

static void notified(void *opaque)
{
    struct xenstore *s = opaque;

    pthread_mutex_lock(&s->lock);
    serve(s);
    pthread_mutex_unlock(&s->lock);
}

uint32_t xs_attach(struct xen_domain *d, uint64_t mfn)
{
    struct xenstore *s = d->store;

    s->mfn = mfn;
    s->page = frame_host(d, mfn);
    s->have = s->out_len = 0;
    s->broken = false;
    s->port = evtchn_backend_port(d, 0, notified, s);
    return s->port;
}

/* ---- back ends and tools: domain 0 ---- */

static void full_path(const struct xenstore *s, const char *path, char out[STORE_PATH_MAX + 64])
{
    if (path[0] == '/')
        snprintf(out, STORE_PATH_MAX + 64, "%s", path);
    else
        snprintf(out, STORE_PATH_MAX + 64, "%s/%s", s->home, path);
}

void xs_write(struct xenstore *s, const char *path, const char *fmt, ...)
{
    char at[STORE_PATH_MAX + 64], value[STORE_VALUE_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    if (!change(&s->tree, XS_WRITE, at, 0, value, (size_t)n)) {
        changed(s, at, false);
        serve(s);
    }
    pthread_mutex_unlock(&s->lock);
}

bool xs_read(struct xenstore *s, const char *path, char *value, size_t size)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    const struct node *n = tree_find(&s->tree, at);
    size_t len = n ? MIN(n->len, size - 1) : 0;
    if (len)
        memcpy(value, n->value, len);
    value[len] = 0;
    pthread_mutex_unlock(&s->lock);
    return n;
}

bool xs_read_number(struct xenstore *s, const char *path, uint64_t *value)
{
    char text[32], *end;

    if (!xs_read(s, path, text, sizeof(text)))
        return false;
    *value = strtoull(text, &end, 10);
    return end != text && !*end;
}

void xs_remove(struct xenstore *s, const char *path)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    if (!change(&s->tree, XS_RM, at, 0, NULL, 0)) {
        changed(s, at, true);
        serve(s);
    }
    pthread_mutex_unlock(&s->lock);
}

void xs_give(struct xenstore *s, const char *path, bool own)
{
    char at[STORE_PATH_MAX + 64];

    full_path(s, path, at);
    pthread_mutex_lock(&s->lock);
    struct node *n = tree_make(&s->tree, at, 0);
    if (n) {
        n->perm[0] = own ? (struct perm){s->d->domid, PERM_NONE} : (struct perm){0, PERM_NONE};
        n->perm[1] = (struct perm){s->d->domid, PERM_READ};
        n->nperm = own ? 1 : 2;
    }
    pthread_mutex_unlock(&s->lock);
}

void xs_watch(struct xenstore *s, const char *path, void (*fn)(void *opaque), void *opaque)
{
    char at[STORE_PATH_MAX + 64];
    struct watch *w = xcalloc(1, sizeof(*w));

    full_path(s, path, at);
    *w = (struct watch){.path = xstrdup(at), .fn = fn, .opaque = opaque};
    pthread_mutex_lock(&s->lock);
    list_insert_before(&s->watches, &w->node);
    fire(s, w, at);
    pthread_mutex_unlock(&s->lock);
}

void xs_unwatch(struct xenstore *s, void *opaque)
{
    pthread_mutex_lock(&s->lock);
    drop_watches(s, false, opaque);
    pthread_mutex_unlock(&s->lock);
}

void xs_control(struct xenstore *s, const char *name, const char *value)
{
    char path[64];

    snprintf(path, sizeof(path), "control/%s", name);
    xs_write(s, path, "%s", value);
}

/* ---- life ---- */

struct xenstore *xs_create(struct xen_domain *d)
{
    struct xenstore *s = xcalloc(1, sizeof(*s));

    s->d = d;
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->watches);
    snprintf(s->home, sizeof(s->home), "/local/domain/%u", d->domid);
    tree_init(&s->tree);
    return s;
}

static void forget(struct xenstore *s)
{
    drop_watches(s, true, NULL);
    for (unsigned i = 0; i < TRANSACTIONS_MAX; i++)
        if (s->tx[i])
            tx_free(s, i);
    s->nwatches = 0;
    tree_fini(&s->tree);
    s->page = NULL;
    s->out_len = s->have = 0;
}

void xs_destroy(struct xenstore *s)
{
    if (!s)
        return;
    forget(s);
    pthread_mutex_destroy(&s->lock);
    free(s->out);
    free(s);
}

/* As a toolstack leaves it for a new guest [xenstore-paths]. */
void xs_reset(struct xenstore *s)
{
    static const char *const dirs[] = {"data", "drivers", "feature", "attr", "error", "device",
                                       "control/shutdown", "control/feature-poweroff",
                                       "control/feature-reboot", "control/feature-suspend",
                                       "control/sysrq", "device/suspend/event-channel"};
    struct xen_domain *d = s->d;
    char path[64];

    pthread_mutex_lock(&s->lock);
    forget(s);
    tree_init(&s->tree);
    pthread_mutex_unlock(&s->lock);
    xs_give(s, s->home, false);
    const uint8_t *u = d->config.uuid;
    snprintf(path, sizeof(path),
             "/vm/%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
             u[15]);
    xs_write(s, path, "%s", "");
    xs_give(s, path, false);
    xs_write(s, "vm", "%s", path);
    xs_write(s, "name", "%s", "guest");
    xs_write(s, "domid", "%u", d->domid);
    xs_write(s, "memory/static-max", "%" PRIu64, d->max_pages * 4);
    xs_write(s, "memory/target", "%" PRIu64, d->nr_pages * 4);
    xs_write(s, "memory/videoram", "%d", 0);
    for (unsigned i = 0; i < d->nvcpus; i++) {
        snprintf(path, sizeof(path), "cpu/%u/availability", i);
        xs_write(s, path, "%s", "online");
    }
    xs_write(s, "control/platform-feature-multiprocessor-suspend", "%d", 1);
    xs_write(s, "control/platform-feature-xs_reset_watches", "%d", 1);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        xs_write(s, dirs[i], "%s", "");
        xs_give(s, dirs[i], true);
    }
    xs_give(s, "device", false);
}
