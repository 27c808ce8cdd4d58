/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The 16550: FIFO, interrupts and their priorities, timeout, loopback, modem status.
 */
#include "dev/serial_16550.h"

#include "core/chr.h"
#include "unit/dev/fake.h"

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct fake f;
static struct dev *uart;

static struct {
    struct chr chr;
    uint8_t out[64];
    size_t n_out;
    unsigned accepts;
} back;

static void back_write(struct chr *chr, const uint8_t *buf, size_t len)
{
    (void)chr;
    for (size_t i = 0; i < len; i++)
        back.out[back.n_out++ % sizeof(back.out)] = buf[i];
}

static void back_accept(struct chr *chr)
{
    (void)chr;
    back.accepts++;
}

static const struct chr_ops back_ops = {.write = back_write, .accept = back_accept};

static uint8_t rd(unsigned reg)
{
    return INB(&f, 0x3f8 + reg);
}

static void wr(unsigned reg, uint8_t v)
{
    OUTB(&f, 0x3f8 + reg, v);
}

static size_t feed(const char *text)
{
    pthread_mutex_lock(back.chr.front.lock);
    size_t n = back.chr.front.receive(back.chr.front.opaque, (const uint8_t *)text, strlen(text));
    pthread_mutex_unlock(back.chr.front.lock);
    return n;
}

static int setup(void **state)
{
    (void)state;
    fake_init(&f);
    memset(&back, 0, sizeof(back));
    back.chr.ops = &back_ops;
    uart = fake_dev(&f, &serial_16550_type, 0);
    serial_16550_configure(uart, &back.chr);
    dev_map(uart, SERIAL_16550_WIN_REGS, &f.m.ports, 0x3f8);
    dev_reset(uart);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_fini(&f);
    return 0;
}

static void reset_values(void **state)
{
    (void)state;
    assert_int_equal(rd(IIR), 0x01);
    assert_int_equal(rd(LSR), 0x60);
    assert_int_equal(rd(IER), 0);
    assert_int_equal(rd(MCR), 0);
    assert_int_equal(rd(MSR), 0xb0);
}

static void divisor_latch(void **state)
{
    (void)state;
    wr(LCR, 0x83);
    wr(RBR, 0x01);
    wr(IER, 0x02);
    assert_int_equal(rd(RBR), 0x01);
    assert_int_equal(rd(IER), 0x02);
    wr(LCR, 0x03);
    assert_int_equal(rd(IER), 0);
    assert_int_equal(back.n_out, 0);
    wr(SCR, 0xa5);
    assert_int_equal(rd(SCR), 0xa5);
}

static void output_and_its_interrupt(void **state)
{
    (void)state;
    wr(MCR, 0x08);
    wr(RBR, 'a');
    assert_false(f.level[0]);
    wr(IER, 0x02); /* enabled while empty: at once */
    assert_true(f.level[0]);
    assert_int_equal(rd(IIR), 0x02); /* reading takes it back */
    assert_false(f.level[0]);
    assert_int_equal(rd(IIR), 0x01);
    wr(RBR, 'b');
    assert_true(f.level[0]);
    f.rises[0] = 0;
    wr(RBR, 'c'); /* the same burst: the FIFO is empty once after it */
    assert_int_equal(f.rises[0], 0);
    rd(LSR);
    wr(RBR, 'd');
    assert_int_equal(f.rises[0], 1); /* a new edge for a new one */
    assert_int_equal(back.n_out, 4);
    assert_memory_equal(back.out, "abcd", 4);
    wr(IER, 0);
    assert_false(f.level[0]);
    wr(IER, 0x02);
    assert_true(f.level[0]);
    wr(MCR, 0); /* OUT2 closes the line */
    assert_false(f.level[0]);
}

static void without_fifo_one_byte_fits(void **state)
{
    (void)state;
    wr(MCR, 0x08);
    wr(IER, 0x01);
    assert_int_equal(feed("xy"), 1);
    assert_int_equal(feed("y"), 0);
    assert_true(f.level[0]);
    assert_int_equal(rd(IIR), 0x04);
    assert_int_equal(rd(LSR), 0x61);
    unsigned accepts = back.accepts;
    assert_int_equal(rd(RBR), 'x');
    assert_int_equal(back.accepts, accepts + 1); /* there is room again */
    assert_false(f.level[0]);
    assert_int_equal(rd(LSR), 0x60);
}

static void trigger_level_and_timeout(void **state)
{
    (void)state;
    wr(LCR, 0x83);
    wr(RBR, 1); /* 115200 baud: a character of 10 bits is 86.8 us */
    wr(IER, 0);
    wr(LCR, 0x03);
    wr(2, 0x81); /* FIFO, trigger 8 */
    wr(MCR, 0x08);
    wr(IER, 0x01);
    assert_int_equal(feed("1234567"), 7);
    assert_false(f.level[0]);
    fake_sleep(&f, 300000);
    assert_false(f.level[0]);
    fake_sleep(&f, 100000); /* more than 4 characters' time */
    assert_true(f.level[0]);
    assert_int_equal(rd(IIR), 0xcc);
    assert_int_equal(rd(RBR), '1'); /* reading ends the timeout */
    assert_int_equal(rd(IIR), 0xc1);
    assert_int_equal(feed("89"), 2);
    assert_int_equal(rd(IIR), 0xc4);
    rd(RBR);
    assert_int_equal(rd(IIR), 0xc1); /* below the level */
    wr(2, 0x83); /* clear */
    assert_int_equal(rd(LSR), 0x60);
    fake_sleep(&f, 1000000);
    assert_false(f.level[0]);
}

static void fifo_takes_sixteen(void **state)
{
    (void)state;
    wr(2, 0x01);
    assert_int_equal(feed("0123456789abcdefgh"), 16);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(rd(RBR), "0123456789abcdef"[i]);
    assert_int_equal(rd(LSR), 0x60);
}

static void priorities(void **state)
{
    (void)state;
    wr(MCR, 0x18); /* loopback: CTS, DSR and DCD change */
    wr(IER, 0x0f);
    wr(RBR, 'a');
    wr(RBR, 'b'); /* overrun */
    assert_int_equal(rd(IIR), 0x06);
    assert_int_equal(rd(LSR), 0x63);
    assert_int_equal(rd(IIR), 0x04);
    assert_int_equal(rd(RBR), 'b');
    assert_int_equal(rd(IIR), 0x02);
    assert_int_equal(rd(IIR), 0x00); /* the modem is last */
    rd(MSR);
    assert_int_equal(rd(IIR), 0x01);
}

static void loopback(void **state)
{
    (void)state;
    wr(MCR, 0x10);
    rd(MSR);
    assert_int_equal(feed("z"), 0); /* the outside is cut off, not lost */
    wr(RBR, 'q');
    assert_int_equal(back.n_out, 0);
    assert_int_equal(rd(RBR), 'q');
    wr(MCR, 0x1f);
    assert_int_equal(rd(MSR), 0xfb); /* no TERI on a rising ring */
    wr(MCR, 0x1b);
    assert_int_equal(rd(MSR), 0xb4); /* the trailing edge */
    wr(MCR, 0x15);
    assert_int_equal(rd(MSR) & 0xf0, 0x60); /* DTR to DSR, OUT1 to RI */
    wr(MCR, 0x03);
    assert_int_equal(feed("z"), 1);
}

static void breaks(void **state)
{
    (void)state;
    wr(2, 0x01);
    wr(MCR, 0x08);
    wr(IER, 0x04);
    feed("a");
    pthread_mutex_lock(back.chr.front.lock);
    back.chr.front.event(back.chr.front.opaque, CHR_BREAK);
    pthread_mutex_unlock(back.chr.front.lock);
    assert_int_equal(rd(LSR) & 0x91, 0x81); /* an error waits behind the a */
    assert_int_equal(rd(RBR), 'a');
    assert_int_equal(rd(IIR), 0xc6);
    assert_int_equal(rd(LSR) & 0x91, 0x91);
    assert_int_equal(rd(RBR), 0);
    assert_int_equal(rd(LSR) & 0x91, 0);
}

int main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reset_values),
        T(divisor_latch),
        T(output_and_its_interrupt),
        T(without_fifo_one_byte_fits),
        T(trigger_level_and_timeout),
        T(fifo_takes_sixteen),
        T(priorities),
        T(loopback),
        T(breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
