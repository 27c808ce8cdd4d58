/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine on this host's KVM itself, also where that is made of software and the self-check refuses it:
 * with guests in real mode, which every KVM runs, the parts that can be trusted there: slots, the dirty
 * log, kicks, messages, the local APIC's timer, the state there and back.
 * test-engines: jit
 */
#include <stdio.h>

#include "lib/test.h"

#if defined(__x86_64__)

#include "arch/x86/lapic.h"
#include "arch/x86/model.h"
#include "native/kvm.h"

extern const struct engine_type kvm_engine;

#define RAM (UINT64_C(1) << 20)
#define CODE 0x1000u
#define HANDLER 0x2000u
#define PORT 0xf4u

/* What the guest says on its port; it stops there. */
struct said {
    struct dev dev;
    struct vcpu *vcpu;
    uint64_t value;
    unsigned n;
};

static void port_write(struct dev *dev, uint64_t offset, unsigned size, uint64_t v)
{
    struct said *s = container_of(dev, struct said, dev);

    (void)offset, (void)size;
    s->value = v;
    s->n++;
    vcpu_request(s->vcpu, REQ_STOP);
}

static uint64_t port_read(struct dev *dev, uint64_t offset, unsigned size)
{
    (void)dev, (void)offset, (void)size;
    return 0x5a;
}

static const struct window_ops port_ops = {port_read, port_write, 1, 4};
static const struct dev_window_desc port_windows[] = {{"port", 4, &port_ops}, {0}};
static const struct dev_type said_type = {
    .name = "said", .size = sizeof(struct said), .windows = port_windows};

struct guest_here {
    struct machine m;
    struct mem_slot *ram, *rom;
    struct said *said;
    struct vcpu *v;
    struct x86_cpu *c;
};

static void make(struct guest_here *g)
{
    struct error err = {0};
    struct dev *dev = NULL;

    machine_init(&g->m, &x86_arch, NULL, false);
    g->m.cpu_model = x86_model_find("base");
    g->m.clock.tsc_khz = kvm_host_khz();
    if (mem_add(&g->m.mem, "ram", SLOT_RAM, 0, RAM, &g->ram, &err) ||
        mem_add(&g->m.mem, "rom", SLOT_ROM, RAM, 0x10000, &g->rom, &err) ||
        machine_add_vcpu(&g->m, &err) || dev_create(&said_type, "said", &g->m, &dev, &err))
        fail_msg("%s", err.text);
    g->said = container_of(dev, struct said, dev);
    g->v = g->said->vcpu = g->m.vcpus[0];
    g->c = x86_cpu_of(g->v);
    dev_map(dev, 0, &g->m.ports, PORT);
    if (machine_set_engine(&g->m, &kvm_engine, &err))
        fail_msg("%s", err.text);
    clock_start(&g->m.clock);
}

static void put(struct guest_here *g)
{
    struct error err = {0};

    if (kvm_engine.vcpu_put(g->v, ~0u, &err))
        fail_msg("%s", err.text);
}

/* Real mode, at CODE, interrupts as `flags` say, the handler of every vector at HANDLER. */
static void start(struct guest_here *g, const uint8_t *code, size_t n, uint64_t flags)
{
    kvm_engine.vcpu_get(g->v, ~0u);
    memcpy(g->ram->hva + CODE, code, n);
    for (unsigned i = 0; i < 256; i++)
        st_le32(g->ram->hva + 4 * (size_t)i, HANDLER);
    g->c->s.seg[SEG_CS].sel = 0;
    g->c->s.seg[SEG_CS].base = 0;
    g->c->s.r[X86_RIP] = CODE;
    g->c->s.r[RSP] = 0x8000;
    g->c->s.rflags = FL_1 | flags;
    g->c->s.mp_state = MP_RUNNABLE;
    put(g);
}

static enum stop_reason run(struct guest_here *g)
{
    vcpu_request_done(g->v, REQ_STOP);
    return kvm_engine.vcpu_run(g->v);
}

static void *kick_soon(void *opaque)
{
    const struct timespec ts = {0, 50000000};

    nanosleep(&ts, NULL);
    vcpu_request(opaque, REQ_STOP);
    return NULL;
}

/* ------------------------------------------------------------------------------------------ tests */

static void ports_and_roms(void **state)
{
    static const uint8_t code[] = {
        0xe4, 0xf4,             /* in al, 0xf4 */
        0xa2, 0x00, 0x06,       /* mov [0x600], al */
        0xb8, 0xff, 0xff, 0x8e, 0xd8, /* ds = 0xffff: 0x10 below 1 MiB */
        0xc6, 0x06, 0x10, 0x00, 0x77, /* a byte into the ROM: nobody takes it */
        0xa0, 0x10, 0x00,       /* mov al, [0x10] */
        0xe6, 0xf4,             /* out 0xf4, al */
    };
    struct guest_here *g = *state;

    g->rom->hva[0] = 0x33;
    start(g, code, sizeof(code), 0);
    assert_int_equal(run(g), STOP_KICK);
    assert_int_equal(g->ram->hva[0x600], 0x5a);
    assert_int_equal(g->said->value, 0x33);
    kvm_engine.vcpu_get(g->v, ~0u);
    assert_int_equal(g->c->s.r[X86_RIP], CODE + sizeof(code)); /* the OUT is finished */
}

static void dirty_log(void **state)
{
    static const uint8_t code[] = {
        0xb9, 0x05, 0x00,             /* mov cx, 5 */
        0xb8, 0x00, 0x40, 0x8e, 0xd8, /* ds = 0x4000: from 0x40000 on */
        0x31, 0xdb,                   /* xor bx, bx */
        0x88, 0x07,                   /* l: mov [bx], al */
        0x81, 0xc3, 0x00, 0x20,       /* add bx, 0x2000: every second page */
        0xe2, 0xf8,                   /* loop l */
        0xe6, 0xf4,
    };
    struct guest_here *g = *state;
    uint64_t map[RAM / PAGE_SIZE_4K / 64];

    start(g, code, sizeof(code), 0);
    kvm_engine.dirty(&g->m.engine, g->ram, DIRTY_FETCH, map);
    for (unsigned i = 0; i < ARRAY_LEN(map); i++) /* nobody knew: all */
        assert_int_equal(map[i], UINT64_MAX);
    assert_int_equal(run(g), STOP_KICK);
    mem_write(&g->m.mem, 0x70000, "x", 1); /* a device */
    kvm_engine.dirty(&g->m.engine, g->ram, DIRTY_FETCH, map);
    for (unsigned p = 0; p < RAM / PAGE_SIZE_4K; p++)
        assert_int_equal(map[p / 64] >> (p & 63) & 1,
                         (p >= 0x40 && p < 0x4a && !(p & 1)) || p == 0x70);
    kvm_engine.dirty(&g->m.engine, g->ram, DIRTY_FETCH, map);
    for (unsigned i = 0; i < ARRAY_LEN(map); i++)
        assert_int_equal(map[i], 0);
    kvm_engine.dirty(&g->m.engine, g->ram, DIRTY_STOP, NULL);
}

static void kicks(void **state)
{
    static const uint8_t spin[] = {0xeb, 0xfe}, halt[] = {0xf4, 0xeb, 0xfd};
    struct guest_here *g = *state;

    for (unsigned i = 0; i < 4; i++) {
        pthread_t thread;
        start(g, i & 1 ? halt : spin, 2 + (i & 1), FL_IF);
        if (i < 2) {
            pthread_create(&thread, NULL, kick_soon, g->v);
            assert_int_equal(run(g), STOP_KICK);
            pthread_join(thread, NULL);
        } else { /* before it is inside: never lost */
            vcpu_request_done(g->v, REQ_STOP);
            vcpu_request(g->v, REQ_STOP);
            assert_int_equal(kvm_engine.vcpu_run(g->v), STOP_KICK);
        }
    }
}

/* hlt; the handler of any vector says so. */
static void wait_for_interrupt(struct guest_here *g)
{
    static const uint8_t code[] = {0xf4, 0xeb, 0xfd}, handler[] = {0xb0, 0x99, 0xe6, 0xf4, 0xf4};

    memcpy(g->ram->hva + HANDLER, handler, sizeof(handler));
    g->said->value = 0;
    start(g, code, sizeof(code), FL_IF);
}

static void messages(void **state)
{
    struct guest_here *g = *state;

    lapic_reset(g->c->lapic, false);
    g->c->lapic->regs.svr = 0x1ff;
    put(g);
    wait_for_interrupt(g);
    x86_arch.msi_send(&g->m, 0xfee00000, 0x4041);
    assert_int_equal(run(g), STOP_KICK);
    assert_int_equal(g->said->value, 0x99);
    kvm_engine.vcpu_get(g->v, ~0u);
    assert_int_equal(g->c->lapic->regs.irr[2], 0); /* taken, once */
    assert_int_equal(g->said->n, 1);
}

static void timer(void **state)
{
    struct guest_here *g = *state;
    struct lapic_regs *r = &g->c->lapic->regs;

    kvm_engine.vcpu_get(g->v, ~0u);
    lapic_reset(g->c->lapic, false);
    r->svr = 0x1ff;
    r->lvt[APIC_LVT_TIMER] = 0x50;
    r->timer_divide = 0xb;
    r->timer_initial = 20000000; /* 20 ms */
    r->timer_start = clock_ns(&g->m.clock);
    uint64_t began = clock_ns(&g->m.clock);
    put(g);
    r->timer_initial = 0; /* what is in the kernel counts */
    wait_for_interrupt(g);
    assert_int_equal(run(g), STOP_KICK);
    assert_int_equal(g->said->value, 0x99);
    assert_true(clock_ns(&g->m.clock) - began > 15000000);
}

static void there_and_back(void **state)
{
    struct guest_here *g = *state;
    struct x86_state *s = &g->c->s, want;
    uint64_t seed = test_seed() | 1;

    for (unsigned round = 0; round < 20; round++) {
        kvm_engine.vcpu_get(g->v, ~0u);
        for (unsigned i = 0; i < 16; i++)
            s->r[i] = test_random(&seed);
        for (unsigned i = 0; i < 8; i++)
            s->fpr[i] = (struct f80){test_random(&seed) | UINT64_C(1) << 63, 0x3fff};
        s->ftw = 0xff;
        s->fsw = (uint16_t)(test_random(&seed) & 0x3800);
        for (unsigned i = 0; i < 16; i++)
            s->ymm[i].q[0] = test_random(&seed);
        s->lstar = test_random(&seed) >> 20;
        s->star = test_random(&seed);
        s->cr2 = test_random(&seed) >> 20;
        s->dr[0] = test_random(&seed) >> 20;
        s->seg[SEG_DS].sel = (uint16_t)test_random(&seed);
        s->seg[SEG_DS].base = (uint32_t)s->seg[SEG_DS].sel << 4;
        s->nmi_blocked = round & 1;
        want = *s;
        put(g);
        memset(s->r, 0, sizeof(s->r));
        memset(s->fpr, 0, sizeof(s->fpr));
        memset(s->ymm, 0, sizeof(s->ymm));
        s->fsw = s->ftw = 0;
        s->lstar = s->star = s->cr2 = s->dr[0] = 0;
        s->seg[SEG_DS] = (struct x86_seg){0};
        kvm_engine.vcpu_get(g->v, ~0u);
        assert_memory_equal(s->r, want.r, sizeof(s->r));
        assert_memory_equal(s->ymm, want.ymm, sizeof(s->ymm));
        for (unsigned i = 0; i < 8; i++)
            assert_true(s->fpr[i].mant == want.fpr[i].mant && s->fpr[i].se == want.fpr[i].se);
        assert_int_equal(s->fsw, want.fsw);
        assert_int_equal(s->lstar, want.lstar);
        assert_int_equal(s->star, want.star);
        assert_int_equal(s->cr2, want.cr2);
        assert_int_equal(s->dr[0], want.dr[0]);
        assert_int_equal(s->seg[SEG_DS].base, want.seg[SEG_DS].base);
        assert_int_equal(s->nmi_blocked, want.nmi_blocked);
    }
}

static int set_up(void **state)
{
    struct guest_here *g = xcalloc(1, sizeof(*g));

    make(g);
    *state = g;
    return 0;
}

static int tear_down(void **state)
{
    struct guest_here *g = *state;

    machine_fini(&g->m);
    free(g);
    return 0;
}

#define HERE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {HERE(ports_and_roms), HERE(dirty_log), HERE(kicks),
                                       HERE(messages),       HERE(timer),     HERE(there_and_back)};
    struct error err = {0};

    if (kvm_dev(&err) < 0)
        test_skip("%s", err.text);
    if (kvm_check(&err))
        printf("back end: %s\n", err.text);
    else
        printf("back end: a real processor's\n");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    test_skip("no x86-64 host");
}

#endif
