/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is saved of a domain: after random hypercalls it is taken, the domain reset, and put back. Types
 * and counts of frames, which are not in the record but made anew from it, must be the ones that the
 * hypercalls had led to one by one. And records with random bytes changed: nothing breaks.
 */
#include "lib/test.h"

#include "base/log.h"
#include "fuzz/xen_drive.h"
#include "para/xen/grant.h"
#include "para/xen/xenstore.h"

static struct dev *saver(struct xen_dom *x)
{
    list_for_each(it, &x->m.devs) {
        struct dev *dev = list_entry(it, struct dev, node);
        if (!strcmp(dev->name, "xen"))
            return dev;
    }
    fail_msg("no device for the domain's state");
    return NULL;
}

/* What a stream would bring besides the record: processors, and memory shared with the guest. */
static void reset_around(struct xen_dom *x)
{
    uint64_t special = (x->d->special_end - x->d->special) << PAGE_SHIFT_4K;
    const struct x86_state s = x->v->c->s;
    uint8_t *shared = malloc(special);

    assert_non_null(shared);
    memcpy(shared, x->d->special_slot->hva, special);
    x->d->persona.base.reset(&x->m);
    memcpy(x->d->special_slot->hva, shared, special);
    free(shared);
    x->v->c->s = s;
    x86_derive(x->v->c);
}

static void random_calls(struct xen_dom *x, uint64_t *seed)
{
    static uint8_t bytes[24 << 10];
    struct tape t = {bytes, sizeof(bytes), 0};

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(test_random(seed) >> 32);
    while (!tape_ends(&t) && drive_alive(x))
        drive_hypercall(x, &t);
}

static void test_round(void **state)
{
    uint64_t seed = test_seed(), rounds = test_long() ? 300 : 10;

    (void)state;
    log_set_level(LOG_ERROR);
    for (uint64_t round = 0; round < rounds; round++) {
        struct xen_dom x;
        char why[160];
        xen_dom_init(&x, 1, UINT64_C(24) << 20);
        random_calls(&x, &seed);
        struct dev *dev = saver(&x);
        assert_null(dev->type->blocker(dev));
        dev->type->presave(dev);
        size_t n = x.d->special_end * sizeof(struct frame);
        struct frame *before = malloc(n);
        assert_non_null(before);
        memcpy(before, x.d->frames, n);
        uint64_t cur_pages = x.d->cur_pages;
        reset_around(&x);
        dev->type->loaded(dev);
        assert_false(x.d->shut_down);
        assert_true(x.v->up);
        assert_int_equal(x.d->cur_pages, cur_pages);
        for (uint64_t f = 0; f < x.d->special_end; f++) {
            const struct frame *a = &before[f], *b = &x.d->frames[f];
            if (a->count != b->count || (a->count && f < x.d->special && a->type != b->type) ||
                a->pinned != b->pinned || a->present != b->present)
                fail_msg("round %d, frame %d: type %u count %u, then type %u count %u", (int)round,
                         (int)f, a->type, a->count, b->type, b->count);
        }
        if (!xen_dom_audit(x.d, why, sizeof(why)))
            fail_msg("round %d: %s", (int)round, why);
        free(before);
        xen_dom_fini(&x);
    }
}

static void test_hostile(void **state)
{
    uint64_t seed = test_seed(), rounds = test_long() ? 2000 : 60, refused = 0;

    (void)state;
    log_set_level(LOG_ERROR);
    for (uint64_t round = 0; round < rounds; round++) {
        struct xen_dom x;
        char why[160];
        xen_dom_init(&x, 2, UINT64_C(24) << 20);
        struct dev *dev = saver(&x);
        dev->type->presave(dev);
        uint8_t *regs = dev_regs(dev);
        for (unsigned n = 0; n < 40; n++) {
            uint64_t at = test_random(&seed) % dev->type->state->size;
            regs[at] = (uint8_t)test_random(&seed);
        }
        reset_around(&x);
        dev->type->loaded(dev);
        refused += x.d->shut_down;
        if (!xen_dom_audit(x.d, why, sizeof(why)))
            fail_msg("round %d: %s", (int)round, why);
        xen_dom_fini(&x);
    }
    assert_true(refused);
}

/* The store comes back as it was: nodes, watches, what waits; a transaction ends with EAGAIN. */
static void test_store(void **state)
{
    static uint8_t one[128 << 10], two[128 << 10];
    uint64_t seed = test_seed();
    struct error err;
    struct xen_dom x;
    char text[64];

    (void)state;
    xen_dom_init(&x, 1, UINT64_C(24) << 20);
    struct xenstore *s = x.d->store;
    xs_write(s, "data/here", "%s", "value");
    static const uint8_t start[17] = {6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1},
                         watch[25] = "\4\0\0\0\2\0\0\0\0\0\0\0\x09\0\0\0data\0tok";
    xs_message(s, start, sizeof(start));
    xs_message(s, watch, sizeof(watch));
    size_t n = xs_save(s, one, sizeof(one));
    assert_true(n > 100);
    assert_int_equal(xs_save(s, two, n - 1), 0);
    xs_write(s, "data/here", "%s", "other");
    assert_int_equal(xs_load(s, one, n, &err), 0);
    assert_true(xs_read(s, "data/here", text, sizeof(text)));
    assert_string_equal(text, "value");
    assert_int_equal(xs_save(s, two, sizeof(two)), n);
    assert_memory_equal(one, two, n);
    static const uint8_t end[18] = {7, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 'T'};
    while (xs_output(s, two, sizeof(two)))
        ;
    xs_message(s, end, sizeof(end));
    n = xs_output(s, two, sizeof(two));
    assert_int_equal(n, 16 + 7);
    assert_string_equal(two + 16, "EAGAIN");
    for (unsigned round = 0; round < 3000; round++) {
        memcpy(two, one, sizeof(one));
        for (unsigned i = 0; i < 4; i++)
            two[test_random(&seed) % 600] = (uint8_t)test_random(&seed);
        (void)!xs_load(s, two, test_random(&seed) % sizeof(two), &err);
    }
    /* More than a record holds is refused before anything is saved. */
    struct dev *dev = saver(&x);
    xs_reset(s);
    assert_null(dev->type->blocker(dev));
    for (unsigned i = 0; i < 1500; i++) {
        snprintf(text, sizeof(text), "data/n%u", i);
        xs_write(s, text, "%0200u", i);
    }
    assert_non_null(dev->type->blocker(dev));
    xen_dom_fini(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
