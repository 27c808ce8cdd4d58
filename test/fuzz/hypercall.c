/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: hypercalls of the Xen PV interface; at the end every page table in use must be
 * what the typing of frames promises.
 */
#include <stdio.h>

#include "base/log.h"
#include "fuzz/xen_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tape t = {data, size, 0};
    char why[160];
    struct xen_dom x;

    log_set_level(LOG_ERROR);
    xen_dom_init(&x, 1, UINT64_C(24) << 20);
    while (!tape_ends(&t) && drive_alive(&x))
        drive_hypercall(&x, &t);
    if (!xen_dom_audit(x.d, why, sizeof(why))) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
    xen_dom_fini(&x);
    return 0;
}
