/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A stock kernel is saved into a file and restored into a new machine again and again while it boots
 * and checks itself: it must not notice. With --long also on up to four vCPUs, compressed, and in
 * deterministic mode, where a guest that was saved and restored must end with the very console
 * output, times included, of one that was not.
 * test-long: test/cli/save.sh is the short one
 * test-timeout: 900
 * test-engines: jit
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/save.h"
#include "guest/vm.h"
#include "lib/boot_guest.h"
#include "lib/test.h"

struct cycle {
    struct vm *vm;
    unsigned after_ms; /* save this long after the start; 0: never */
    bool compress, saved, over;
    char *file;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct save_report report;
};

static void save_now(void *opaque)
{
    struct cycle *c = opaque;
    const struct save_options o = {.compress = c->compress};
    struct error err = {0};

    if (c->vm->end != VM_RUNNING)
        return;
    int fd = open(c->file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || save_guest(c->vm, fd, &o, &c->report, &err))
        fail_msg("save: %s", err.text);
    close(fd);
    c->saved = true;
    vm_end(c->vm, VM_SAVED);
}

static void *alarm_thread(void *opaque)
{
    struct cycle *c = opaque;
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)c->after_ms * 1000000;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&c->lock);
    while (!c->over && pthread_cond_timedwait(&c->cond, &c->lock, &until) != ETIMEDOUT)
        ;
    if (!c->over)
        loop_call(&c->vm->loop, save_now, c);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Run until it ends or is saved. */
static void run(struct cycle *c)
{
    struct error err = {0};
    pthread_t thread;

    c->saved = c->over = false;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->cond, NULL);
    if (c->after_ms)
        assert_int_equal(pthread_create(&thread, NULL, alarm_thread, c), 0);
    enum vm_end end = vm_run(c->vm, &err);
    pthread_mutex_lock(&c->lock);
    c->over = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
    if (c->after_ms)
        pthread_join(thread, NULL); /* it uses *c, which a failure leaves */
    if (end != VM_SAVED && end != VM_POWEROFF)
        fail_msg("the guest ended (%d): %s", end, err.text);
}

/* Boot; save every after_ms; all output of the console. */
static char *boot(const struct guest_config *config, unsigned after_ms, bool compress,
                  unsigned *cycles)
{
    struct guest_config given = {.engine = config->engine};
    struct cycle c = {.after_ms = after_ms, .compress = compress};
    char *files[2] = {boot_guest_path("saved0"), boot_guest_path("saved1")};
    struct error err = {0};
    char *text = xstrdup("");
    struct saved s;

    boot_guest_serial(&given);
    for (*cycles = 0;; ++*cycles) {
        int fd = -1;
        c.file = files[*cycles & 1];
        if (!*cycles) {
            if (vm_create(&c.vm, config, &err))
                fail_msg("create: %s", err.text);
        } else {
            fd = open(files[~*cycles & 1], O_RDONLY | O_CLOEXEC);
            if (fd < 0 || saved_open(&s, fd, &given, false, &err))
                fail_msg("open: %s", err.text);
            s.verify = true;
            if (vm_restore(&c.vm, &s, &err))
                fail_msg("restore: %s", err.text);
            close(fd);
        }
        run(&c);
        vm_destroy(c.vm);
        if (*cycles)
            saved_close(&s);
        char *part = boot_guest_console(), *both = xasprintf("%s%s", text, part);
        free(part);
        free(text);
        text = both;
        if (!c.saved)
            break;
    }
    unlink(files[0]);
    unlink(files[1]);
    free(files[0]);
    free(files[1]);
    return text;
}

static struct guest_config config_of(unsigned cpus, bool deterministic)
{
    struct guest_config c;

    boot_guest_config(&c, cpus, "quad.check");
    c.deterministic = deterministic;
    return c;
}

static void it_does_not_notice(void **state)
{
    (void)state;
    for (unsigned cpus = 1; cpus <= (test_long() ? 4 : 1); cpus++) {
        const struct guest_config c = config_of(cpus, false);
        unsigned cycles;
        char *text = boot(&c, test_long() ? 400 : 900, cpus == 2, &cycles);
        print_message("%u vCPU: saved and restored %u times\n", cpus, cycles);
        if (!strstr(text, "quad.check: ok") || strstr(text, "BUG:") || strstr(text, "soft lockup"))
            fail_msg("its console:\n%s", text);
        assert_true(cycles >= 2);
        free(text);
    }
}

static void deterministic_runs_are_equal(void **state)
{
    const struct guest_config c = config_of(1, true);
    unsigned cycles;

    (void)state;
    if (!test_long())
        skip();
    char *plain = boot(&c, 0, false, &cycles), *cut = boot(&c, 900, false, &cycles);
    print_message("deterministic: saved and restored %u times\n", cycles);
    assert_true(cycles >= 1);
    if (strcmp(plain, cut)) {
        size_t i = 0;
        while (plain[i] == cut[i])
            i++;
        fail_msg("after %zu bytes: \"%.200s\" and \"%.200s\"", i, plain + i, cut + i);
    }
    free(plain);
    free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_not_notice),
        cmocka_unit_test(deterministic_runs_are_equal),
    };

    boot_guest_prepare("");
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
