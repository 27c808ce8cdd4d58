/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/memory.h"

#include "config/guest_config.h"
#include "dev/virtio/virtio_balloon.h"
#include "guest/asking.h"
#include "guest/vm.h"

#define FLOOR (UINT64_C(32) << 20)

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

static uint64_t now(struct vm *vm)
{
    return memory_now(vm, 0);
}

static const char *stopped(struct vm *vm, uint64_t asked, uint64_t is)
{
    (void)vm;
    return is > asked ? "the guest has stopped giving: it needs the rest" : NULL;
}

static const struct asking_what asking = {"memory", now, stopped, 30};

int memory_ask(struct vm *vm, unsigned n, uint64_t bytes, struct control_call *call,
               struct error *err)
{
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
    virtio_balloon_ask(vm->balloon, all - bytes);
    return asking_begin(vm, &asking, bytes, call, err);
}
