/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control command: counters of engine and devices, and what the process takes of the host.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "core/machine.h"
#include "guest/control.h"
#include "guest/vm.h"

/* "name: value" a line becomes an object's members, numbers where they are numbers. */
static void put_lines(json_t *o, char *text)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *value = strstr(line, ": "), *end;
        if (!value)
            continue;
        *value = 0;
        value += 2;
        long long n = strtoll(value, &end, 10);
        json_object_set_new(o, line, *end || end == value ? json_string(value) : json_integer(n));
    }
}

static void put_host(json_t *o, const struct vm *vm)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    json_object_set_new(o, "host.cpu_ms",
                        json_integer((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000LL +
                                     (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000));
    json_object_set_new(o, "host.rss_max", json_integer(u.ru_maxrss * 1024LL));
    for (unsigned i = 0; vm && i < vm->machine.nvcpus; i++) {
        const struct vcpu *v = vm->machine.vcpus[i];
        char name[32];
        struct timespec ts;
        clockid_t clock;
        if (!v->thread_started || pthread_getcpuclockid(v->thread, &clock) ||
            clock_gettime(clock, &ts))
            continue;
        snprintf(name, sizeof(name), "vcpu%u.cpu_ms", i);
        json_object_set_new(o, name, json_integer(ts.tv_sec * 1000LL + ts.tv_nsec / 1000000));
    }
}

static int stats(struct control_call *call, struct error *err)
{
    const struct control_config *c = control_config(call->control);
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        return fail_errno(err, errno, "no memory for counters");
    if (c->guest->ops->stats)
        c->guest->ops->stats(c->guest, f);
    fclose(f);
    call->result = json_object();
    if (text)
        put_lines(call->result, text);
    put_host(call->result, c->vm);
    free(text);
    return 0;
}

static int port(struct control_call *call, struct error *err)
{
    const struct vm *vm = control_config(call->control)->vm;
    int64_t n = control_integer(call, "port", 0);
    bool open = false;

    if (n < 1 || n > 65535)
        return fail(err, EINVAL, "\"port\" is not in 1..65535");
    for (unsigned i = 0; i < vm->nics.n; i++)
        open = open || (vm->nics.limited[i] && net_fd_port_open(vm->nics.limited[i], (uint16_t)n));
    call->result = json_pack("{s:b}", "open", (int)open);
    return 0;
}

static const struct control_arg port_args[] = {
    {"port", 'i', true, "a TCP port of the guest"},
    {0},
};

const struct control_command control_port = {
    .name = "port",
    .help = "Whether the guest has taken a connection on that port since it was started",
    .args = port_args,
    .result = "open",
    .machine = true,
    .run = port,
};

const struct control_command control_stats = {
    .name = "stats",
    .help = "Counters of engine, devices and process",
    .result = "an object of counters: `serial0.tx_bytes`, `vcpu0.cpu_ms`, `host.rss_max` ...",
    .run = stats,
};
