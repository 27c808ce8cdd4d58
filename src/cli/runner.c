/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/runner.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/trace.h"
#include "cli/guests.h"
#include "guest/launch.h"
#include "guest/save.h"
#include "guest/vm.h"
#include "guest/zone_run.h"
#include "proto/folder.h"
#include "proto/place.h"

static int open_trace(const struct guest_config *c, struct error *err)
{
    if (c->trace_file) {
        int fd = open(c->trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
            return fail_errno(err, errno, "--trace-file: cannot open %s", c->trace_file);
        trace_set_fd(fd);
    }
    return c->trace ? trace_enable(c->trace, err) : 0;
}

static int end_code(enum vm_end end, const struct guest_config *c, const struct error *err)
{
    switch (end) {
    case VM_POWEROFF: log_notice("%s: powered off", c->name); return EXIT_OK;
    case VM_QUIT: log_notice("%s: left", c->name); return EXIT_OK;
    case VM_RESET: log_notice("%s: rebooted (--on-reboot exit)", c->name); return EXIT_RESET;
    case VM_PANIC: log_error("%s: its kernel panicked", c->name); return EXIT_PANIC;
    case VM_TRIPLE_FAULT:
        log_error("%s: triple fault: its processor met an exception that it could not deliver",
                  c->name);
        return EXIT_TRIPLE_FAULT;
    case VM_WATCHDOG: log_error("%s: its watchdog fired", c->name); return EXIT_WATCHDOG;
    case VM_SAVED: log_notice("%s: saved", c->name); return EXIT_OK;
    case VM_MOVED: log_notice("%s: moved", c->name); return EXIT_OK;
    case VM_RUNNING:
    case VM_FAILED: break;
    }
    return command_failed(err);
}

/* ------------------------------------------------------------------------------ what it keeps */

static json_t *description(const struct guest_config *c)
{
    json_t *d = guest_config_to_json(c);
    auto_free char *cwd = getcwd(NULL, 0);

    json_object_set_new(d, "name", json_string(c->name));
    if (cwd)
        json_object_set_new(d, "cwd", json_string(cwd));
    return d;
}

static bool runs(const char *name)
{
    auto_close int run_fd = -1;
    struct error none;

    return !place_run(false, &run_fd, &none) && place_is_claimed(run_fd, name);
}

static bool is_kept(const struct guest_config *c)
{
    struct error none;
    json_t *now = description(c), *old = folder_load(c->name, "guest.json", &none);
    bool same = old && json_equal(now, old);

    json_decref(now);
    json_decref(old);
    return same;
}

/* ---------------------------------------------------------------------------------------- run */

/* From here on nobody sees what it prints but its log. */
static int go_background(const struct guest_config *c, int ready_fd, struct error *err)
{
    auto_free char *path = folder_path(c->name, "run.log");
    auto_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    auto_close int log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    if (null_fd < 0 || log_fd < 0)
        return fail_errno(err, errno, "cannot write %s", path);
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0 || write(ready_fd, "r", 1) != 1)
        return fail_errno(err, errno, "cannot go to the background");
    return 0;
}

static void dump(struct vm *vm, const struct guest_config *c, FILE *out)
{
    struct error err = {0};

    if (vm_dump(vm, c->dump_what, out, &err))
        log_error("%s", err.text);
    if (fclose(out))
        log_error("--dump-jit: cannot write %s: %s", c->dump_jit, strerror(errno));
}

/* Once it has run nothing can be opened any more. */
static int run_to_end(struct vm *vm, const struct guest_config *c, enum vm_end *end,
                      struct error *err)
{
    FILE *out = c->dump_jit ? fopen(c->dump_jit, "we") : NULL;

    if (c->dump_jit && !out)
        return fail_errno(err, errno, "--dump-jit: cannot create %s", c->dump_jit);
    *end = vm_run(vm, err);
    if (c->stats)
        vm_stats(vm, stderr);
    if (c->count_hypercalls)
        vm_count_hypercalls(vm, stderr);
    if (out)
        dump(vm, c, out);
    return 0;
}

/* ready_fd: told when it runs, in the background; else -1. */
static int run_machine(struct guest_config *c, struct saved *saved, int ready_fd, bool *made,
                       enum vm_end *end, struct error *err)
{
    /* What it was started with is how `quad start` starts it; a restored one keeps that. */
    json_t *d = guest_config_named(c) && !saved ? description(c) : NULL;
    struct vm *vm = NULL;
    struct launch l;
    int rc = launch_open(&l, c, err);

    if (!rc)
        rc = saved ? vm_restore(&vm, saved, err) : vm_create(&vm, c, err);
    *made = !rc;
    if (!rc && d)
        rc = folder_save(c->name, "guest.json", d, err);
    if (!rc && ready_fd >= 0)
        rc = go_background(c, ready_fd, err);
    json_decref(d);
    if (!rc) {
        base_close_fd(&ready_fd);
        rc = run_to_end(vm, c, end, err);
    }
    vm_destroy(vm);
    launch_close(&l);
    return rc;
}

static int run_here(const struct command *command, struct guest_config *c, struct saved *saved,
                    int ready_fd)
{
    bool named = guest_config_named(c), was_new = false, made = false;
    enum vm_end end = VM_RUNNING;
    struct error err = {0};

    if (c->quiet)
        log_set_level(LOG_WARN);
    if (open_trace(c, &err) || (named && folder_make(c->name, &was_new, &err)))
        return command_failed(&err);
    if (!run_machine(c, saved, ready_fd, &made, &end, &err))
        return end_code(end, c, &err);
    if (was_new)
        folder_remove(c->name, NULL);
    return err.code == EINVAL && !made ? command_usage(command, &err) : command_failed(&err);
}

/* A process of its own, that outlives this one and its terminal. */
static int run_detached(const struct command *command, struct guest_config *c,
                        struct saved *saved)
{
    struct error err = {0};
    int ready[2], status;
    char byte;

    if (pipe2(ready, O_CLOEXEC))
        return fail_errno(&err, errno, "pipe"), command_failed(&err);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return fail_errno(&err, errno, "fork"), command_failed(&err);
    if (!pid) {
        close(ready[0]);
        setsid();
        exit(run_here(command, c, saved, ready[1]));
    }
    close(ready[1]);
    ssize_t n;
    while ((n = read(ready[0], &byte, 1)) < 0 && errno == EINTR)
        ;
    close(ready[0]);
    if (n == 1)
        return EXIT_OK;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int wait_for(const struct guest_config *c)
{
    struct error err = {0};

    if (c->wait && guests_wait_for(c->name, c->wait, c->timeout, &err))
        return guests_failed(&err);
    return EXIT_OK;
}

static int is_running(const struct guest_config *c)
{
    struct error err = {0};

    if (c->detach && is_kept(c)) {
        log_notice("%s runs already", c->name);
        return wait_for(c);
    }
    fail(&err, EBUSY, "a guest called %s runs already%s; try: quad stop %s", c->name,
         c->detach ? ", with another description" : "", c->name);
    return guests_failed(&err);
}

/* Nothing that is kept has this name: several at once. */
static int run_zone(const struct command *command, struct guest_config *c)
{
    auto_free char *own = NULL;
    struct error err = {0};
    int status = 0;

    if (c->rm && c->image && !strcmp(c->name, c->image) && !c->detach)
        c->name = own = xasprintf("%.40s-%d", c->image, (int)getpid());
    if (!guest_config_named(c) || place_name_check(c->name, &err))
        return fail(&err, EINVAL, "a zone needs an image or a name; try: quad run IMAGE --mode zone"),
               command_usage(command, &err);
    if (runs(c->name))
        return is_running(c);
    bool is_new = !folder_exists(c->name);
    int rc = zone_run_prepare(c, &err);
    json_t *d = rc || c->rm ? NULL : description(c);
    if (d)
        rc = folder_save(c->name, "guest.json", d, &err);
    json_decref(d);
    if (!rc)
        rc = zone_run(c, &status, &err);
    if (rc && is_new && folder_exists(c->name)) /* one that never ran is not kept */
        folder_remove(c->name, NULL);
    if (rc)
        return err.code == EINVAL ? command_usage(command, &err) : command_failed(&err);
    return c->detach ? wait_for(c) : status;
}

static int run_any(const struct command *command, struct guest_config *c, struct saved *saved)
{
    struct error err = {0};

    if ((!saved && guest_config_check(c, &err)) ||
        (guest_config_named(c) && place_name_check(c->name, &err)))
        return command_usage(command, &err);
    if (guest_config_named(c) && runs(c->name))
        return is_running(c);
    if (!c->detach)
        return run_here(command, c, saved, -1);
    int code = run_detached(command, c, saved);
    return code ? code : wait_for(c);
}

int run_guest(const struct command *command, struct guest_config *c)
{
    return zone_run_wanted(c) ? run_zone(command, c) : run_any(command, c, NULL);
}

int run_saved(const struct command *command, struct saved *saved)
{
    return run_any(command, &saved->description.config, saved);
}
