/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/record.h"

#include <stdio.h>

#include "config/guest_config.h"
#include "core/tape.h"
#include "guest/vm.h"

/* FNV-1a: tells files apart, proves nothing. */
static uint64_t digest(uint64_t h, const void *data, size_t size)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#define DIGEST_INIT UINT64_C(0xcbf29ce484222325)

/* What decides how the guest runs, but for the contents of its disks. One word a setting. */
static char *describe(const struct vm *vm)
{
    const struct guest_config *c = vm->config;
    const struct loader *l = &vm->loader;
    uint64_t modules = DIGEST_INIT;

    for (unsigned i = 0; i < l->nmodules; i++) {
        modules = digest(modules, l->module[i].blob.data, l->module[i].blob.size);
        if (l->module[i].cmdline)
            modules = digest(modules, l->module[i].cmdline, strlen(l->module[i].cmdline));
    }
    return xasprintf("cpus=%" PRIu64 " memory=%" PRIu64 "M model=%s seed=%" PRIu64
                     " name=%s uuid=%s disks=%u loader=%s kernel=%016" PRIx64 " cmdline=%016" PRIx64
                     " modules=%016" PRIx64,
                     c->cpus, c->memory >> 20, vm->model_name, c->seed, c->name,
                     c->uuid ? c->uuid : "-", vm->disks.n, l->type->name,
                     digest(DIGEST_INIT, l->kernel.data, l->kernel.size),
                     digest(DIGEST_INIT, l->cmdline, strlen(l->cmdline)), modules);
}

int record_start(struct vm *vm, struct error *err)
{
    auto_free char *about = NULL;

    if (!vm->config->record && !vm->config->replay)
        return 0;
    about = describe(vm);
    return tape_start(vm->machine.tape, about, err);
}
