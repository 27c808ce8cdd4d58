/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stats: what was counted: hypercalls by kind, entries into the guest's kernel by reason.
 */
#include "para/xen/domain.h"

static uint64_t sum(const struct xen_domain *d, size_t offset)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < d->nvcpus; i++)
        n += *(const uint64_t *)(const void *)((const char *)d->vcpu[i] + offset);
    return n;
}

#define SUM(d, member) sum(d, offsetof(struct xen_vcpu, member))

void stats_hypercalls(const struct xen_domain *d, FILE *out)
{
    uint64_t all = 0;

    fprintf(out, "%4s  %-30s %12s\n", "nr", "hypercall", "count");
    for (unsigned nr = 0; nr < HC_COUNT; nr++) {
        uint64_t n = sum(d, offsetof(struct xen_vcpu, counts) + nr * sizeof(uint64_t));
        all += n;
        if (n)
            fprintf(out, "%4u  %-30s %12" PRIu64 "\n", nr, hypercall_name(nr), n);
    }
    fprintf(out, "%4s  %-30s %12" PRIu64 "\n", "", "all", all);
    fprintf(out, "%4s  %-30s %12" PRIu64 "\n", "", "updates by mmu_update", d->n_ops[0]);
    fprintf(out, "%4s  %-30s %12" PRIu64 "\n", "", "operations by mmuext_op", d->n_ops[1]);
}

void stats_counters(const struct xen_domain *d, FILE *out)
{
    uint64_t traps = 0;

    for (unsigned vector = 0; vector < 256; vector++)
        traps += sum(d, offsetof(struct xen_vcpu, n_bounce) + vector * sizeof(uint64_t));
    fprintf(out, "xen.exceptions: %" PRIu64 "\nxen.page_faults: %" PRIu64 "\n", traps,
            SUM(d, n_bounce[14]));
    fprintf(out, "xen.system_calls: %" PRIu64 "\nxen.event_callbacks: %" PRIu64 "\n",
            SUM(d, n_syscall), SUM(d, n_callback));
    fprintf(out, "xen.emulated_instructions: %" PRIu64 "\nxen.emulated_table_stores: %" PRIu64 "\n",
            SUM(d, n_emulated), SUM(d, n_ptwr));
    fprintf(out, "xen.events_raised: %" PRIu64 "\nxen.pages: %" PRIu64 "\n", d->ev.n_sent,
            d->cur_pages);
    for (unsigned nr = 0; nr < HC_COUNT; nr++) {
        uint64_t n = sum(d, offsetof(struct xen_vcpu, counts) + nr * sizeof(uint64_t));
        if (n)
            fprintf(out, "xen.hypercall.%s: %" PRIu64 "\n", hypercall_name(nr), n);
    }
}
