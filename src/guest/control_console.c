/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands of the console: attach to it, look at what it said last.
 */
#include <unistd.h>

#include "chr/chr_open.h"
#include "guest/control.h"

#define TAIL_MAX 16384

static int no_console(struct error *err)
{
    return fail(err, EOPNOTSUPP, "it has no console");
}

static void take(struct control *c, int fd, int64_t history)
{
    chr_hub_attach(control_config(c)->console, fd, (size_t)history, NULL);
}

static int console(struct control_call *call, struct error *err)
{
    struct chr *hub = control_config(call->control)->console;
    int64_t history = control_integer(call, "history", 0);

    if (!hub)
        return no_console(err);
    if (history < 0)
        return fail(err, EINVAL, "\"history\" is negative");
    int fd = control_fd(call);
    if (fd >= 0)
        return chr_hub_attach(hub, fd, (size_t)history, err);
    control_hand_over(call, take, history);
    return 0;
}

static const struct control_arg console_args[] = {
    {"history", 'i', false, "this many of the last bytes come first, up to 16384"},
    {0},
};

const struct control_command control_console = {
    .name = "console",
    .help = "Attach to the console (first serial port, or a zone's terminal), beside others: the "
            "descriptor that comes along, a socket, is written and read; without one, this "
            "connection becomes the stream after the answer",
    .args = console_args,
    .fds = 1,
    .run = console,
};

static int tail(struct control_call *call, struct error *err)
{
    struct chr *hub = control_config(call->control)->console;
    int64_t want = control_integer(call, "bytes", 1024);
    uint8_t buf[TAIL_MAX];
    uint64_t written;

    if (!hub)
        return no_console(err);
    if (want < 0)
        return fail(err, EINVAL, "\"bytes\" is negative");
    size_t n = chr_hub_tail(hub, buf, (size_t)MIN(want, (int64_t)TAIL_MAX), &written);
    for (size_t i = 0; i < n; i++) /* JSON wants UTF-8 */
        if (buf[i] >= 0x7f || (buf[i] < 0x20 && !strchr("\t\n\r\033\b", buf[i])))
            buf[i] = '?';
    call->result = json_pack("{s:s#, s:I}", "text", (char *)buf, (int)n, "written",
                             (json_int_t)written);
    return 0;
}

static const struct control_arg tail_args[] = {
    {"bytes", 'i', false, "how many, up to 16384 (1024)"},
    {0},
};

const struct control_command control_tail = {
    .name = "tail",
    .help = "What the console said last",
    .args = tail_args,
    .result = "text (what is not ASCII as \"?\") and written (bytes since the start)",
    .run = tail,
};
