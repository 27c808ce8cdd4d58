/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/limits.h"

#include "block/pool.h"
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

const struct limit limits[] = {
    {"memory", "bytes", "what it may use of its memory (its balloon takes the rest)", memory_count,
     memory_now, memory_ask},
    {"disk.N.iops", NULL, "operations a second; 0: no limit", disk_count, iops_get, iops_set},
    {"disk.N.bps", "bytes/s", "bytes a second; 0: no limit", disk_count, bps_get, bps_set},
    {"nic.N.rate", "bytes/s", "bytes a second in each direction; 0: no limit", nic_count, rate_get,
     rate_set},
    {0},
};
