/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/gdbstub.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "arch/x86/arch.h"
#include "arch/x86/gdb.h"
#include "base/leftover.h"
#include "base/log.h"
#include "base/trace.h"

/* Longest packet, either way, between '$' and '#'. Memory is handed over in pieces that fit. */
#define PACKET_MAX 16384u
#define MEMORY_MAX ((PACKET_MAX - 64) / 2)

#define SIG_INT 2
#define SIG_TRAP 5

struct gdbstub {
    struct machine *m;
    int listen_fd, fd; /* -1: nobody */
    struct loop_io listen_io, io;
    char *path; /* of the Unix socket */
    char *xml;
    bool running;     /* the debugger has said go on */
    bool no_ack;
    unsigned cur;     /* vCPU of g, p, m ... */
    unsigned stopped; /* vCPU that the last stop is about */
    int signal;       /* of the last stop */
    /* The packet that arrives: */
    enum { IDLE, DATA, SUM1, SUM2 } phase;
    char in[PACKET_MAX + 1];
    size_t in_len;
    char out[PACKET_MAX + 1];
    size_t out_len;
};

/* ------------------------------------------------------------------------------------- output */

static void send_raw(struct gdbstub *g, const char *p, size_t n)
{
    while (n && g->fd >= 0) {
        ssize_t k = send(g->fd, p, n, MSG_NOSIGNAL);
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        } else if (k < 0 && errno == EAGAIN) {
            /* a debugger reads what it asked for; a second of patience */
            struct pollfd pf = {.fd = g->fd, .events = POLLOUT};
            if (poll(&pf, 1, 1000) <= 0)
                return;
        } else if (k < 0 && errno != EINTR) {
            return;
        }
    }
}

static void put(struct gdbstub *g, const char *fmt, ...) printf_like(2, 3);
static void put(struct gdbstub *g, const char *fmt, ...)
{
    size_t room = PACKET_MAX - g->out_len;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(g->out + g->out_len, room + 1, fmt, ap);
    va_end(ap);
    g->out_len += MIN((size_t)MAX(n, 0), room);
}

static void put_hex(struct gdbstub *g, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(g, "%02x", p[i]);
}

static void send_packet(struct gdbstub *g)
{
    unsigned sum = 0;
    char tail[8];

    for (size_t i = 0; i < g->out_len; i++)
        sum += (uint8_t)g->out[i];
    TRACE(gdb_send, "%.*s", (int)MIN(g->out_len, (size_t)200), g->out);
    send_raw(g, "$", 1);
    send_raw(g, g->out, g->out_len);
    snprintf(tail, sizeof(tail), "#%02x", sum & 0xff);
    send_raw(g, tail, 3);
    g->out_len = 0;
}

/* -------------------------------------------------------------------------------------- input */

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch |= 0x20;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static uint64_t get_hex(const char **p)
{
    uint64_t v = 0;
    int d;

    while ((d = hex_digit(**p)) >= 0) {
        v = v << 4 | (unsigned)d;
        (*p)++;
    }
    return v;
}

/* Exactly n bytes of hexadecimal. */
static bool get_bytes(const char **p, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++, *p += 2) {
        int hi = hex_digit((*p)[0]), lo = hi < 0 ? -1 : hex_digit((*p)[1]);
        if (lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static bool skip(const char **p, char ch)
{
    if (**p != ch)
        return false;
    (*p)++;
    return true;
}

/* "p1.2", "2", "-1", "0": the vCPU, or all (-1). False: no such thread. */
static bool get_thread(const struct gdbstub *g, const char **p, int *vcpu)
{
    if (skip(p, 'p')) {
        skip(p, '-');
        get_hex(p);
        if (!skip(p, '.')) {
            *vcpu = -1;
            return true;
        }
    }
    if (skip(p, '-')) {
        get_hex(p);
        *vcpu = -1;
        return true;
    }
    uint64_t id = get_hex(p);
    *vcpu = id ? (int)MIN(id - 1, (uint64_t)MACHINE_VCPUS_MAX) : (int)g->cur;
    return (unsigned)*vcpu < g->m->nvcpus;
}

/* ------------------------------------------------------------------------------- stop and go on */

static struct x86_cpu *cpu_of(struct gdbstub *g, unsigned n)
{
    return x86_cpu_of(g->m->vcpus[n]);
}

static void report(struct gdbstub *g)
{
    put(g, "T%02xthread:%x;", g->signal, g->stopped + 1);
    send_packet(g);
}

/* The machine is to stand still; say why if the debugger waits for it. */
static void stop(struct gdbstub *g, int sig)
{
    bool waited = g->running;

    machine_stop(g->m);
    g->running = false;
    g->signal = sig;
    for (unsigned i = 0; i < g->m->nvcpus; i++) {
        struct vcpu *v = g->m->vcpus[i];
        if (v->debug_hit) {
            g->stopped = i;
            g->signal = SIG_TRAP;
        }
        v->debug_hit = false;
        v->budget = UINT64_MAX;
        g->m->engine.type->vcpu_get(v, ~0u);
    }
    g->cur = g->stopped;
    if (waited && g->fd >= 0)
        report(g);
}

void gdbstub_stopped(struct gdbstub *g)
{
    bool hit = false;

    for (unsigned i = 0; g && i < g->m->nvcpus; i++)
        hit = hit || g->m->vcpus[i]->debug_hit;
    if (hit && g->running) /* not, when a ctrl-c was there first and has seen it */
        stop(g, SIG_TRAP);
}

/* go[n]: 'c' runs, 's' steps, 0 stays. */
static void go_on(struct gdbstub *g, const char *go)
{
    for (unsigned i = 0; i < g->m->nvcpus; i++) {
        struct vcpu *v = g->m->vcpus[i];
        v->parked = !go[i];
        v->debug_step = go[i] == 's';
        v->debug_hit = false;
        v->budget = go[i] == 's' ? 1 : UINT64_MAX;
        if (go[i] == 's' && x86_cpu_of(v)->s.mp_state == MP_RUNNABLE)
            x86_cpu_of(v)->s.intr_shadow = true; /* no interrupt within the step */
    }
    g->running = true;
    machine_resume(g->m);
}

static void go_all(struct gdbstub *g)
{
    char go[MACHINE_VCPUS_MAX];

    memset(go, 'c', sizeof(go));
    go_on(g, go);
}

/* ------------------------------------------------------------------------------------ commands */

/* A handler answers by put(); false: no answer now. */
typedef bool handler(struct gdbstub *g, const char *p);

static bool ok(struct gdbstub *g)
{
    put(g, "OK");
    return true;
}

static bool refuse(struct gdbstub *g, int code)
{
    put(g, "E%02x", code);
    return true;
}

static bool cmd_why(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "T%02xthread:%x;", g->signal, g->stopped + 1);
    return true;
}

static bool cmd_regs(struct gdbstub *g, const char *p)
{
    uint8_t buf[X86_GDB_REG_BYTES];

    (void)p;
    for (unsigned i = 0; i < x86_gdb_regs(); i++)
        put_hex(g, buf, x86_gdb_read(cpu_of(g, g->cur), i, buf));
    return true;
}

static bool changed(struct gdbstub *g)
{
    struct error err = {0};

    return g->m->engine.type->vcpu_put(g->m->vcpus[g->cur], ~0u, &err) ? refuse(g, EINVAL) : ok(g);
}

static bool cmd_set_regs(struct gdbstub *g, const char *p)
{
    uint8_t buf[X86_GDB_REG_BYTES];

    for (unsigned i = 0; i < x86_gdb_regs(); i++) {
        if (!get_bytes(&p, buf, x86_gdb_read(cpu_of(g, g->cur), i, buf)))
            return refuse(g, EINVAL);
        x86_gdb_write(cpu_of(g, g->cur), i, buf);
    }
    return changed(g);
}

static bool cmd_reg(struct gdbstub *g, const char *p)
{
    uint8_t buf[X86_GDB_REG_BYTES];
    uint64_t reg = get_hex(&p);
    unsigned n = x86_gdb_read(cpu_of(g, g->cur), (unsigned)MIN(reg, UINT64_C(999)), buf);

    if (!n)
        return refuse(g, EINVAL);
    put_hex(g, buf, n);
    return true;
}

static bool cmd_set_reg(struct gdbstub *g, const char *p)
{
    uint8_t buf[X86_GDB_REG_BYTES];
    uint64_t num = get_hex(&p);
    unsigned reg = (unsigned)MIN(num, UINT64_C(999));
    unsigned n = x86_gdb_read(cpu_of(g, g->cur), reg, buf);

    if (!n || !skip(&p, '=') || !get_bytes(&p, buf, n))
        return refuse(g, EINVAL);
    x86_gdb_write(cpu_of(g, g->cur), reg, buf);
    return changed(g);
}

static bool cmd_read(struct gdbstub *g, const char *p)
{
    static uint8_t buf[MEMORY_MAX];
    uint64_t at = get_hex(&p);
    uint64_t want = skip(&p, ',') ? get_hex(&p) : 0;
    size_t n = (size_t)MIN(want, (uint64_t)MEMORY_MAX);

    /* As much as there is: gdb reads ahead over page ends. */
    while (n && !x86_gdb_memory(cpu_of(g, g->cur), at, buf, n, false))
        n = ((at + n - 1) & ~UINT64_C(0xfff)) > at ? (size_t)(((at + n - 1) & ~UINT64_C(0xfff)) - at)
                                                   : 0;
    if (!n)
        return refuse(g, EFAULT);
    put_hex(g, buf, n);
    return true;
}

static bool cmd_write(struct gdbstub *g, const char *p)
{
    static uint8_t buf[MEMORY_MAX];
    uint64_t at = get_hex(&p);
    uint64_t n = skip(&p, ',') ? get_hex(&p) : 0;

    if (n > MEMORY_MAX || !skip(&p, ':') || !get_bytes(&p, buf, n))
        return refuse(g, EINVAL);
    if (!x86_gdb_memory(cpu_of(g, g->cur), at, buf, n, true))
        return refuse(g, EFAULT);
    return ok(g);
}

/* Z0 and Z1 are the same to us: neither writes to memory. */
static bool cmd_break(struct gdbstub *g, const char *p)
{
    struct machine *m = g->m;
    char type = *p++;

    if ((type != '0' && type != '1') || !skip(&p, ','))
        return true; /* empty: not known */
    uint64_t at = get_hex(&p);
    for (unsigned i = 0; i < m->n_breakpoints; i++)
        if (m->breakpoints[i] == at)
            return ok(g);
    if (m->n_breakpoints == MACHINE_BREAKPOINTS_MAX)
        return refuse(g, ENOSPC);
    m->breakpoints[m->n_breakpoints++] = at;
    return ok(g);
}

static bool cmd_unbreak(struct gdbstub *g, const char *p)
{
    struct machine *m = g->m;
    char type = *p++;

    if ((type != '0' && type != '1') || !skip(&p, ','))
        return true;
    uint64_t at = get_hex(&p);
    for (unsigned i = 0; i < m->n_breakpoints; i++)
        if (m->breakpoints[i] == at)
            m->breakpoints[i--] = m->breakpoints[--m->n_breakpoints];
    return ok(g);
}

static bool cmd_continue(struct gdbstub *g, const char *p)
{
    (void)p;
    go_all(g);
    return false;
}

static bool cmd_step(struct gdbstub *g, const char *p)
{
    char go[MACHINE_VCPUS_MAX] = {0};

    (void)p;
    go[g->cur] = 's';
    go_on(g, go);
    return false;
}

/* vCont;ACTION[:THREAD]...: the first action that names a thread is its. */
static bool cmd_vcont(struct gdbstub *g, const char *p)
{
    char go[MACHINE_VCPUS_MAX] = {0};

    while (skip(&p, ';')) {
        char what = *p++ | 0x20;
        int vcpu = -1;
        if (what != 'c' && what != 's')
            return refuse(g, EINVAL);
        if (p[-1] < 'a') /* C and S carry a signal, which a guest has no use for */
            get_hex(&p);
        if (skip(&p, ':') && !get_thread(g, &p, &vcpu))
            return refuse(g, ESRCH);
        for (unsigned i = 0; i < g->m->nvcpus; i++)
            if (!go[i] && (vcpu < 0 || (unsigned)vcpu == i))
                go[i] = what;
    }
    go_on(g, go);
    return false;
}

static bool cmd_thread(struct gdbstub *g, const char *p)
{
    int vcpu;

    p++; /* g, c: the same to us */
    if (!get_thread(g, &p, &vcpu))
        return refuse(g, ESRCH);
    if (vcpu >= 0)
        g->cur = (unsigned)vcpu;
    return ok(g);
}

static bool cmd_alive(struct gdbstub *g, const char *p)
{
    int vcpu;

    return get_thread(g, &p, &vcpu) ? ok(g) : refuse(g, ESRCH);
}

static bool cmd_detach(struct gdbstub *g, const char *p)
{
    (void)p;
    g->m->n_breakpoints = 0;
    put(g, "OK");
    send_packet(g);
    go_all(g);
    return false;
}

static bool cmd_kill(struct gdbstub *g, const char *p)
{
    (void)p;
    ok(g);
    machine_event(g->m, EV_QUIT);
    return true;
}

static bool query_supported(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;hwbreak+",
        PACKET_MAX);
    return true;
}

static bool query_features(struct gdbstub *g, const char *p)
{
    uint64_t at = get_hex(&p), n = skip(&p, ',') ? get_hex(&p) : 0, len = strlen(g->xml);

    at = MIN(at, len);
    n = MIN(MIN(n, (uint64_t)PACKET_MAX - 1), len - at);
    /* the description has none of the characters that the protocol escapes: # $ } * */
    put(g, "%c%.*s", at + n < len ? 'm' : 'l', (int)n, g->xml + at);
    return true;
}

static bool query_threads(struct gdbstub *g, const char *p)
{
    (void)p;
    for (unsigned i = 0; i < g->m->nvcpus; i++)
        put(g, "%c%x", i ? ',' : 'm', i + 1);
    return true;
}

static bool query_no_more(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "l");
    return true;
}

static bool query_thread_text(struct gdbstub *g, const char *p)
{
    char text[64];
    int vcpu;

    if (!get_thread(g, &p, &vcpu) || vcpu < 0)
        return refuse(g, ESRCH);
    const struct x86_cpu *c = cpu_of(g, (unsigned)vcpu);
    int n = snprintf(text, sizeof(text), "vCPU %d, ring %u%s", vcpu, c->cpl,
                     c->s.mp_state == MP_RUNNABLE ? "" : ", halted");
    put_hex(g, (const uint8_t *)text, (size_t)n);
    return true;
}

static bool query_current(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "QC%x", g->cur + 1);
    return true;
}

static bool query_attached(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "1");
    return true;
}

static bool set_no_ack(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "OK");
    send_packet(g);
    g->no_ack = true;
    return false;
}

static bool cmd_vcont_query(struct gdbstub *g, const char *p)
{
    (void)p;
    put(g, "vCont;c;C;s;S");
    return true;
}

/* Longer names first where one begins another. */
static const struct {
    const char *name;
    handler *fn;
} commands[] = {
    {"?", cmd_why}, {"g", cmd_regs}, {"G", cmd_set_regs}, {"p", cmd_reg}, {"P", cmd_set_reg},
    {"m", cmd_read}, {"M", cmd_write}, {"Z", cmd_break}, {"z", cmd_unbreak},
    {"vCont?", cmd_vcont_query}, {"vCont", cmd_vcont}, {"vKill", cmd_kill}, {"c", cmd_continue},
    {"s", cmd_step}, {"H", cmd_thread}, {"T", cmd_alive}, {"D", cmd_detach}, {"k", cmd_kill},
    {"qSupported", query_supported}, {"qXfer:features:read:target.xml:", query_features},
    {"qfThreadInfo", query_threads}, {"qsThreadInfo", query_no_more},
    {"qThreadExtraInfo,", query_thread_text}, {"qAttached", query_attached},
    {"QStartNoAckMode", set_no_ack}, {"qC", query_current},
};

static void packet(struct gdbstub *g)
{
    const char *p = g->in;
    bool answer = true;

    TRACE(gdb_receive, "%.200s", p);
    if (g->running)
        return; /* all but ctrl-c waits for a stop; a debugger knows */
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t n = strlen(commands[i].name);
        if (!strncmp(p, commands[i].name, n)) {
            answer = commands[i].fn(g, p + n);
            break;
        }
    }
    if (answer)
        send_packet(g); /* empty: not known */
}

/* ---------------------------------------------------------------------------------- connection */

static void detach(struct gdbstub *g)
{
    if (g->fd < 0)
        return;
    loop_remove(g->m->loop, &g->io);
    close(g->fd);
    g->fd = -1;
    g->m->n_breakpoints = 0;
    if (!g->running)
        go_all(g);
}

static void byte(struct gdbstub *g, char ch)
{
    switch (g->phase) {
    case IDLE:
        if (ch == '$') {
            g->phase = DATA;
            g->in_len = 0;
        } else if (ch == 3 && g->running) {
            stop(g, SIG_INT);
        }
        return;
    case DATA:
        if (ch == '#')
            g->phase = SUM1;
        else if (g->in_len < PACKET_MAX)
            g->in[g->in_len++] = ch;
        return;
    case SUM1:
        g->phase = SUM2;
        return;
    case SUM2:
        /* The stream is reliable: the sum is taken as right. */
        g->phase = IDLE;
        g->in[g->in_len] = 0;
        if (!g->no_ack)
            send_raw(g, "+", 1);
        packet(g);
        return;
    }
}

static void readable(void *opaque, unsigned events)
{
    struct gdbstub *g = opaque;
    char buf[4096];
    ssize_t n = recv(g->fd, buf, sizeof(buf), 0);

    (void)events;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        log_notice("gdb: the debugger has left; the guest runs on");
        detach(g);
        return;
    }
    for (ssize_t i = 0; i < n && g->fd >= 0; i++)
        byte(g, buf[i]);
}

static void acceptable(void *opaque, unsigned events)
{
    struct gdbstub *g = opaque;
    auto_close int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0 || g->fd >= 0)
        return;
    g->fd = take_fd(&fd);
    g->phase = IDLE;
    g->no_ack = false;
    g->io = (struct loop_io){.fd = g->fd, .events = LOOP_READ, .ready = readable, .opaque = g};
    if (loop_add(g->m->loop, &g->io, NULL)) {
        close(g->fd);
        g->fd = -1;
        return;
    }
    g->running = false; /* nothing is reported: the debugger asks */
    stop(g, SIG_TRAP);
}

static int listen_unix(struct gdbstub *g, const char *path, struct error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path))
        return fail(err, ENAMETOOLONG, "--gdb: path longer than %zu letters",
                    sizeof(addr.sun_path) - 1);
    strcpy(addr.sun_path, path);
    g->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->listen_fd < 0 || bind(g->listen_fd, (struct sockaddr *)&addr, sizeof(addr)))
        return fail_errno(err, errno, "--gdb: cannot listen at %s", path);
    g->path = xstrdup(path);
    leftover_add(path, unlink);
    return 0;
}

static int listen_tcp(struct gdbstub *g, const char *port, struct error *err)
{
    char *end;
    unsigned long n = strtoul(port, &end, 10);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)n),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    if (!*port || *end || !n || n > 65535)
        return fail(err, EINVAL, "--gdb: \"%s\" is no port number", port);
    g->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->listen_fd >= 0)
        setsockopt(g->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (g->listen_fd < 0 || bind(g->listen_fd, (struct sockaddr *)&addr, sizeof(addr)))
        return fail_errno(err, errno, "--gdb: cannot listen at port %lu", n);
    return 0;
}

int gdbstub_create(struct gdbstub **out, const char *where, struct machine *m, struct error *err)
{
    struct gdbstub *g = xcalloc(1, sizeof(*g));
    int rc;

    *g = (struct gdbstub){.m = m, .listen_fd = -1, .fd = -1, .running = true, .signal = SIG_TRAP,
                          .xml = x86_gdb_description()};
    if (!strncmp(where, "unix:", 5))
        rc = listen_unix(g, where + 5, err);
    else if (!strncmp(where, "tcp:", 4))
        rc = listen_tcp(g, where + 4, err);
    else
        rc = fail(err, EINVAL, "--gdb: \"%s\" names no place; try: unix:PATH, tcp:PORT", where);
    if (!rc && listen(g->listen_fd, 1))
        rc = fail_errno(err, errno, "--gdb: cannot listen");
    g->listen_io = (struct loop_io){.fd = g->listen_fd, .events = LOOP_READ, .ready = acceptable,
                                    .opaque = g};
    if (!rc)
        rc = loop_add(m->loop, &g->listen_io, err);
    if (rc) {
        base_close_fd(&g->listen_fd);
        gdbstub_destroy(g);
        return rc;
    }
    for (unsigned i = 0; i < m->nvcpus; i++)
        m->vcpus[i]->parked = true;
    log_notice("waiting for a debugger; in gdb: target remote %s",
               g->path ? g->path : strchr(where, ':'));
    *out = g;
    return 0;
}

void gdbstub_destroy(struct gdbstub *g)
{
    if (!g)
        return;
    if (g->fd >= 0) {
        put(g, "W00");
        send_packet(g);
        loop_remove(g->m->loop, &g->io);
        close(g->fd);
    }
    if (g->listen_fd >= 0) {
        loop_remove(g->m->loop, &g->listen_io);
        close(g->listen_fd);
    }
    if (g->path)
        leftover_remove(g->path);
    free(g->path);
    free(g->xml);
    free(g);
}
