/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The back ends of character streams, each with its other end in the test.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/loop.h"
#include "chr/chr_open.h"
#include "lib/test.h"

static struct loop loop;
static struct chr *chr;
static char path[200];

/* A front that takes at most `room` bytes. */
static struct {
    pthread_mutex_t lock;
    char got[8192];
    size_t n, room;
    unsigned breaks, opened, closed;
} front = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t front_receive(void *opaque, const uint8_t *buf, size_t len)
{
    size_t n = MIN(len, front.room);

    (void)opaque;
    assert_true(front.n + n <= sizeof(front.got));
    memcpy(front.got + front.n, buf, n);
    front.n += n;
    front.room -= n;
    return n;
}

static void front_event(void *opaque, enum chr_event ev)
{
    (void)opaque;
    front.breaks += ev == CHR_BREAK;
    front.opened += ev == CHR_OPENED;
    front.closed += ev == CHR_CLOSED;
}

static void stop(void *opaque)
{
    loop_stop(opaque);
}

/* Let the loop run for ms. */
static void spin(unsigned ms)
{
    loop.stop = false;
    loop_timer_init(&loop, stop, &loop);
    loop_timer_arm(&loop, monotonic_ns() + ms * 1000000ull);
    assert_int_equal(loop_run(&loop, NULL), 0);
}

/* Until the front has n bytes, at most 2 s. */
static void spin_until(size_t n)
{
    for (unsigned i = 0; i < 200 && front.n < n; i++)
        spin(10);
    assert_int_equal(front.n, n);
}

static void open_it(const char *kind, const char *name)
{
    struct error err = {0};
    char spec[300];
    const char *tmp = getenv("TEST_TMP");

    snprintf(path, sizeof(path), "%s/%s", tmp ? tmp : "/tmp", name);
    snprintf(spec, sizeof(spec), *name ? "%s:%s" : "%s", kind, path);
    if (chr_open(spec, &loop, &chr, &err))
        fail_msg("%s: %s", spec, err.text);
    chr->front = (struct chr_front){
        .receive = front_receive, .event = front_event, .lock = &front.lock};
}

static int setup(void **state)
{
    struct error err;

    (void)state;
    front.n = front.breaks = front.opened = front.closed = 0;
    front.room = sizeof(front.got);
    chr = NULL;
    return loop_init(&loop, &err);
}

static int teardown(void **state)
{
    (void)state;
    chr_destroy(chr);
    loop_fini(&loop);
    return 0;
}

static void say(const char *text)
{
    chr_write(chr, (const uint8_t *)text, strlen(text));
}

static void bad_specs_are_refused(void **state)
{
    static const char *const bad[] = {"",      "stdioo", "stdio:x", "file",       "file:",
                                      "pty:1", "socket", "tcp:1",   "file:/no/no"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        struct chr *c = NULL;
        assert_true(chr_open(bad[i], &loop, &c, &err) < 0);
        assert_null(c);
        assert_true(strlen(err.text) > 10);
    }
}

static void null_takes_everything(void **state)
{
    (void)state;
    open_it("null", "");
    for (unsigned i = 0; i < 1000; i++)
        say("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    spin(10);
    assert_int_equal(chr_dropped(chr), 0);
    assert_int_equal(front.n, 0);
}

static void file_holds_what_was_written(void **state)
{
    char buf[64] = {0};

    (void)state;
    open_it("file", "out");
    say("one\n");
    say("two\n");
    chr_destroy(chr);
    chr = NULL;
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, buf, sizeof(buf) - 1), 8);
    assert_string_equal(buf, "one\ntwo\n");
    close(fd);
    open_it("file", "out"); /* a new run starts anew */
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    unlink(path);
}

static int connect_peer(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(strlen(path) < sizeof(addr.sun_path));
    memcpy(addr.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void socket_peers_come_and_go(void **state)
{
    char buf[64] = {0};

    (void)state;
    open_it("socket", "s");
    say("early ");
    int fd = connect_peer();
    spin(20);
    assert_int_equal(front.opened, 1);
    say("late");
    assert_int_equal(read(fd, buf, 6), 6); /* what was said before comes first */
    assert_int_equal(read(fd, buf + 6, sizeof(buf) - 7), 4);
    assert_string_equal(buf, "early late");
    assert_int_equal(write(fd, "hello", 5), 5);
    spin_until(5);
    assert_memory_equal(front.got, "hello", 5);
    close(fd);
    spin(20);
    assert_int_equal(front.closed, 1);
    say("kept");
    fd = connect_peer();
    spin(20);
    memset(buf, 0, sizeof(buf));
    assert_int_equal(read(fd, buf, sizeof(buf) - 1), 4);
    assert_string_equal(buf, "kept");
    close(fd);
    struct error err = {0};
    struct chr *second = NULL;
    char spec[300];
    snprintf(spec, sizeof(spec), "socket:%s", path);
    assert_int_equal(chr_open(spec, &loop, &second, &err), -EADDRINUSE);
    chr_destroy(chr);
    chr = NULL;
    assert_int_equal(access(path, F_OK), -1);
}

static void a_full_front_is_waited_for(void **state)
{
    static char text[8000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    open_it("socket", "s");
    front.room = 3;
    int fd = connect_peer();
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    spin(30);
    assert_int_equal(front.n, 3);
    for (unsigned i = 0; i < 100 && front.n < sizeof(text); i++) {
        front.room = 100;
        chr_accept(chr);
        spin(2);
    }
    assert_int_equal(front.n, sizeof(text));
    assert_memory_equal(front.got, text, sizeof(text));
    close(fd);
}

static void a_slow_reader_gets_the_newest(void **state)
{
    static uint8_t block[1024];
    static char buf[1 << 20];
    size_t n = 0;

    (void)state;
    open_it("socket", "s");
    int fd = connect_peer();
    spin(20);
    uint64_t began = monotonic_ns();
    for (unsigned i = 0; i < 2048; i++) { /* 2 MiB, nobody reads */
        memset(block, 'a' + (int)(i % 26), sizeof(block));
        chr_write(chr, block, sizeof(block));
    }
    say("the end");
    assert_true(monotonic_ns() - began < 5000000000ull); /* it never blocked */
    assert_true(chr_dropped(chr) > 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (unsigned i = 0; i < 200; i++) {
        ssize_t got = read(fd, buf + n, sizeof(buf) - n);
        n += got > 0 ? (size_t)got : 0;
        spin(2);
    }
    assert_true(n > 7);
    assert_memory_equal(buf + n - 7, "the end", 7);
    close(fd);
}

static void pty_both_ways(void **state)
{
    char buf[16] = {0};

    (void)state;
    open_it("pty", "");
    assert_int_equal(strncmp(chr_where(chr), "/dev/pts/", 9), 0);
    int fd = open(chr_where(chr), O_RDWR | O_NOCTTY);
    assert_true(fd >= 0);
    say("out\n");
    spin(10);
    assert_int_equal(read(fd, buf, sizeof(buf)), 4); /* raw: no translation */
    assert_memory_equal(buf, "out\n", 4);
    assert_int_equal(write(fd, "in\r\x01x", 5), 5);
    spin_until(5); /* the escape is the person's terminal's, not this one's */
    close(fd);
    spin(10);
    fd = open(chr_where(chr), O_RDWR | O_NOCTTY);
    assert_int_equal(write(fd, "+", 1), 1);
    spin_until(6);
    close(fd);
}

static void the_log_keeps_the_last_part(void **state)
{
    struct chr *log = NULL;
    struct error err;
    char line[32], buf[9000];
    char log_path[220];

    (void)state;
    open_it("null", "");
    snprintf(log_path, sizeof(log_path), "%s/log", getenv("TEST_TMP") ? getenv("TEST_TMP") : "/tmp");
    assert_int_equal(chr_open_log(log_path, 8192, chr, &log, &err), 0);
    chr = log;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "line %05u\n", i);
        say(line);
        struct stat st;
        assert_int_equal(stat(log_path, &st), 0);
        assert_true(st.st_size <= 8192);
    }
    int fd = open(log_path, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf));
    close(fd);
    assert_true(n >= 4096);
    assert_memory_equal(buf + n - 11, "line 04999\n", 11);
    /* No gap: line follows line. */
    unsigned first = 0, at = 0;
    char *p = memchr(buf, 'l', (size_t)n);
    assert_int_equal(sscanf(p, "line %u", &first), 1);
    for (; p < buf + n; p += 11, first++) {
        assert_int_equal(sscanf(p, "line %u", &at), 1);
        assert_int_equal(at, first);
    }
    unlink(log_path);
}

/* ---- stdio, in a child whose terminal the test holds -------------------------------------- */

static void child_quit(void *opaque)
{
    say("[quit]");
    loop_stop(opaque);
}

static size_t child_receive(void *opaque, const uint8_t *buf, size_t len)
{
    (void)opaque;
    chr_write(chr, buf, len); /* echo */
    return len;
}

static void child_event(void *opaque, enum chr_event ev)
{
    (void)opaque;
    if (ev == CHR_BREAK)
        say("[break]");
}

static int run_stdio(void)
{
    struct error err;

    if (loop_init(&loop, &err) || chr_open("stdio", &loop, &chr, &err))
        return 3;
    chr->front = (struct chr_front){
        .receive = child_receive, .event = child_event, .lock = &front.lock};
    chr_on_quit(chr, child_quit, &loop);
    say(chr_is_terminal(chr) ? "[tty]" : "[no tty]");
    /* At the end of a pipe the guest would go on: a second without anything ends the child. */
    if (!chr_is_terminal(chr)) {
        loop_timer_init(&loop, stop, &loop);
        loop_timer_arm(&loop, monotonic_ns() + 300000000);
    }
    if (loop_run(&loop, &err))
        return 4;
    chr_destroy(chr);
    loop_fini(&loop);
    return 0;
}

static pid_t spawn_on_tty(int master)
{
    const char *name = ptsname(master);
    pid_t pid = fork();

    if (pid)
        return pid;
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL); /* the test library has handlers of its own */
    setsid();
    int fd = open(name, O_RDWR);
    ioctl(fd, TIOCSCTTY, 0);
    dup2(fd, 0);
    dup2(fd, 1);
    tcsetpgrp(0, getpid());
    _exit(run_stdio());
}

/* What the child says, until `want` is part of it; at most 3 s. */
static void expect(int fd, const char *want)
{
    static char buf[4096];
    size_t n = 0;

    memset(buf, 0, sizeof(buf));
    for (unsigned i = 0; i < 300 && !strstr(buf, want); i++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 10) > 0) {
            ssize_t got = read(fd, buf + n, sizeof(buf) - 1 - n);
            n += got > 0 ? (size_t)got : 0;
        }
    }
    if (!strstr(buf, want))
        fail_msg("\"%s\" did not come, but \"%s\"", want, buf);
}

static void type(int fd, const char *keys)
{
    assert_int_equal(write(fd, keys, strlen(keys)), strlen(keys));
}

static int make_tty(struct termios *before)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    assert_int_equal(tcgetattr(master, before), 0);
    return master;
}

static bool is_raw(int master)
{
    struct termios t;

    assert_int_equal(tcgetattr(master, &t), 0);
    return !(t.c_lflag & (ECHO | ICANON | ISIG)) && !(t.c_oflag & OPOST);
}

static void terminal_escapes(void **state)
{
    struct termios before, after;
    int master = make_tty(&before), status = -1;
    int keep = open(ptsname(master), O_RDWR | O_NOCTTY); /* its settings outlive the child */
    pid_t pid = spawn_on_tty(master);

    (void)state;
    expect(master, "[tty]");
    assert_true(is_raw(master));
    type(master, "abc\x03");
    expect(master, "abc\x03"); /* ctrl-c is the guest's */
    type(master, "\x01h");
    expect(master, "ctrl-a x");
    type(master, "\x01" "b");
    expect(master, "[break]");
    type(master, "\x01\x01y");
    expect(master, "\x01y");
    type(master, "\x01qz");
    expect(master, "z");
    type(master, "\x01x");
    expect(master, "[quit]");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(tcgetattr(master, &after), 0);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(after.c_oflag, before.c_oflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    close(keep);
    close(master);
}

static void signals_put_the_terminal_back(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGABRT, SIGSEGV};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        struct termios before, after;
        int master = make_tty(&before), status = -1;
        int keep = open(ptsname(master), O_RDWR | O_NOCTTY);
        pid_t pid = spawn_on_tty(master);
        expect(master, "[tty]");
        assert_true(is_raw(master));
        kill(pid, signals[i]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WIFEXITED(status));
        assert_int_not_equal(status, 0);
        assert_int_equal(tcgetattr(master, &after), 0);
        assert_int_equal(after.c_lflag, before.c_lflag);
        close(keep);
        close(master);
    }
}

static void pipes_work_and_their_end_stops_nothing(void **state)
{
    int in[2], out[2], status = -1;
    static const char text[] = "through a pipe\x01x";

    (void)state;
    assert_int_equal(pipe(in) | pipe(out), 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        _exit(run_stdio());
    }
    close(in[0]);
    close(out[1]);
    assert_int_equal(write(in[1], text, sizeof(text) - 1), sizeof(text) - 1);
    close(in[1]);
    expect(out[0], text); /* no escapes in a pipe */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(out[0]);
}

static void a_file_is_read_as_input(void **state)
{
    int out[2], status = -1;
    static char text[5001];

    (void)state;
    memset(text, 'k', sizeof(text) - 1);
    memcpy(text + 4996, "last", 4);
    snprintf(path, sizeof(path), "%s/in", getenv("TEST_TMP") ? getenv("TEST_TMP") : "/tmp");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, 5000), 5000);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(fd, 0);
        dup2(out[1], 1);
        _exit(run_stdio());
    }
    close(out[1]);
    close(fd);
    size_t n = 0;
    char buf[6000];
    for (ssize_t got; (got = read(out[0], buf + n, sizeof(buf) - n)) > 0;)
        n += (size_t)got;
    assert_int_equal(n, 5000 + strlen("[no tty]"));
    assert_memory_equal(buf + n - 4, "last", 4);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(out[0]);
    unlink(path);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(bad_specs_are_refused),
        T(null_takes_everything),
        T(file_holds_what_was_written),
        T(socket_peers_come_and_go),
        T(a_full_front_is_waited_for),
        T(a_slow_reader_gets_the_newest),
        T(pty_both_ways),
        T(the_log_keeps_the_last_part),
        T(terminal_escapes),
        T(signals_put_the_terminal_back),
        T(pipes_work_and_their_end_stops_nothing),
        T(a_file_is_read_as_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
