/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native/kvm.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "native/kvm_check.h"

extern const struct engine_type kvm_engine;

static int probe(struct engine_caps *caps, struct error *err)
{
    int dev = kvm_dev(err);

    if (dev < 0)
        return dev;
    int rc = kvm_check(err);
    if (rc)
        return rc;
    int most = ioctl(dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    *caps = (struct engine_caps){.has_irqchip = true,
                                 .max_vcpus = (unsigned)MIN(MAX(most, 1), MACHINE_VCPUS_MAX),
                                 .tsc_khz = kvm_scales_tsc() ? 0 : kvm_host_khz()};
    strcpy(caps->reason, "the processor itself, through /dev/kvm, which passed its self-check");
    return 0;
}

static int enable(const struct kvm_vm *vm, uint32_t cap, uint64_t arg, const char *what,
                  struct error *err)
{
    const struct kvm_enable_cap c = {.cap = cap, .args = {arg}};

    return ioctl(vm->fd, KVM_ENABLE_CAP, &c) ? fail_errno(err, errno, "kvm: %s", what) : 0;
}

static int set_up(struct kvm_vm *vm, struct error *err)
{
    /* Three pages that a processor without unrestricted mode needs: behind the PC's devices. */
    uint64_t identity = 0xfeffc000;
    int rc = 0;

    if (ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000ul) ||
        ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
        rc = fail_errno(err, errno, "kvm: pages of its own");
    if (!rc)
        rc = enable(vm, KVM_CAP_SPLIT_IRQCHIP, KVM_ROUTES, "local APICs", err);
    if (!rc)
        rc = enable(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS, "x2APIC", err);
    if (!rc)
        rc = enable(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN,
                    "model-specific registers", err);
    return rc;
}

static void kvm_close(struct engine *eng)
{
    struct kvm_vm *vm = eng->priv;

    if (!vm)
        return;
    kvm_mem_close(vm);
    if (vm->fd >= 0)
        close(vm->fd);
    pthread_mutex_destroy(&vm->lock);
    pthread_mutex_destroy(&vm->time_lock);
    free(vm);
    eng->priv = NULL;
}

static int kvm_open(struct engine *eng, struct machine *m, struct error *err)
{
    struct kvm_vm *vm;

    if (strcmp(m->arch->name, "x86"))
        return fail(err, ENOTSUP, "engine kvm: no %s", m->arch->name);
    if (m->deterministic)
        return fail(err, ENOTSUP, "engine kvm: a real processor is not deterministic");
    if (m->persona)
        return fail(err, ENOTSUP, "engine kvm: it runs no guests of %s", m->persona->name);
    vm = xcalloc(1, sizeof(*vm));
    *vm = (struct kvm_vm){.machine = m};
    pthread_mutex_init(&vm->lock, NULL);
    pthread_mutex_init(&vm->time_lock, NULL);
    eng->priv = vm;
    vm->fd = kvm_dev_new_vm(err);
    int rc = vm->fd < 0 ? vm->fd : set_up(vm, err);
    if (rc)
        kvm_close(eng);
    return rc;
}

static void dump(struct engine *eng, const char *what, FILE *out)
{
    if (strcmp(what, "stats"))
        return;
    for (unsigned i = 0; i < eng->machine->nvcpus; i++) {
        const struct kvm_cpu *k = kvm_cpu_of(eng->machine->vcpus[i]);
        fprintf(out,
                "vcpu%u.kvm.runs: %" PRIu64 "\nvcpu%u.kvm.port: %" PRIu64
                "\nvcpu%u.kvm.mmio: %" PRIu64 "\nvcpu%u.kvm.msr: %" PRIu64
                "\nvcpu%u.kvm.eoi: %" PRIu64 "\nvcpu%u.kvm.window: %" PRIu64
                "\nvcpu%u.kvm.signal: %" PRIu64 "\n",
                i, k->n_runs, i, k->n_port, i, k->n_mmio, i, k->n_msr, i, k->n_eoi, i, k->n_window,
                i, k->n_signal);
    }
}

static void show(FILE *out)
{
    struct kvm_checks c;
    struct error err = {0};

    if (kvm_checks_get(&c, &err)) {
        fprintf(out, "             %s\n", err.text);
        return;
    }
    for (unsigned i = 0; i < c.n; i++)
        fprintf(out, "             %-4s %s\n", c.ok[i] ? "ok" : "FAIL", kvm_check_what(i));
}

const struct engine_type kvm_engine = {
    .name = "kvm",
    .way = "native",
    .help = "the processor itself, through KVM",
    .probe = probe,
    .host_device = KVM_DEVICE,
    .hand_in = kvm_dev_hand_in,
    .open = kvm_open,
    .close = kvm_close,
    .map = kvm_map,
    .unmap = kvm_unmap,
    .dirty = kvm_dirty,
    .vcpu_open = kvm_vcpu_open,
    .vcpu_close = kvm_vcpu_close,
    .vcpu_run = kvm_vcpu_run,
    .vcpu_kick = kvm_vcpu_kick,
    .vcpu_get = kvm_get,
    .vcpu_put = kvm_put,
    .irqchip = kvm_irqchip,
    .msi_send = kvm_msi_send,
    .offers = kvm_offers,
    .dump = dump,
    .show = show,
};
