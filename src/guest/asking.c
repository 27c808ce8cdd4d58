/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/asking.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "guest/vm.h"

#define TICK_MS 100

struct asking {
    struct vm *vm;
    const struct asking_what *what;
    struct control_call *call;
    struct loop_io io;
    uint64_t asked, last;
    unsigned still;
};

static void answer(struct asking *a, uint64_t now)
{
    static const struct error none;
    const char *why = now != a->asked ? a->what->stopped(a->vm, a->asked, now) : NULL;

    a->call->result = json_pack("{s:s, s:I, s:I}", "key", a->what->key, "asked",
                                (json_int_t)a->asked, "now", (json_int_t)now);
    if (why)
        json_object_set_new(a->call->result, "text", json_string(why));
    loop_remove(&a->vm->loop, &a->io);
    close(a->io.fd);
    control_done(a->call, 0, &none);
    free(a);
}

static void tick(void *opaque, unsigned events)
{
    struct asking *a = opaque;
    uint64_t expired, now = a->what->now(a->vm);

    (void)events;
    if (read(a->io.fd, &expired, sizeof(expired)) < 0)
        return;
    a->still = now == a->last ? a->still + 1 : 0;
    a->last = now;
    if (now == a->asked || a->still == a->what->patience)
        answer(a, now);
}

int asking_begin(struct vm *vm, const struct asking_what *what, uint64_t asked,
                 struct control_call *call, struct error *err)
{
    const struct itimerspec every = {{0, TICK_MS * 1000000}, {0, TICK_MS * 1000000}};

    if (!call)
        return 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return fail_errno(err, errno, "no timer");
    struct asking *a = xcalloc(1, sizeof(*a));
    *a = (struct asking){
        .vm = vm, .what = what, .call = call, .asked = asked, .last = what->now(vm)};
    a->io = (struct loop_io){.fd = fd, .events = LOOP_READ, .ready = tick, .opaque = a};
    int rc = loop_add(&vm->loop, &a->io, err);
    if (rc) {
        close(fd);
        free(a);
        return rc;
    }
    timerfd_settime(fd, 0, &every, NULL);
    return CONTROL_LATER;
}
