/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/receive.h"

#include <sys/socket.h>

#include "base/log.h"
#include "base/trace.h"
#include "guest/move.h"
#include "guest/vm.h"

#define GO_MS 60000
/* Hosts whose clocks differ by more than this do not tell how long the guest stood still. */
#define STOOD_STILL_MAX UINT64_C(30000000000)

static void open_answers(struct saved *s)
{
    if (!s->answers.io)
        save_open(&s->answers, &s->io.io, 0, s->in.uuid);
}

int receive_ready(struct saved *s, struct error *err)
{
    open_answers(s);
    if (move_fault("ready", s->fd))
        return fail(err, EIO, "fault: ready");
    return move_say(&s->answers, "ready", 0, NULL, err);
}

static void set_clock(const struct saved *s, struct vm *vm)
{
    uint64_t now = move_now(), ns = now - s->stopped_at;

    clock_skip(&vm->machine.clock, s->stopped_at && now > s->stopped_at && ns < STOOD_STILL_MAX ? ns
                                                                                              : 0);
}

int receive_commit(struct saved *s, struct vm *vm, struct error *err)
{
    TRACE(receive_stage, "made");
    if (saved_has_disks(s))
        disks_flush(&vm->disks);
    int rc = disks_take(&vm->disks, err);
    TRACE(receive_stage, "disks taken");

    if (!rc && move_fault("loaded", s->fd))
        rc = fail(err, EIO, "fault: loaded");
    if (!rc)
        rc = move_say(&s->answers, "loaded", 0, NULL, err);
    if (!rc)
        rc = move_hear(&s->in, s->fd, "go", GO_MS, NULL, err);
    if (rc)
        return rc;
    TRACE(receive_stage, "the word");
    set_clock(s, vm);
    (void)move_fault("went", s->fd);
    return 0;
}

void receive_running(struct saved *s)
{
    struct error err;

    TRACE(receive_stage, "running");
    if (move_say(&s->answers, "running", 0, NULL, &err))
        log_warn("the source does not hear that the guest runs here: %s; try there: quad migrate "
                 "--resolve there", err.text);
    shutdown(s->fd, SHUT_RDWR);
}

void receive_refuse(struct saved *s, const struct error *err)
{
    struct error ignored;

    open_answers(s);
    (void)!move_say(&s->answers, "refused", 0, err->text, &ignored);
}
