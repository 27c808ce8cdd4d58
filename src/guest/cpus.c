/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/cpus.h"

#include "arch/x86/arch.h"
#include "arch/x86/cpu.h"
#include "arch/x86/lapic.h"
#include "board/board.h"
#include "guest/asking.h"
#include "guest/vm.h"

unsigned cpus_count(const struct vm *vm)
{
    return vm->board->type->set_cpus && !vm->machine.deterministic ? 1 : 0;
}

uint64_t cpus_now(struct vm *vm, unsigned n)
{
    (void)n;
    return machine_vcpus_present(&vm->machine);
}

/* A system that starts a processor enables its local APIC before it gives it anything to do. */
static uint64_t running(struct vm *vm)
{
    const struct machine *m = &vm->machine;
    uint64_t n = 0;

    for (unsigned i = 0; i < m->nvcpus; i++)
        n += !vcpu_absent(m->vcpus[i]) && lapic_is_enabled(x86_cpu_of(m->vcpus[i])->lapic);
    return n;
}

/* Those that go are counted until they are out, those that come when they run. */
static uint64_t now_up(struct vm *vm)
{
    struct error ignored;
    uint64_t n = running(vm);

    /* New threads begin as the process does, not with the guest's weight. */
    cpu_limit_set_shares(&vm->cpu_limit, cpu_limit_shares(&vm->cpu_limit), &ignored);
    return n;
}

static uint64_t now_down(struct vm *vm)
{
    return machine_vcpus_present(&vm->machine);
}

static const char *stopped_up(struct vm *vm, uint64_t asked, uint64_t now)
{
    (void)vm, (void)asked, (void)now;
    return "they are there, and the guest has not started all of them; in it: echo 1 > "
           "/sys/devices/system/cpu/cpuN/online";
}

static const char *stopped_down(struct vm *vm, uint64_t asked, uint64_t now)
{
    struct error ignored;

    (void)asked;
    vm->board->type->set_cpus(vm->board, (unsigned)now, &ignored); /* not asked for any more */
    return "the guest keeps the others";
}

static const struct asking_what up = {"cpus", now_up, stopped_up, 50};
static const struct asking_what down = {"cpus", now_down, stopped_down, 50};

int cpus_ask(struct vm *vm, unsigned n, uint64_t want, struct control_call *call, struct error *err)
{
    struct machine *m = &vm->machine;
    unsigned now = machine_vcpus_present(m);

    (void)n;
    if (!want || want > m->nvcpus)
        return fail(err, ERANGE, "cpus: from 1 to %u, which it was started with room for (--cpus-max)",
                    m->nvcpus);
    if (want == now)
        return 0;
    machine_stop(m);
    int rc = vm->board->type->set_cpus(vm->board, (unsigned)want, err);
    if (!vm->gdb)
        vm_go_on(vm);
    return rc ? rc : asking_begin(vm, want > now ? &up : &down, want, call, err);
}
