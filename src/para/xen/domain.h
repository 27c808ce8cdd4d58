/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * domain: a guest of the Xen PV interface: what all files of this folder share. It is a board (it
 * fills a machine) and a persona (it is what the machine's software sees); engines run it as any
 * other machine.
 *
 * Machine frame numbers are the guest's own page numbers: frame f < nr_pages is guest-physical page
 * f. Behind its memory, from `special` on, come frames of the hypervisor that the guest may map:
 * shared_info, then the grant table. Behind those, out of any entry's reach, lies the
 * machine-to-physical table, which the guest sees at XEN_VIRT_START.
 *
 * Locks, in the order in which they are taken:
 *   mm_lock     frames' types and page tables (mm_lock(): a vCPU that waits lets others be
 *               exclusive meanwhile)
 *   store.lock  xenstore
 *   ev_lock     event channels, per-vCPU pending state that is not atomic
 */
#ifndef QUAD_PARA_XEN_DOMAIN_H
#define QUAD_PARA_XEN_DOMAIN_H

#include "arch/x86/arch.h"
#include "arch/x86/persona.h"
#include "arch/x86/tlb.h"
#include "base/list.h"
#include "board/board.h"
#include "core/machine.h"
#include "para/xen/abi.h"
#include "para/xen/evtchn.h"

struct chr;
struct xenstore;
struct xen_domain;

/* ---- frames ---- */

/* What a frame is used as. Exclusive: a frame never has two types at once. */
enum frame_type { FT_NONE, FT_L1, FT_L2, FT_L3, FT_L4, FT_SEG, FT_WRITABLE };

struct frame {
    uint32_t count;  /* references as `type` */
    uint64_t stamp;  /* d->tlb_clock when it was last writable: older TLBs may still write it */
    uint8_t type;    /* enum frame_type */
    bool pinned;
    bool present;    /* the guest has it */
    bool partial;    /* being validated */
};

/* ---- vCPU ---- */

struct trap_entry {
    uint64_t address;
    uint16_t cs;
    uint8_t dpl;
    bool mask; /* events are masked on entry */
};

struct callback {
    uint64_t address;
    bool mask;
};

/* An address space that a vCPU has left. Its TLB entries are good as long as no present entry of any
 * table has been changed since it began. */
struct space {
    uint64_t kernel, user; /* roots */
    uint64_t asid, epoch, changes;
};

struct xen_vcpu {
    struct xen_domain *d;
    struct x86_cpu *c;
    unsigned id;
    /* Where vcpu_info lies: NULL before registration of one beyond the 32 in shared_info. */
    uint8_t *info;
    uint64_t info_frame; /* where it was registered; ~0: not */
    struct trap_entry trap[256];
    struct callback callback[CALLBACK_COUNT];
    uint64_t kernel_sp;
    uint16_t kernel_ss;
    uint64_t gs_kernel, gs_user; /* the one in use is in the register */
    uint16_t gs_user_sel;
    uint64_t gdt_frame[GDT_GUEST_FRAMES];
    unsigned gdt_ents;
    uint64_t ldt_base;
    unsigned ldt_ents;
    unsigned iopl;
    bool nmi_pending, nmi_masked;
    bool initialised, up;
    bool blocked;            /* SCHEDOP_block or poll */
    bool polling;            /* atomic; SCHEDOP_poll waits for... */
    uint32_t poll_port;      /* ...this one; 0: one of several */
    bool crashed;
    bool iret_done;          /* the hypercall that runs was an IRET */
    struct timer singleshot, periodic, poll_timer;
    uint64_t period;         /* ns; 0: stopped */
    uint64_t runstate_va, runstate_since, runstate_time[4];
    unsigned runstate;
    uint64_t time_va;
    uint32_t virq_port[VIRQ_COUNT];
    struct fifo_queues *fifo;
    struct space space[16];  /* address spaces that were left, by their root */
    uint64_t changes;        /* d->changes when the current one began with an empty TLB */
    uint64_t tlb_stamp;      /* d->tlb_clock of its last complete flush */
    bool flush;              /* atomic: empty the TLB before going on */
    uint64_t counts[HC_COUNT];
    uint64_t n_bounce[256], n_callback, n_syscall, n_ptwr, n_emulated;
};

/* ---- domain ---- */

struct xen_domain {
    struct board board;
    struct x86_persona persona;
    struct machine *m;
    struct board_config config;
    unsigned nvcpus;
    struct xen_vcpu *vcpu[MACHINE_VCPUS_MAX];
    uint16_t domid;

    /* Memory. */
    uint8_t *ram;             /* host address of frame 0 */
    struct mem_slot *ram_slot, *special_slot, *m2p_slot;
    uint64_t nr_pages;        /* at start */
    uint64_t max_pages;       /* frames of its memory slot; also those ballooned out */
    uint64_t cur_pages, hint; /* hint: where to look for an absent frame */
    uint64_t special, special_end; /* frames of the hypervisor's */
    uint64_t *m2p;
    struct frame *frames;     /* special_end of them */
    int mm_lock;
    uint64_t changes; /* atomic: of entries that were present, or of what is a table */
    uint64_t tlb_clock;
    uint32_t vm_assist;
    uint64_t n_ops[8];        /* mmu: updates, extended operations... */

    uint8_t *shared_info;
    struct evtchns ev;

    struct chr *chr;
    struct xen_console *console;
    struct xenstore *store;
    struct xen_grants *grants;
    struct list_node devices; /* xenbus.h */
    uint32_t shutdown_code;
    bool shut_down;
    bool reconnect;   /* atomic: restored, its devices are taken up when it first runs */
    uint64_t refused; /* calls of the control interface */
};

static inline struct xen_vcpu *xen_vcpu_of(const struct x86_cpu *c) { return c->pv; }

/* Hypercall context: who calls. */
typedef int64_t hypercall_fn(struct xen_vcpu *v, const uint64_t arg[6]);

/* Host address of a frame, NULL where there is none. */
static inline uint8_t *frame_host(const struct xen_domain *d, uint64_t mfn)
{
    if (likely(mfn < d->max_pages))
        return d->ram + (mfn << PAGE_SHIFT_4K);
    if (mfn >= d->special && mfn < d->special_end)
        return d->special_slot->hva + ((mfn - d->special) << PAGE_SHIFT_4K);
    return NULL;
}

/* A frame that is there: the guest's memory that is not ballooned out, or a special one. */
static inline bool frame_usable(const struct xen_domain *d, uint64_t mfn)
{
    return mfn < d->special_end && d->frames[mfn].present;
}

/* Record a write by the hypervisor to a frame. */
void frame_written(struct xen_domain *d, uint64_t mfn);

/* access.c: the guest's virtual memory in the current mode. False: it would fault. */
bool xen_read(struct xen_vcpu *v, void *to, uint64_t va, size_t n);
bool xen_write(struct xen_vcpu *v, uint64_t va, const void *from, size_t n);

/* hypercall.c */
int64_t hypercall(struct xen_vcpu *v, uint64_t nr, const uint64_t arg[6]);
const char *hypercall_name(unsigned nr);

/* traps.c */
void trap_enter_syscall(struct x86_cpu *c);
int trap_deliver(struct x86_cpu *c);
enum x86_event trap_poll(struct x86_cpu *c);
bool trap_pending(const struct x86_cpu *c);
void trap_check_events(struct xen_vcpu *v);
void trap_set_kernel(struct xen_vcpu *v, bool kernel);
noreturn_fn void trap_crash_unwind(struct xen_vcpu *v, const char *why);
void domain_crash(struct xen_vcpu *v, const char *why);
hypercall_fn hc_set_trap_table, hc_set_callbacks, hc_callback_op, hc_stack_switch, hc_iret,
    hc_nmi_op;

/* priv.c: instructions of a kernel that thinks that it has its processor. True: done. */
bool priv_emulate(struct xen_vcpu *v, const struct x86_insn *in);
bool priv_forced_cpuid(struct xen_vcpu *v, struct x86_fault *f);
void persona_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4]);
hypercall_fn hc_fpu_taskswitch, hc_set_debugreg, hc_get_debugreg;

/* desc.c */
bool desc_lookup(struct x86_cpu *c, uint16_t sel, uint64_t *raw);
bool desc_check(uint64_t *raw);
int desc_set_gdt(struct xen_vcpu *v, const uint64_t *frames, unsigned entries);
int desc_set_ldt(struct xen_vcpu *v, uint64_t base, uint64_t entries);
void desc_put_flat(struct x86_cpu *c, unsigned seg, uint16_t sel);
hypercall_fn hc_set_gdt, hc_update_descriptor, hc_set_segment_base;

/* state.c: what is saved */
int domain_state_create(struct xen_domain *d, struct error *err);

/* mm.c */
void mm_lock(struct xen_vcpu *v);
void mm_unlock(struct xen_vcpu *v);
int frame_get_type(struct xen_vcpu *v, uint64_t mfn, enum frame_type type);
void frame_put_type(struct xen_vcpu *v, uint64_t mfn, enum frame_type type);
int mm_write_entry(struct xen_vcpu *v, uint64_t maddr, uint64_t val, bool preserve_ad);
int mm_set_base(struct xen_vcpu *v, uint64_t mfn, bool user);
void mm_flush_local(struct xen_vcpu *v);
void mm_flush_vcpus(struct xen_vcpu *v, uint64_t mask, bool page, uint64_t va);
bool mm_l1_entry(struct xen_vcpu *v, uint64_t va, uint64_t *maddr);
bool mm_emulate_store(struct xen_vcpu *v, const struct x86_insn *in, uint64_t va);
enum x86_region mm_region(struct x86_cpu *c, uint64_t lin, enum x86_access acc,
                          enum x86_tlb_ctx ctx, struct x86_walk *w);
bool mm_frame_allowed(const struct x86_cpu *c, uint64_t pa);

/* mmu.c, memory.c */
void m2p_set(struct xen_domain *d, uint64_t mfn, uint64_t pfn);
hypercall_fn hc_mmu_update, hc_update_va_mapping, hc_update_va_mapping_otherdomain, hc_mmuext_op,
    hc_memory_op;

/* sched.c, time.c */
hypercall_fn hc_sched_op, hc_sched_op_compat, hc_vcpu_op, hc_set_timer_op;
void sched_wake_poller(struct xen_domain *d, uint32_t port);
void time_init(struct xen_vcpu *v);
void time_publish(struct xen_vcpu *v);
void time_wallclock(struct xen_domain *d);
void runstate_set(struct xen_vcpu *v, unsigned state);
void runstate_write(struct xen_vcpu *v);
int64_t time_set_singleshot(struct xen_vcpu *v, uint64_t deadline, bool only_future);
uint64_t xen_ns(const struct xen_domain *d);

/* control.c */
hypercall_fn hc_sysctl, hc_domctl, hc_platform_op;

/* version.c */
hypercall_fn hc_xen_version, hc_vm_assist, hc_physdev_op, hc_console_io;

/* grant.c */
hypercall_fn hc_grant_table_op;
struct xen_grants *grants_create(struct xen_domain *d);
void grants_reset(struct xen_grants *g);
void grants_destroy(struct xen_grants *g);
uint64_t grants_frames(void);
void grants_seed(struct xen_domain *d, unsigned ref, uint64_t mfn, uint16_t domid);

/* console.c */
struct xen_console *console_create(struct xen_domain *d);
void console_reset(struct xen_console *con, uint64_t mfn, uint32_t port);
/* Where its ring is, and taking it up there again after a restore. */
void console_where(const struct xen_domain *d, uint64_t *mfn, uint32_t *port);
void console_load(struct xen_domain *d, uint64_t mfn, uint32_t port);
void console_destroy(struct xen_console *con);
uint32_t console_port(struct xen_domain *d); /* a new port for it */
uint64_t console_out_bytes(const struct xen_domain *d);
void console_raw(struct xen_domain *d, const uint8_t *text, size_t n);

/* stats.c */
void stats_hypercalls(const struct xen_domain *d, FILE *out);
void stats_counters(const struct xen_domain *d, FILE *out);

/* board.c, build.c */
extern const struct board_type board_xen_pv_1;
struct loader;
int domain_build(struct xen_domain *d, struct loader *l, struct error *err);
void hypercall_page_fill(uint8_t *page);

#endif
