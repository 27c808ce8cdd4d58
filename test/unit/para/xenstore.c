/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * xenstore's protocol, message by message. Expected answers are those of the protocol's description
 * [XEN io/xs_wire; xenstore.txt].
 */
#include "lib/test.h"

#include "lib/xen_dom.h"
#include "para/xen/xenstore.h"

/* clang-format off */
enum { DIRECTORY = 1, READ, GET_PERMS, WATCH, UNWATCH, START, END, INTRODUCE, RELEASE, DOMAIN_PATH,
       WRITE, MKDIR, RM, SET_PERMS, EVENT, ERROR, IS_INTRODUCED, RESET = 21, PART = 22 };
/* clang-format on */

static struct xen_dom x;
static char answer[5000];
static size_t answer_len;
static uint32_t tx;

/* Send; the type of the first answer, whose payload is in `answer`. */
static unsigned ask(unsigned type, const char *payload, size_t len)
{
    uint8_t msg[16 + 4096] = {(uint8_t)type, 0, 0, 0, 7}, head[16];

    st_le32(msg + 8, tx);
    st_le32(msg + 12, (uint32_t)len);
    memcpy(msg + 16, payload, len);
    xs_message(x.d->store, msg, 16 + len);
    assert_int_equal(xs_output(x.d->store, head, 16), 16);
    answer_len = ld_le32(head + 12);
    memset(answer, 0, sizeof(answer));
    assert_int_equal(xs_output(x.d->store, (uint8_t *)answer, answer_len), answer_len);
    if (head[0] != EVENT)
        assert_int_equal(head[4], 7); /* the request's number comes back */
    return head[0];
}

/* The next message that nobody asked for; 0: none. */
static unsigned next(void)
{
    uint8_t head[16];

    if (!xs_output(x.d->store, head, 16))
        return 0;
    answer_len = ld_le32(head + 12);
    assert_int_equal(xs_output(x.d->store, (uint8_t *)answer, answer_len), answer_len);
    return head[0];
}

#define ASK(type, text) ask(type, text, sizeof(text))
#define RAW(type, text) ask(type, text, sizeof(text) - 1)
#define FAILS(call, name)                     \
    do {                                      \
        assert_int_equal(call, ERROR);        \
        assert_string_equal(answer, name);    \
    } while (0)

static void test_nodes(void **state)
{
    (void)state;
    assert_int_equal(ASK(READ, "domid"), READ);
    assert_string_equal(answer, "1");
    assert_int_equal(answer_len, 1); /* values carry no 0 */
    FAILS(ASK(READ, "nothing"), "ENOENT");
    FAILS(RAW(READ, "domid"), "EINVAL"); /* the path's 0 is missing */
    FAILS(ASK(READ, "a//b"), "EINVAL");
    FAILS(ASK(READ, "a/"), "EINVAL");
    FAILS(ASK(READ, "with space"), "EINVAL");
    FAILS(ASK(READ, ""), "EINVAL");
    assert_int_equal(RAW(WRITE, "data/x/y\0value"), WRITE);
    assert_string_equal(answer, "OK");
    assert_int_equal(ASK(READ, "/local/domain/1/data/x/y"), READ);
    assert_string_equal(answer, "value");
    assert_int_equal(ASK(READ, "data/x"), READ); /* made on the way */
    assert_int_equal(answer_len, 0);
    assert_int_equal(RAW(WRITE, "data/x/z\0"), WRITE);
    assert_int_equal(ASK(DIRECTORY, "data/x"), DIRECTORY);
    assert_int_equal(answer_len, 4);
    assert_memory_equal(answer, "y\0z", 4);
    assert_int_equal(RAW(PART, "data/x\0" "0\0"), PART);
    assert_memory_equal(answer + strlen(answer) + 1, "y\0z\0", 5);
    FAILS(RAW(PART, "data/x\0" "99\0"), "EINVAL");
    assert_int_equal(ASK(MKDIR, "data/x/y"), MKDIR); /* is there: fine */
    assert_int_equal(ASK(READ, "data/x/y"), READ);
    assert_string_equal(answer, "value");
    assert_int_equal(ASK(RM, "data/x"), RM);
    FAILS(ASK(READ, "data/x/y"), "ENOENT");
    assert_int_equal(ASK(RM, "data/x"), RM); /* again: fine while its parent is there */
    FAILS(ASK(RM, "data/p/q"), "ENOENT");
    char big[16 + 2100] = "data/big";
    FAILS(ask(WRITE, big, 9 + 2049), "ENOSPC");
    assert_int_equal(ask(WRITE, big, 9 + 2048), WRITE);
}

static void test_permissions(void **state)
{
    (void)state;
    FAILS(RAW(WRITE, "domid\0" "7"), "EACCES");
    FAILS(RAW(WRITE, "/local/domain/0/evil\0" "7"), "EACCES");
    FAILS(ASK(READ, "/local/domain/0/backend"), "EACCES");
    FAILS(ASK(RM, "/"), "EACCES");
    FAILS(ASK(RM, "device"), "EACCES");
    assert_int_equal(ASK(GET_PERMS, "data"), GET_PERMS);
    assert_string_equal(answer, "n1");
    assert_int_equal(RAW(SET_PERMS, "data\0n1\0r2\0"), SET_PERMS);
    assert_int_equal(ASK(GET_PERMS, "data"), GET_PERMS);
    assert_memory_equal(answer, "n1\0r2", 6);
    FAILS(RAW(SET_PERMS, "data\0n0\0"), "EACCES"); /* an owner stays one */
    FAILS(RAW(SET_PERMS, "domid\0n1\0"), "EACCES");
    FAILS(RAW(SET_PERMS, "data\0q1\0"), "EINVAL");
    FAILS(RAW(SET_PERMS, "data\0"), "EINVAL");
    FAILS(RAW(INTRODUCE, "1\0" "2\0" "3\0"), "EACCES");
    FAILS(RAW(25, ""), "ENOSYS");
    assert_int_equal(ASK(DOMAIN_PATH, "5"), DOMAIN_PATH);
    assert_string_equal(answer, "/local/domain/5");
    FAILS(ASK(DOMAIN_PATH, "x"), "EINVAL");
    assert_int_equal(ASK(IS_INTRODUCED, "1"), IS_INTRODUCED);
    assert_string_equal(answer, "T");
}

static void test_watches(void **state)
{
    (void)state;
    assert_int_equal(RAW(WATCH, "data\0tok\0"), WATCH);
    assert_int_equal(next(), EVENT); /* once at its registration */
    assert_memory_equal(answer, "data\0tok", 9);
    FAILS(RAW(WATCH, "data\0tok\0"), "EEXIST");
    assert_int_equal(RAW(WRITE, "data/w\0" "1"), WRITE);
    assert_int_equal(next(), EVENT);
    assert_memory_equal(answer, "data/w\0tok", 11); /* relative, as it was asked for */
    assert_int_equal(RAW(WATCH, "/local/domain/1/data/w\0abs\0"), WATCH);
    assert_int_equal(next(), EVENT);
    assert_int_equal(ASK(RM, "data"), RM); /* both: above, and below the removed one */
    assert_int_equal(next(), EVENT);
    assert_memory_equal(answer, "data\0tok", 9);
    assert_int_equal(next(), EVENT);
    assert_string_equal(answer, "/local/domain/1/data/w");
    assert_int_equal(next(), 0);
    xs_control(x.d->store, "shutdown", "poweroff"); /* nobody watches that */
    assert_int_equal(next(), 0);
    FAILS(RAW(UNWATCH, "data\0other\0"), "ENOENT");
    assert_int_equal(RAW(UNWATCH, "data\0tok\0"), UNWATCH);
    assert_int_equal(RAW(RESET, ""), RESET);
    char many[16];
    for (int i = 0; i < 256; i++) {
        int n = snprintf(many, sizeof(many), "attr%ct%d", 0, i);
        assert_int_equal(ask(WATCH, many, (size_t)n + 1), WATCH);
        assert_int_equal(next(), EVENT);
    }
    FAILS(RAW(WATCH, "attr\0more\0"), "E2BIG");
    assert_int_equal(RAW(RESET, ""), RESET);
}

static uint32_t start(void)
{
    tx = 0;
    assert_int_equal(ASK(START, ""), START);
    return (uint32_t)strtoul(answer, NULL, 10);
}

static void test_transactions(void **state)
{
    (void)state;
    uint32_t a = start();
    tx = a;
    assert_int_equal(RAW(WRITE, "attr/t\0" "1"), WRITE);
    tx = 0;
    FAILS(ASK(READ, "attr/t"), "ENOENT"); /* not seen outside */
    tx = a;
    assert_int_equal(ASK(READ, "attr/t"), READ);
    assert_int_equal(ASK(END, "T"), END);
    tx = 0;
    assert_int_equal(ASK(READ, "attr/t"), READ);
    assert_string_equal(answer, "1");
    /* somebody else changes what was read */
    a = start();
    tx = a;
    assert_int_equal(ASK(READ, "attr/t"), READ);
    tx = 0;
    assert_int_equal(RAW(WRITE, "attr/t\0" "2"), WRITE);
    tx = a;
    assert_int_equal(RAW(WRITE, "attr/t\0" "3"), WRITE);
    FAILS(ASK(END, "T"), "EAGAIN");
    tx = 0;
    assert_int_equal(ASK(READ, "attr/t"), READ);
    assert_string_equal(answer, "2");
    /* ...and what was not */
    a = start();
    tx = a;
    assert_int_equal(RAW(WRITE, "attr/u\0" "3"), WRITE);
    tx = 0;
    assert_int_equal(RAW(WRITE, "data/v\0" "2"), WRITE);
    tx = a;
    assert_int_equal(ASK(END, "T"), END);
    FAILS(ASK(END, "T"), "ENOENT");
    a = start();
    tx = a;
    assert_int_equal(ASK(RM, "attr/t"), RM);
    FAILS(ASK(END, "X"), "EINVAL");
    assert_int_equal(ASK(END, "F"), END); /* given up */
    tx = 0;
    assert_int_equal(ASK(READ, "attr/t"), READ);
    tx = 12345;
    FAILS(ASK(READ, "attr/t"), "ENOENT");
    for (int i = 0; i < 16; i++)
        start();
    tx = 0;
    FAILS(ASK(START, ""), "ENOSPC");
    assert_int_equal(RAW(RESET, ""), RESET);
}

static int set_up(void **state)
{
    (void)state;
    xen_dom_init(&x, 1, UINT64_C(24) << 20);
    tx = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    xen_dom_fini(&x);
    return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {T(test_nodes), T(test_permissions), T(test_watches),
                                       T(test_transactions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
