/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/tape.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/log.h"
#include "core/machine.h"
#include "core/vcpu.h"

#define MAGIC "quad-tape 1\n"
#define RECORD_BYTES 24u
#define SOURCE_END 0xffffu    /* the guest ended here */
#define DATA_MAX (1u << 17)   /* of one record */
#define QUEUE_MAX (256u << 10) /* bytes that wait, per source */
#define ABOUT_MAX 8192

struct input {
    struct list_node node;
    struct tape_source *source;
    unsigned kind;
    size_t len, at; /* at: bytes already delivered */
    uint8_t data[];
};

struct record {
    uint32_t len;
    unsigned source, kind;
    uint64_t slice, ns;
    uint8_t *data;
};

struct tape {
    struct machine *machine;
    struct list_node sources;
    unsigned n_sources;
    FILE *out, *in;
    const char *path; /* borrowed */

    pthread_mutex_t lock; /* guards what follows, up to the vCPU loop's own */
    pthread_cond_t ready;
    struct list_node inputs, work;
    bool idle; /* the vCPU loop waits for input */

    /* The vCPU loop's. */
    uint64_t slice;
    struct record next; /* replay */
    bool failed, at_end;
};

struct tape *tape_create(struct machine *m)
{
    struct tape *t = xcalloc(1, sizeof(*t));

    t->machine = m;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->ready, NULL);
    list_init(&t->sources);
    list_init(&t->inputs);
    list_init(&t->work);
    return t;
}

void tape_destroy(struct tape *t)
{
    if (!t)
        return;
    list_for_each_safe(it, &t->inputs)
        free(list_entry(it, struct input, node));
    if (t->in)
        fclose(t->in);
    if (t->out)
        fclose(t->out);
    free(t->next.data);
    pthread_cond_destroy(&t->ready);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void tape_add(struct tape *t, struct tape_source *s)
{
    s->tape = t;
    s->id = t->n_sources++;
    list_append(&t->sources, &s->node);
}

bool tape_is_replay(const struct tape *t)
{
    return t && t->in;
}

/* ------------------------------------------------------------------------------------ the file */

static void tape_fail(struct tape *t, const char *what)
{
    if (t->failed)
        return;
    t->failed = true;
    fail(&t->machine->error, EIO, "tape %s: %s (slice %" PRIu64 ", %" PRIu64 " ns)", t->path, what,
         t->slice, clock_ns(&t->machine->clock));
    machine_event(t->machine, EV_FAIL);
}

static void write_record(struct tape *t, unsigned source, unsigned kind, const uint8_t *data,
                         size_t len)
{
    uint8_t head[RECORD_BYTES];

    if (!t->out)
        return;
    st_le32(head, (uint32_t)len);
    st_le16(head + 4, (uint16_t)source);
    st_le16(head + 6, (uint16_t)kind);
    st_le64(head + 8, t->slice);
    st_le64(head + 16, clock_ns(&t->machine->clock));
    if (fwrite(head, sizeof(head), 1, t->out) != 1 || (len && fwrite(data, len, 1, t->out) != 1))
        tape_fail(t, "cannot be written");
}

/* The next record into t->next; without one the tape is at its end. */
static int read_record(struct tape *t, struct error *err)
{
    uint8_t head[RECORD_BYTES];
    struct record *r = &t->next;

    free(r->data);
    *r = (struct record){0};
    size_t n = fread(head, 1, sizeof(head), t->in);
    if (!n && feof(t->in)) {
        t->at_end = true;
        return 0;
    }
    if (n != sizeof(head))
        return fail(err, EINVAL, "ends within a record");
    r->len = ld_le32(head);
    r->source = ld_le16(head + 4);
    r->kind = ld_le16(head + 6);
    r->slice = ld_le64(head + 8);
    r->ns = ld_le64(head + 16);
    if (r->len > DATA_MAX)
        return fail(err, EINVAL, "has a record of %" PRIu32 " bytes", r->len);
    if (r->source != SOURCE_END && r->source >= t->n_sources)
        return fail(err, EINVAL, "speaks of source %u, this machine has %u", r->source,
                    t->n_sources);
    r->data = xcalloc(1, r->len + 1);
    if (r->len && fread(r->data, r->len, 1, t->in) != 1)
        return fail(err, EINVAL, "ends within a record");
    return 0;
}

/* Where two descriptions begin to differ, at the word. */
static const char *first_difference(const char *a, const char *b, const char **other)
{
    size_t i = 0, word = 0;

    for (; a[i] && a[i] == b[i]; i++)
        if (a[i] == ' ')
            word = i + 1;
    *other = b + word;
    return a + word;
}

static int read_header(struct tape *t, const char *about, struct error *err)
{
    char line[ABOUT_MAX];
    const char *there;

    if (!fgets(line, sizeof(line), t->in) || strcmp(line, MAGIC) != 0)
        return fail(err, EINVAL, "%s is no tape; try: one that --record made", t->path);
    if (!fgets(line, sizeof(line), t->in) || !strchr(line, '\n'))
        return fail(err, EINVAL, "tape %s: no description of its machine", t->path);
    *strchr(line, '\n') = 0;
    if (strcmp(line, about)) {
        const char *here = first_difference(about, line, &there);
        return fail(err, EINVAL, "tape %s is of another machine: it has \"%.*s\", this one \"%.*s\"",
                    t->path, (int)MIN(strcspn(there, " "), (size_t)100), there,
                    (int)MIN(strcspn(here, " "), (size_t)100), here);
    }
    return read_record(t, err) ? error_prefix(err, "tape %s", t->path) : 0;
}

int tape_open(struct tape *t, const char *record, const char *replay, struct error *err)
{
    t->path = replay ? replay : record;
    if (replay && !(t->in = fopen(replay, "re")))
        return fail_errno(err, errno, "cannot open tape %s", replay);
    if (record && !(t->out = fopen(record, "we")))
        return fail_errno(err, errno, "cannot create tape %s", record);
    return 0;
}

int tape_start(struct tape *t, const char *about, struct error *err)
{
    char names[256] = "", full[ABOUT_MAX];
    size_t n = 0;

    list_for_each(it, &t->sources)
        n += (size_t)snprintf(names + MIN(n, sizeof(names)), sizeof(names) - MIN(n, sizeof(names)),
                              ",%s", list_entry(it, struct tape_source, node)->name);
    n = (size_t)snprintf(full, sizeof(full), "%s inputs=%s", about, n ? names + 1 : "");
    if (n >= sizeof(full) - 1 || strchr(full, '\n'))
        return fail(err, EINVAL, "this machine's description does not fit on a tape");
    if (t->in)
        return read_header(t, full, err);
    if (t->out && fprintf(t->out, MAGIC "%s\n", full) < 0)
        return fail_errno(err, errno, "cannot write tape %s", t->path);
    return 0;
}

int tape_end(struct tape *t, struct error *err)
{
    int rc = 0;

    if (!t || !t->out)
        return 0;
    write_record(t, SOURCE_END, 0, NULL, 0);
    if (fclose(t->out) || t->failed)
        rc = fail(err, EIO, "cannot write tape %s", t->path);
    t->out = NULL;
    return rc;
}

/* --------------------------------------------------------------------------------------- inputs */

size_t tape_input(struct tape_source *s, unsigned kind, const uint8_t *buf, size_t len)
{
    struct tape *t = s->tape;

    if (tape_is_replay(t))
        return len; /* nobody hears it */
    pthread_mutex_lock(&t->lock);
    size_t room = QUEUE_MAX - MIN(s->queued, (size_t)QUEUE_MAX);
    size_t n = kind ? (len <= room ? len : 0) : MIN(len, room);
    n = MIN(n, (size_t)DATA_MAX);
    s->full = s->full || n < len;
    if (n || !len) {
        struct input *in = xcalloc(1, sizeof(*in) + n);
        *in = (struct input){.source = s, .kind = kind, .len = n};
        memcpy(in->data, buf, n);
        s->queued += n;
        list_append(&t->inputs, &in->node);
    }
    if (t->idle) /* under the lock: a request always comes with its input */
        vcpu_request(t->machine->vcpus[0], REQ_INTR);
    t->idle = false;
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* Offer one input; true: it is used up. The lock is not held: only this thread removes inputs. */
static bool offer(struct tape *t, struct input *in)
{
    struct tape_source *s = in->source;
    size_t n = s->deliver(s->opaque, in->kind, in->data + in->at, in->len - in->at);

    if (n || in->len == in->at)
        write_record(t, s->id, in->kind, in->data + in->at, n);
    in->at += n;
    return in->at >= in->len;
}

/* The oldest input whose source has refused none in this slice, or NULL. */
static struct input *next_input(struct tape *t)
{
    list_for_each(it, &t->inputs) {
        struct input *in = list_entry(it, struct input, node);
        if (!in->source->blocked)
            return in;
    }
    return NULL;
}

/* In order of arrival; a source whose device takes no more has to wait for the next slice. */
static void deliver_live(struct tape *t)
{
    struct input *in;

    pthread_mutex_lock(&t->lock);
    list_for_each(it, &t->sources)
        list_entry(it, struct tape_source, node)->blocked = false;
    while ((in = next_input(t))) {
        struct tape_source *s = in->source;
        size_t before = in->at;
        pthread_mutex_unlock(&t->lock);
        bool gone = offer(t, in);
        pthread_mutex_lock(&t->lock);
        s->queued -= in->at - before;
        s->blocked = !gone;
        if (!gone)
            continue;
        list_remove(&in->node);
        free(in);
        if (s->full) {
            s->full = false;
            pthread_mutex_unlock(&t->lock);
            if (s->room)
                s->room(s->opaque);
            pthread_mutex_lock(&t->lock);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

static void replay_one(struct tape *t)
{
    const struct record *r = &t->next;

    if (r->source == SOURCE_END) { /* its time lies within the slice */
        log_notice("the tape ends here");
        machine_event(t->machine, EV_QUIT);
        return;
    }
    if (r->ns != clock_ns(&t->machine->clock)) {
        tape_fail(t, "the guest took another way than when it was recorded");
        return;
    }
    list_for_each(it, &t->sources) {
        const struct tape_source *s = list_entry(it, struct tape_source, node);
        if (s->id == r->source && s->deliver(s->opaque, r->kind, r->data, r->len) != r->len)
            tape_fail(t, "a device did not take the input that it took when it was recorded");
    }
}

static void deliver_replay(struct tape *t)
{
    struct error err;

    while (!t->at_end && !t->failed && t->next.slice <= t->slice) {
        replay_one(t);
        if (!t->failed && read_record(t, &err))
            tape_fail(t, err.text);
    }
}

void tape_deliver(struct tape *t)
{
    t->slice++;
    tape_work_drain(t);
    if (t->in)
        deliver_replay(t);
    else
        deliver_live(t);
}

bool tape_pending(struct tape *t)
{
    pthread_mutex_lock(&t->lock);
    bool any = !list_empty(&t->work);
    list_for_each(it, &t->inputs)
        any = any || !list_entry(it, struct input, node)->source->blocked;
    t->idle = !any;
    pthread_mutex_unlock(&t->lock);
    return any || (t->in && !t->at_end && !t->failed);
}

/* ----------------------------------------------------------------------------------------- work */

void tape_work_begin(struct tape *t, struct tape_work *w)
{
    w->ready = false;
    pthread_mutex_lock(&t->lock);
    list_append(&t->work, &w->node);
    pthread_mutex_unlock(&t->lock);
}

void tape_work_ready(struct tape *t, struct tape_work *w)
{
    pthread_mutex_lock(&t->lock);
    w->ready = true;
    pthread_cond_broadcast(&t->ready);
    pthread_mutex_unlock(&t->lock);
}

void tape_work_drain(struct tape *t)
{
    struct list_node *last;

    pthread_mutex_lock(&t->lock);
    last = t->work.prev; /* what these begin belongs to the next slice */
    while (!list_empty(&t->work)) {
        struct tape_work *w = list_entry(t->work.next, struct tape_work, node);
        bool end = &w->node == last;
        while (!w->ready)
            pthread_cond_wait(&t->ready, &t->lock);
        list_remove(&w->node);
        pthread_mutex_unlock(&t->lock);
        w->done(w);
        pthread_mutex_lock(&t->lock);
        if (end)
            break;
    }
    pthread_mutex_unlock(&t->lock);
}
