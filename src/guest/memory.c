/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Below what it was started with the balloon takes memory from it; beyond that the memory device
 * gives it more.
 */
#include "guest/memory.h"

#include "board/board.h"
#include "config/guest_config.h"
#include "dev/virtio/virtio_balloon.h"
#include "dev/virtio/virtio_mem.h"
#include "guest/asking.h"
#include "guest/vm.h"

#define FLOOR (UINT64_C(32) << 20)

unsigned memory_count(const struct vm *vm)
{
    return vm->balloon || vm->memory ? 1 : 0;
}

static struct balloon_state look_balloon(struct vm *vm)
{
    struct balloon_state b = {0};

    if (vm->balloon)
        virtio_balloon_look(vm->balloon, &b);
    return b;
}

static struct virtio_mem_state look_memory(struct vm *vm)
{
    struct virtio_mem_state s = {.block = PAGE_SIZE_4K};

    if (vm->memory)
        virtio_mem_look(vm->memory, &s);
    return s;
}

uint64_t memory_now(struct vm *vm, unsigned n)
{
    (void)n;
    return vm->config->memory - MIN(look_balloon(vm).given, vm->config->memory) +
           look_memory(vm).plugged;
}

static uint64_t now(struct vm *vm)
{
    return memory_now(vm, 0);
}

static const char *stopped(struct vm *vm, uint64_t asked, uint64_t is)
{
    if (is > asked)
        return look_memory(vm).plugged ? "the guest has stopped giving: it cannot free whole blocks of the rest"
                                       : "the guest has stopped giving: it needs the rest";
    return "the guest has not taken more; does it put new memory to use (memhp_default_state=online_movable)?";
}

static const struct asking_what asking = {"memory", now, stopped, 50};

/* Why the guest cannot come to have `bytes`. */
static int check(struct vm *vm, uint64_t bytes, struct error *err)
{
    uint64_t start = vm->config->memory, most = vm->memory ? guest_config_memory_max(vm->config) : start;

    if (bytes > most)
        return fail(err, EINVAL, "memory: it was started with room for %" PRIu64 "M (--memory-max)",
                    most >> 20);
    if (bytes < MIN(FLOOR, start))
        return fail(err, EINVAL, "memory: at least %" PRIu64 "M", MIN(FLOOR, start) >> 20);
    if (bytes > start && !look_memory(vm).driver)
        return fail(err, EAGAIN, "memory: nobody in the guest serves the memory device (yet); it needs "
                                 "the module virtio_mem");
    if (bytes < start && !vm->balloon)
        return fail(err, EOPNOTSUPP, "memory: it was started with %" PRIu64 "M and without a balloon "
                                     "(--balloon), so it keeps that", start >> 20);
    if (bytes < start && !look_balloon(vm).driver)
        return fail(err, EAGAIN, "memory: nobody in the guest serves the balloon (yet); it needs the "
                                 "module virtio_balloon");
    return 0;
}

/* The addresses that the guest may use for it are there before it is asked. */
static int ask_device(struct vm *vm, uint64_t more, struct error *err)
{
    uint64_t usable = 0;

    machine_stop(&vm->machine);
    int rc = vm->board->type->hot_memory(vm->board, more, &usable, err);
    if (!vm->gdb)
        vm_go_on(vm);
    if (!rc)
        virtio_mem_ask(vm->memory, more, usable);
    return rc;
}

int memory_ask(struct vm *vm, unsigned n, uint64_t bytes, struct control_call *call,
               struct error *err)
{
    uint64_t start = vm->config->memory, block = look_memory(vm).block;
    uint64_t more = bytes > start ? ALIGN_DOWN(bytes - start + block / 2, block) : 0;
    uint64_t less = bytes < start ? ALIGN_DOWN(start - bytes, PAGE_SIZE_4K) : 0;
    int rc = check(vm, bytes, err);

    (void)n;
    if (!rc && vm->memory)
        rc = ask_device(vm, more, err);
    if (rc)
        return rc;
    if (vm->balloon)
        virtio_balloon_ask(vm->balloon, less);
    return asking_begin(vm, &asking, start + more - less, call, err);
}
