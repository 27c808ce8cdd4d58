/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/limits.h"

#include "block/pool.h"
#include "dev/virtio/virtio_blk.h"
#include "guest/cpus.h"
#include "guest/memory.h"
#include "guest/vm.h"
#include "net/net_open.h"

static unsigned disk_count(const struct vm *vm)
{
    return vm->disks.n;
}

static uint64_t iops_get(struct vm *vm, unsigned n)
{
    return vm->disks.limits[n].iops;
}

static int iops_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                    struct error *err)
{
    (void)call, (void)err;
    vm->disks.limits[n].iops = value;
    pool_limit(vm->disks.blk[n], &vm->disks.limits[n]);
    return 0;
}

static uint64_t bps_get(struct vm *vm, unsigned n)
{
    return vm->disks.limits[n].bytes;
}

static int bps_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                   struct error *err)
{
    (void)call, (void)err;
    vm->disks.limits[n].bytes = value;
    pool_limit(vm->disks.blk[n], &vm->disks.limits[n]);
    return 0;
}

static unsigned nic_count(const struct vm *vm)
{
    return vm->nics.n;
}

static uint64_t rate_get(struct vm *vm, unsigned n)
{
    return vm->nics.rate[n];
}

static int rate_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                    struct error *err)
{
    (void)call;
    if (!vm->nics.limited[n])
        return fail(err, EOPNOTSUPP, "this network takes no limit (user and tap do)");
    vm->nics.rate[n] = value;
    net_fd_limit(vm->nics.limited[n], value, value);
    return 0;
}

static uint64_t size_get(struct vm *vm, unsigned n)
{
    return vm->disks.blk[n]->size;
}

static int size_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                    struct error *err)
{
    (void)call;
    if (!vm->disks.virtio[n] || vm->disks.front[n] != vm->disks.blk[n])
        return fail(err, EOPNOTSUPP, "only a virtio disk can grow while the guest runs");
    machine_stop(&vm->machine);
    int rc = pool_grow(vm->disks.blk[n], value, err);
    if (!vm->gdb)
        vm_go_on(vm);
    if (!rc)
        virtio_blk_resized(vm->disks.virtio[n]);
    return rc;
}

static uint64_t cap_get(struct vm *vm, unsigned n)
{
    (void)n;
    return vm->cpu_limit.cap;
}

static int cap_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                   struct error *err)
{
    (void)n, (void)call;
    if (value > 100u * MACHINE_VCPUS_MAX)
        return fail(err, ERANGE, "cpu.cap is in parts of one processor: 25%%, 150%%; 0: no cap");
    cpu_limit_cap(&vm->cpu_limit, (unsigned)value);
    return 0;
}

static uint64_t shares_get(struct vm *vm, unsigned n)
{
    (void)n;
    return cpu_limit_shares(&vm->cpu_limit);
}

static int shares_set(struct vm *vm, unsigned n, uint64_t value, struct control_call *call,
                      struct error *err)
{
    (void)n, (void)call;
    return cpu_limit_set_shares(&vm->cpu_limit, (unsigned)MIN(value, UINT64_C(100000)), err);
}

const struct limit limits[] = {
    {"memory", "bytes", "what it may use: its balloon takes, its memory device gives", memory_count,
     memory_now, memory_ask},
    {"cpus", NULL, "its processors; the guest must take part", cpus_count, cpus_now, cpus_ask},
    {"cpu.cap", "%", "CPU time of all its processors, in percent of one of the host's; 0: no cap",
     NULL, cap_get, cap_set},
    {"cpu.shares", NULL, "its weight beside other processes; 100 is as any other", NULL, shares_get,
     shares_set},
    {"disk.N.iops", NULL, "operations a second; 0: no limit", disk_count, iops_get, iops_set},
    {"disk.N.bps", "bytes/s", "bytes a second; 0: no limit", disk_count, bps_get, bps_set},
    {"disk.N.size", "bytes", "size of a virtio disk; it can only grow", disk_count, size_get,
     size_set},
    {"nic.N.rate", "bytes/s", "bytes a second in each direction; 0: no limit", nic_count, rate_get,
     rate_set},
    {0},
};
