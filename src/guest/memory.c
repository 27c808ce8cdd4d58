/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/memory.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "config/guest_config.h"
#include "dev/virtio/virtio_balloon.h"
#include "guest/vm.h"

#define FLOOR (UINT64_C(32) << 20)
#define TICK_MS 100
#define STILL_TICKS 30 /* a guest that gave nothing for so long gives no more */

struct asking {
    struct vm *vm;
    struct control_call *call;
    struct loop_io io;
    uint64_t bytes, last;
    unsigned still;
};

unsigned memory_count(const struct vm *vm)
{
    return vm->balloon ? 1 : 0;
}

uint64_t memory_now(struct vm *vm, unsigned n)
{
    struct balloon_state b;

    (void)n;
    virtio_balloon_look(vm->balloon, &b);
    return vm->config->memory - MIN(b.given, vm->config->memory);
}

static void answer(struct asking *a, uint64_t now)
{
    static const struct error none;

    a->call->result = json_pack("{s:s, s:I, s:I}", "key", "memory", "asked", (json_int_t)a->bytes,
                                "now", (json_int_t)now);
    if (now > a->bytes)
        json_object_set_new(a->call->result, "text",
                            json_string("the guest has stopped giving: it needs the rest"));
    loop_remove(&a->vm->loop, &a->io);
    close(a->io.fd);
    control_done(a->call, 0, &none);
    free(a);
}

static void tick(void *opaque, unsigned events)
{
    struct asking *a = opaque;
    uint64_t expired, now = memory_now(a->vm, 0);

    (void)events;
    if (read(a->io.fd, &expired, sizeof(expired)) < 0)
        return;
    a->still = now == a->last ? a->still + 1 : 0;
    a->last = now;
    if (now == a->bytes || a->still == STILL_TICKS)
        answer(a, now);
}

int memory_ask(struct vm *vm, unsigned n, uint64_t bytes, struct control_call *call,
               struct error *err)
{
    const struct itimerspec every = {{0, TICK_MS * 1000000}, {0, TICK_MS * 1000000}};
    uint64_t all = vm->config->memory;
    struct balloon_state b;

    (void)n;
    bytes &= ~(PAGE_SIZE_4K - 1);
    if (bytes > all)
        return fail(err, EINVAL, "memory: it was started with %" PRIu64 "M and cannot have more",
                    all >> 20);
    if (bytes < MIN(FLOOR, all))
        return fail(err, EINVAL, "memory: at least %" PRIu64 "M", MIN(FLOOR, all) >> 20);
    virtio_balloon_look(vm->balloon, &b);
    if (!b.driver)
        return fail(err, EAGAIN, "memory: nobody in the guest serves the balloon (yet); it needs the "
                                 "module virtio_balloon");
    if (!call) {
        virtio_balloon_ask(vm->balloon, all - bytes);
        return 0;
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0)
        return fail_errno(err, errno, "no timer");
    struct asking *a = xcalloc(1, sizeof(*a));
    *a = (struct asking){.vm = vm, .call = call, .bytes = bytes, .last = memory_now(vm, 0)};
    a->io = (struct loop_io){.fd = fd, .events = LOOP_READ, .ready = tick, .opaque = a};
    int rc = loop_add(&vm->loop, &a->io, err);
    if (rc) {
        close(fd);
        free(a);
        return rc;
    }
    timerfd_settime(fd, 0, &every, NULL);
    virtio_balloon_ask(vm->balloon, all - bytes);
    return CONTROL_LATER;
}
