/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random hypercalls (the libFuzzer target's driver, fed by the seed), and page tables audited after
 * each few.
 */
#include "lib/test.h"

#include "base/log.h"
#include "fuzz/xen_drive.h"

static void test_hypercalls(void **state)
{
    uint64_t seed = test_seed(), rounds = test_long() ? 200 : 6;
    uint64_t updates = 0;
    static uint8_t bytes[64 << 10];

    (void)state;
    log_set_level(LOG_ERROR);
    for (uint64_t round = 0; round < rounds; round++) {
        struct tape t = {bytes, sizeof(bytes), 0};
        struct xen_dom x;
        char why[160];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)(test_random(&seed) >> 32);
        xen_dom_init(&x, 1, UINT64_C(24) << 20);
        for (unsigned n = 0; !tape_ends(&t); n++) {
            drive_hypercall(&x, &t);
            bool alive = drive_alive(&x);
            if ((!alive || n % 16 == 0) && !xen_dom_audit(x.d, why, sizeof(why)))
                fail_msg("round %d, hypercall %u: %s", (int)round, n, why);
            if (alive)
                continue;
            updates += x.d->n_ops[0];
            xen_dom_fini(&x);
            xen_dom_init(&x, 1, UINT64_C(24) << 20);
        }
        updates += x.d->n_ops[0];
        xen_dom_fini(&x);
    }
    assert_true(updates > 100); /* some were carried out */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hypercalls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
