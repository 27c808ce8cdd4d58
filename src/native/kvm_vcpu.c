/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One processor: into the kernel and out again. Ports, device memory, unknown model-specific
 * registers and ends of interrupts are served here; a halt is the kernel's business.
 *
 * A kick is `immediate_exit`, which the kernel looks at before it enters the guest, and a signal,
 * which brings it out: set in this order it is never lost. The kernel finishes an instruction
 * whose access was answered when it is entered next; so the loop leaves only after an entry that
 * ended at once.
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/x86/msr.h"
#include "base/trace.h"
#include "native/kvm.h"

#define KICK_SIGNAL SIGUSR1
#define GO_ON ((enum stop_reason)(STOP_FAIL + 1))

/* ---------------------------------------------------------------------------------- open, close */

static void kicked(int sig)
{
    (void)sig;
}

int kvm_vcpu_open(struct vcpu *v, struct error *err)
{
    struct kvm_vm *vm = kvm_vm_of(v->machine);
    const struct sigaction sa = {.sa_handler = kicked};
    struct kvm_cpu *k = xcalloc(1, sizeof(*k));
    int dev = kvm_dev(err), size = dev < 0 ? -1 : ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);

    *k = (struct kvm_cpu){.fd = -1, .vcpu = v, .has_sregs2 = kvm_has(vm->fd, KVM_CAP_SREGS2)};
    x86_cpu_of(v)->engine = k;
    sigaction(KICK_SIGNAL, &sa, NULL); /* no restart */
    k->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)v->index);
    if (k->fd < 0 || size < (int)sizeof(*k->run)) {
        fail_errno(err, errno, "kvm: no vCPU %u", v->index);
        goto failed;
    }
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (run == MAP_FAILED) {
        fail_errno(err, errno, "kvm: vCPU %u", v->index);
        goto failed;
    }
    k->run = run;
    k->run_size = (size_t)size;
    if (ioctl(k->fd, KVM_SET_TSC_KHZ, (unsigned long)v->machine->clock.tsc_khz)) {
        fail(err, ENOTSUP,
             "its TSC goes at %" PRIu64
             " kHz, this host's at %d, and this processor "
             "cannot scale it; try: --engine jit",
             v->machine->clock.tsc_khz, ioctl(k->fd, KVM_GET_TSC_KHZ, 0));
        goto failed;
    }
    if (!kvm_cpuid_set(k, err))
        return 0;
failed:
    kvm_vcpu_close(v);
    return -err->code;
}

void kvm_vcpu_close(struct vcpu *v)
{
    struct kvm_cpu *k = kvm_cpu_of(v);

    if (!k)
        return;
    if (k->run)
        munmap(k->run, k->run_size);
    if (k->fd >= 0)
        close(k->fd);
    free(k);
    x86_cpu_of(v)->engine = NULL;
}

void kvm_vcpu_kick(struct vcpu *v)
{
    struct kvm_cpu *k = kvm_cpu_of(v);

    if (!k)
        return;
    __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    int tid = __atomic_load_n(&k->tid, __ATOMIC_SEQ_CST);
    if (tid)
        tgkill(getpid(), tid, KICK_SIGNAL);
}

/* ---------------------------------------------------------------------------------------- exits */

static uint64_t load(const void *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return v;
}

static void serve_port(struct kvm_cpu *k)
{
    struct machine *m = k->vcpu->machine;
    struct kvm_run *run = k->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;

    k->n_port++;
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            bus_write(&m->ports, run->io.port, size, load(data, size));
        } else {
            uint64_t v = bus_read(&m->ports, run->io.port, size);
            memcpy(data, &v, size);
        }
    }
    k->unfinished = true;
}

static void serve_mmio(struct kvm_cpu *k)
{
    struct machine *m = k->vcpu->machine;
    struct kvm_run *run = k->run;
    unsigned size = MIN(run->mmio.len, 8u);

    k->n_mmio++;
    if (run->mmio.is_write) {
        bus_write(&m->mmio, run->mmio.phys_addr, size, load(run->mmio.data, size));
    } else {
        uint64_t v = bus_read(&m->mmio, run->mmio.phys_addr, size);
        memcpy(run->mmio.data, &v, size);
    }
    k->unfinished = true;
}

/* Registers that the kernel does not know; their values are ours. */
static void serve_msr(struct kvm_cpu *k)
{
    struct x86_cpu *c = x86_cpu_of(k->vcpu);
    struct kvm_run *run = k->run;
    uint64_t v = 0;

    k->n_msr++;
    if (run->exit_reason == KVM_EXIT_X86_RDMSR) {
        run->msr.error = !x86_rdmsr(c, run->msr.index, &v);
        run->msr.data = v;
    } else {
        run->msr.error = !x86_wrmsr(c, run->msr.index, run->msr.data);
    }
    k->unfinished = true;
}

static enum stop_reason failed(struct kvm_cpu *k)
{
    const struct kvm_run *run = k->run;
    struct kvm_regs r = {0};

    ioctl(k->fd, KVM_GET_REGS, &r);
    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
        fail(&k->vcpu->error, EIO, "kvm: vCPU %u: internal error %u at RIP %#llx", k->vcpu->index,
             run->internal.suberror, r.rip);
    else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
        fail(&k->vcpu->error, EIO, "kvm: vCPU %u: the processor refuses its state (%#llx)",
             k->vcpu->index, run->fail_entry.hardware_entry_failure_reason);
    else
        fail(&k->vcpu->error, EIO, "kvm: vCPU %u: exit %u at RIP %#llx", k->vcpu->index,
             run->exit_reason, r.rip);
    return STOP_FAIL;
}

static enum stop_reason serve(struct kvm_cpu *k)
{
    struct machine *m = k->vcpu->machine;

    TRACE(kvm_exit, "vcpu=%u reason=%u", k->vcpu->index, k->run->exit_reason);
    switch (k->run->exit_reason) {
    case KVM_EXIT_IO: serve_port(k); return GO_ON;
    case KVM_EXIT_MMIO: serve_mmio(k); return GO_ON;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR: serve_msr(k); return GO_ON;
    case KVM_EXIT_IOAPIC_EOI:
        k->n_eoi++;
        if (m->eoi_broadcast)
            m->eoi_broadcast(m->eoi_opaque, k->run->eoi.vector);
        return GO_ON;
    case KVM_EXIT_IRQ_WINDOW_OPEN: k->n_window++; return GO_ON;
    case KVM_EXIT_INTR: k->n_signal++; return GO_ON;
    case KVM_EXIT_SHUTDOWN: return STOP_CRASH;
    case KVM_EXIT_SYSTEM_EVENT:
        return k->run->system_event.type == KVM_SYSTEM_EVENT_RESET ? STOP_RESET : STOP_CRASH;
    default: return failed(k);
    }
}

/* ----------------------------------------------------------------------------------------- loop */

/* What others have asked for. immediate_exit is cleared first: who asks from now on sets it
 * again. */
static enum stop_reason look(struct vcpu *v, struct kvm_cpu *k)
{
    __atomic_store_n(&k->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    uint32_t req = vcpu_requests(v);

    if (unlikely(req & (REQ_STOP | REQ_EXCL | REQ_RESET))) {
        if (!k->unfinished)
            return STOP_KICK;
        k->run->immediate_exit = 1; /* it finishes the instruction and comes back */
        return GO_ON;
    }
    if (req)
        vcpu_request_done(v, REQ_INTR | REQ_FLUSH);
    if (unlikely(req & REQ_FLUSH))
        kvm_mem_changed(v);
    return GO_ON;
}

static enum stop_reason enter(struct vcpu *v, struct kvm_cpu *k)
{
    kvm_time_sync(k);
    kvm_extint(k);
    k->n_runs++;
    int rc = ioctl(k->fd, KVM_RUN, 0);
    if (!rc) {
        k->unfinished = false;
        return serve(k);
    }
    if (errno == EINTR || errno == EAGAIN) {
        k->unfinished = false;
        k->n_signal++;
        return GO_ON;
    }
    fail_errno(&v->error, errno, "kvm: vCPU %u does not run", v->index);
    return STOP_FAIL;
}

enum stop_reason kvm_vcpu_run(struct vcpu *v)
{
    struct kvm_cpu *k = kvm_cpu_of(v);
    enum stop_reason why;

    __atomic_store_n(&k->tid, (int)gettid(), __ATOMIC_SEQ_CST);
    do {
        why = look(v, k);
        if (why == GO_ON)
            why = enter(v, k);
    } while (why == GO_ON);
    __atomic_store_n(&k->tid, 0, __ATOMIC_SEQ_CST);
    return why;
}
