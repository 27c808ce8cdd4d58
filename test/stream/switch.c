/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A stock kernel boots while it is bounced between the engines: its self-check passes, and in
 * deterministic mode memory, processors and devices are afterwards those of a boot on one engine, to
 * the byte.
 * test-timeout: 900
 * test-engines: jit
 */
#include <stdio.h>

#include "base/log.h"
#include "guest/vm.h"
#include "lib/boot_guest.h"
#include "lib/test.h"

struct outcome {
    char *console;
    uint64_t digest, ns;
    unsigned switches;
};

static void boot(unsigned cpus, uint64_t every, bool deterministic, struct outcome *out)
{
    struct guest_config c;
    struct error err = {0};
    struct vm *vm;

    boot_guest_config(&c, cpus, "quad.check");
    c.switch_every = every;
    c.deterministic = deterministic;
    if (vm_create(&vm, &c, &err))
        fail_msg("%s", err.text);
    enum vm_end end = vm_run(vm, &err);
    *out = (struct outcome){.switches = vm->n_switches};
    if (deterministic) {
        out->digest = boot_guest_digest(vm);
        out->ns = clock_ns(&vm->machine.clock);
    }
    vm_destroy(vm);
    out->console = boot_guest_console();
    if (end != VM_POWEROFF || !strstr(out->console, "quad.check: ok"))
        fail_msg("end %d: %s\n%s", end, err.text, out->console);
}

static void it_does_not_notice(void **state)
{
    const unsigned cpus[] = {1, 4};

    (void)state;
    for (size_t i = 0; i < (test_long() ? 2u : 1u); i++) {
        struct outcome o;
        boot(cpus[i], test_long() ? 10 : 50, false, &o);
        print_message("%u vCPU: %u switches\n", cpus[i], o.switches);
        assert_true(o.switches > 20);
        free(o.console);
    }
}

static void one_engine_or_many(void **state)
{
    struct outcome one, many;

    (void)state;
    if (!test_long())
        skip();
    for (unsigned cpus = 1; cpus <= 4; cpus += 3) {
        boot(cpus, 0, true, &one);
        boot(cpus, 30, true, &many);
        print_message("%u vCPU, deterministic: %u switches\n", cpus, many.switches);
        assert_true(many.switches > 20);
        size_t n = 0;
        while (one.console[n] && one.console[n] == many.console[n])
            n++;
        if (one.console[n] != many.console[n])
            fail_msg("consoles differ at byte %zu:\n%.200s\n--\n%.200s", n, one.console + n,
                     many.console + n);
        assert_int_equal(one.ns, many.ns);
        assert_int_equal(one.digest, many.digest);
        free(one.console);
        free(many.console);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_not_notice),
        cmocka_unit_test(one_engine_or_many),
    };

    boot_guest_prepare("");
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
