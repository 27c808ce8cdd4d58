/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The host's processor, through KVM, as a runner of microguests. See micro.h.
 */
#include "lib/micro.h"

#if defined(__x86_64__)

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

struct micro_kvm {
    int dev, vm, cpu;
    struct kvm_run *run;
    size_t run_size;
    uint8_t *mem;
    struct kvm_sregs sregs0;
};

static struct kvm_run *running;

static void alarm_rings(int sig)
{
    (void)sig;
    if (running)
        running->immediate_exit = 1;
}

static bool set_cpuid(struct micro_kvm *k)
{
    size_t n = 256;
    struct kvm_cpuid2 *id = xcalloc(1, sizeof(*id) + n * sizeof(id->entries[0]));
    bool ok;

    id->nent = (uint32_t)n;
    ok = !ioctl(k->dev, KVM_GET_SUPPORTED_CPUID, id) && !ioctl(k->cpu, KVM_SET_CPUID2, id);
    free(id);
    return ok;
}

struct micro_kvm *micro_kvm_create(const char **why)
{
    struct micro_kvm *k = xcalloc(1, sizeof(*k));

    k->vm = k->cpu = k->dev = -1;
    /* The vendor's own virtualization: other KVMs emulate what is of interest here. */
    *why = "no KVM on an AMD processor's SVM";
    if (access("/sys/module/kvm_amd", F_OK))
        goto no;
    k->dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    *why = "/dev/kvm does not open";
    if (k->dev < 0)
        goto no;
    *why = "KVM makes no virtual machine here";
    k->vm = ioctl(k->dev, KVM_CREATE_VM, 0);
    if (k->vm < 0)
        goto no;
    k->cpu = ioctl(k->vm, KVM_CREATE_VCPU, 0);
    int size = ioctl(k->dev, KVM_GET_VCPU_MMAP_SIZE, 0);
    k->mem = mmap(NULL, MICRO_MEM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k->cpu < 0 || size <= 0 || k->mem == MAP_FAILED)
        goto no;
    k->run_size = (size_t)size;
    k->run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, k->cpu, 0);
    struct kvm_userspace_memory_region region = {.memory_size = MICRO_MEM,
                                                 .userspace_addr = (uintptr_t)k->mem};
    if (k->run == MAP_FAILED || ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &region) ||
        !set_cpuid(k) || ioctl(k->cpu, KVM_GET_SREGS, &k->sregs0))
        goto no;
    return k;
no:
    micro_kvm_destroy(k);
    return NULL;
}

void micro_kvm_destroy(struct micro_kvm *k)
{
    if (k->run && k->run != MAP_FAILED)
        munmap(k->run, k->run_size);
    if (k->mem && k->mem != MAP_FAILED)
        munmap(k->mem, MICRO_MEM);
    if (k->cpu >= 0)
        close(k->cpu);
    if (k->vm >= 0)
        close(k->vm);
    if (k->dev >= 0)
        close(k->dev);
    free(k);
}

static struct kvm_segment seg_to_kvm(const struct x86_seg *s)
{
    bool p = s->attr & SEG_A_P;

    return (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->sel,
        .type = s->attr & 15,
        .s = s->attr >> 4 & 1,
        .dpl = s->attr >> 5 & 3,
        .present = p,
        .avl = s->attr >> 8 & 1,
        .l = s->attr >> 9 & 1,
        .db = s->attr >> 10 & 1,
        .g = s->attr >> 11 & 1,
        .unusable = !p,
    };
}

static struct x86_seg seg_from_kvm(const struct kvm_segment *k)
{
    return (struct x86_seg){
        .sel = k->selector,
        .attr = (uint16_t)((k->type & 15) | (k->s & 1) << 4 | (k->dpl & 3) << 5 |
                           (k->present && !k->unusable ? 0x80 : 0) | (k->avl & 1) << 8 |
                           (k->l & 1) << 9 | (k->db & 1) << 10 | (k->g & 1) << 11),
        .limit = k->limit,
        .base = k->base,
    };
}

static const uint32_t msrs[] = {0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
                                0xc0000102, 0x174,      0x175,      0x176};

static void msr_fields(struct x86_state *s, uint64_t **f)
{
    uint64_t *list[] = {&s->star,           &s->lstar,      &s->cstar,        &s->sfmask,
                        &s->kernel_gs_base, &s->sysenter_cs, &s->sysenter_esp, &s->sysenter_eip};

    memcpy(f, list, sizeof(list));
}

/* struct kvm_msrs and as many entries as we ask for */
struct msr_list {
    uint32_t nmsrs, pad;
    struct kvm_msr_entry e[ARRAY_LEN(msrs)];
};
_Static_assert(offsetof(struct msr_list, e) == sizeof(struct kvm_msrs), "as the kernel reads it");

static bool put(struct micro_kvm *k, const struct x86_state *start)
{
    struct x86_state s = *start;
    struct kvm_sregs sr = k->sregs0;
    struct kvm_segment *seg[] = {&sr.es, &sr.cs, &sr.ss, &sr.ds, &sr.fs, &sr.gs, &sr.ldt, &sr.tr};
    struct kvm_vcpu_events events = {0};
    struct kvm_debugregs dr = {.dr6 = s.dr[6], .dr7 = s.dr[7]};
    struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_RUNNABLE};
    struct msr_list m = {.nmsrs = ARRAY_LEN(msrs)};
    uint64_t *field[ARRAY_LEN(msrs)];
    const uint64_t *r = s.r;
    struct kvm_regs regs = {r[RAX], r[RBX], r[RCX], r[RDX], r[RSI], r[RDI], r[RSP],     r[RBP],
                            r[8],   r[9],   r[10],  r[11],  r[12],  r[13],  r[14],      r[15],
                            r[X86_RIP], s.rflags};

    for (unsigned i = 0; i < X86_NSEG; i++)
        *seg[i] = seg_to_kvm(&s.seg[i]);
    sr.gdt.base = s.gdtr.base;
    sr.gdt.limit = s.gdtr.limit;
    sr.idt.base = s.idtr.base;
    sr.idt.limit = s.idtr.limit;
    sr.cr0 = s.cr0;
    sr.cr2 = s.cr2;
    sr.cr3 = s.cr3;
    sr.cr4 = s.cr4;
    sr.efer = s.efer;
    memcpy(dr.db, s.dr, sizeof(dr.db));
    msr_fields(&s, field);
    for (unsigned i = 0; i < ARRAY_LEN(msrs); i++)
        m.e[i] = (struct kvm_msr_entry){.index = msrs[i], .data = *field[i]};
    return !ioctl(k->cpu, KVM_SET_MP_STATE, &mp) && !ioctl(k->cpu, KVM_SET_VCPU_EVENTS, &events) &&
           !ioctl(k->cpu, KVM_SET_SREGS, &sr) && !ioctl(k->cpu, KVM_SET_REGS, &regs) &&
           !ioctl(k->cpu, KVM_SET_DEBUGREGS, &dr) &&
           ioctl(k->cpu, KVM_SET_MSRS, &m) == (int)ARRAY_LEN(msrs);
}

static bool get(struct micro_kvm *k, struct x86_state *s)
{
    struct kvm_sregs sr;
    struct kvm_regs g;
    struct kvm_debugregs dr;
    struct msr_list m = {.nmsrs = ARRAY_LEN(msrs)};
    uint64_t *field[ARRAY_LEN(msrs)];

    *s = (struct x86_state){0};
    msr_fields(s, field);
    for (unsigned i = 0; i < ARRAY_LEN(msrs); i++)
        m.e[i].index = msrs[i];
    if (ioctl(k->cpu, KVM_GET_REGS, &g) || ioctl(k->cpu, KVM_GET_SREGS, &sr) ||
        ioctl(k->cpu, KVM_GET_DEBUGREGS, &dr) ||
        ioctl(k->cpu, KVM_GET_MSRS, &m) != (int)ARRAY_LEN(msrs))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(msrs); i++)
        *field[i] = m.e[i].data;
    const struct kvm_segment *seg[] = {&sr.es, &sr.cs, &sr.ss,  &sr.ds,
                                       &sr.fs, &sr.gs, &sr.ldt, &sr.tr};
    for (unsigned i = 0; i < X86_NSEG; i++)
        s->seg[i] = seg_from_kvm(seg[i]);
    const uint64_t r[] = {g.rax, g.rcx, g.rdx, g.rbx, g.rsp, g.rbp, g.rsi, g.rdi, g.r8,
                          g.r9,  g.r10, g.r11, g.r12, g.r13, g.r14, g.r15, 0,     g.rip};
    memcpy(s->r, r, sizeof(r));
    s->rflags = g.rflags;
    s->gdtr = (struct x86_dtable){sr.gdt.base, sr.gdt.limit};
    s->idtr = (struct x86_dtable){sr.idt.base, sr.idt.limit};
    s->cr0 = sr.cr0;
    s->cr2 = sr.cr2;
    s->cr3 = sr.cr3;
    s->cr4 = sr.cr4;
    s->efer = sr.efer;
    s->dr[6] = dr.dr6;
    s->dr[7] = dr.dr7;
    return true;
}

static void answer_io(struct kvm_run *run)
{
    if (run->io.direction == KVM_EXIT_IO_IN)
        memset((uint8_t *)run + run->io.data_offset, 0xff, (size_t)run->io.size * run->io.count);
}

static enum micro_end run_until(struct micro_kvm *k)
{
    struct kvm_run *run = k->run;

    for (unsigned exits = 0; exits < 10000; exits++) {
        if (ioctl(k->cpu, KVM_RUN, 0)) {
            return errno == EINTR ? MICRO_BUDGET : MICRO_ERROR;
        }
        switch (run->exit_reason) {
        case KVM_EXIT_HLT: return MICRO_HALT;
        case KVM_EXIT_SHUTDOWN: return MICRO_SHUTDOWN;
        case KVM_EXIT_IO: answer_io(run); break;
        case KVM_EXIT_MMIO:
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
            break;
        default: return MICRO_ERROR;
        }
    }
    return MICRO_BUDGET;
}

void micro_kvm_run(struct micro_kvm *k, const struct x86_state *start, const uint8_t *image,
                   struct micro_outcome *out)
{
    struct sigaction sa = {.sa_handler = alarm_rings}, old;
    struct itimerval soon = {.it_value.tv_usec = 100000}, never = {0};

    memcpy(k->mem, image, MICRO_MEM);
    out->mem = k->mem;
    out->end = MICRO_ERROR;
    if (!put(k, start))
        return;
    running = k->run;
    k->run->immediate_exit = 0;
    sigaction(SIGALRM, &sa, &old);
    setitimer(ITIMER_REAL, &soon, NULL);
    out->end = run_until(k);
    setitimer(ITIMER_REAL, &never, NULL);
    running = NULL;
    if (!get(k, &out->s))
        out->end = MICRO_ERROR;
}

#else

struct micro_kvm *micro_kvm_create(const char **why)
{
    *why = "not an x86-64 host";
    return NULL;
}

void micro_kvm_destroy(struct micro_kvm *k)
{
    (void)k;
}

void micro_kvm_run(struct micro_kvm *k, const struct x86_state *start, const uint8_t *image,
                   struct micro_outcome *out)
{
    (void)k, (void)start, (void)image;
    out->end = MICRO_ERROR;
}

#endif
