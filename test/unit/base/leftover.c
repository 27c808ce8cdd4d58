/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names that go at the end: by the process itself, and by its helper once it could not any more.
 */
#include "base/leftover.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/test.h"

static char dir[] = "/tmp/quad-leftover-XXXXXX";

static char *make(const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
    return path;
}

static void goes_when_told(void **state)
{
    auto_free char *a = make("a"), *b = make("b");

    (void)state;
    leftover_add(a, unlink);
    leftover_remove(b); /* nobody's */
    assert_int_equal(access(b, F_OK), 0);
    leftover_remove(a);
    assert_int_equal(access(a, F_OK), -1);
    unlink(b);
}

/* The helper's rights are those of when it began; it takes away what was known then. */
static void helper_knows_its_list(void **state)
{
    auto_free char *a = make("a"), *late = make("late"), *tree = xasprintf("%s/tree", dir);
    int status;

    (void)state;
    mkdir(tree, 0700);
    pid_t pid = fork();
    if (!pid) {
        struct error err;
        bool ok;
        leftover_add(a, unlink);
        leftover_add(tree, rmdir);
        ok = !leftover_helper(&err);
        leftover_add(late, unlink);
        (void)!chroot("/proc/self"); /* root: what is below is not seen any more */
        leftover_remove(late);
        leftover_remove(a);
        leftover_remove(tree);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    assert_int_equal(access(a, F_OK), -1);
    assert_int_equal(access(tree, F_OK), -1);
    assert_int_equal(access(late, F_OK), 0);
    unlink(late);
    rmdir(dir);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_when_told),
        cmocka_unit_test(helper_knows_its_list),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
