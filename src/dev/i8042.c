/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * i8042: keyboard controller [8042], a PS/2 keyboard with scan code
 * sets 1 and 2, and a PS/2 mouse with wheel (IntelliMouse protocol).
 *
 *   0x60 data      0x64 read: status, write: command
 *
 * One byte at a time stands in the output buffer; it comes from the controller's own answers, the
 * keyboard's queue or the mouse's queue, in this order. Queues wait while their clock line is held
 * (command byte bits 4 and 5). With translation on, the keyboard's set 2 reaches the CPU as set 1.
 *
 * Not modelled: the time a byte takes on the wire, key repeat, scan code set 3, the Pause key and
 * the shift sequences around Print Screen, the mouse's remote mode pacing and 2:1 scaling,
 * multiplexed ports.
 */
#include "dev/i8042.h"

#include "base/trace.h"
#include "core/machine.h"

enum {
    ST_OBF = 0x01,
    ST_SYS = 0x04,
    ST_CMD = 0x08,
    ST_UNLOCKED = 0x10,
    ST_AUX = 0x20,
};
enum {
    CTR_KBD_INT = 0x01,
    CTR_AUX_INT = 0x02,
    CTR_SYS = 0x04,
    CTR_KBD_OFF = 0x10,
    CTR_AUX_OFF = 0x20,
    CTR_XLATE = 0x40,
};
enum { OUT_RUN = 1, OUT_A20 = 2 };
enum { ACK = 0xfa, RESEND = 0xfe, SELF_TEST_OK = 0xaa };
enum { SRC_NONE, SRC_CONTROLLER, SRC_KBD, SRC_AUX };

#define QUEUE_SIZE 32
#define QUEUE_KEYS 16 /* events leave the rest to answers */

struct ps2_queue {
    uint8_t data[QUEUE_SIZE];
    uint8_t head, count;
};

struct i8042_regs {
    int32_t dx, dy, dz; /* movement not yet told */
    uint8_t ctr;
    uint8_t ram[31];   /* the rest of the controller's memory */
    uint8_t out_port;
    uint8_t want;      /* command that waits for its data byte; 0: none */
    uint8_t obf, data; /* source (SRC_*) and byte in the output buffer */
    uint8_t obf_aux;   /* shown as the mouse's */
    uint8_t last_cmd;  /* the last write was a command */
    uint8_t answer[4], answer_aux[4], n_answers;
    uint8_t xlate_break; /* 0xf0 was swallowed by translation */
    uint8_t self_tested;

    struct ps2_queue kbd, aux;
    uint8_t kbd_want, kbd_set, kbd_scanning, kbd_leds, kbd_last;
    uint8_t aux_want, aux_id, aux_rate, aux_resolution, aux_scaling, aux_streaming, aux_remote;
    uint8_t aux_wrap, aux_buttons, aux_told_buttons, aux_rates[2], aux_last;
    uint8_t unused[5];
};

struct i8042 {
    struct dev dev;
    struct i8042_regs regs;
    bool irq_kbd, irq_aux; /* what the lines were told last */
    uint64_t n_lost_keys, n_lost_bytes, n_unknown;
};

static const struct field queue_fields[] = {
    FIELD_BYTES(struct ps2_queue, data),
    FIELD(struct ps2_queue, head),
    FIELD(struct ps2_queue, count),
    FIELD_END,
};
#define F(m) FIELD(struct i8042_regs, m)
static const struct field i8042_fields[] = {
    F(dx), F(dy), F(dz), F(ctr), FIELD_BYTES(struct i8042_regs, ram), F(out_port), F(want), F(obf),
    F(data), F(obf_aux), F(last_cmd), FIELD_BYTES(struct i8042_regs, answer),
    FIELD_BYTES(struct i8042_regs, answer_aux), F(n_answers), F(xlate_break), F(self_tested),
    FIELD_SUB(struct i8042_regs, kbd, queue_fields), FIELD_SUB(struct i8042_regs, aux, queue_fields),
    F(kbd_want), F(kbd_set), F(kbd_scanning), F(kbd_leds), F(kbd_last), F(aux_want), F(aux_id),
    F(aux_rate), F(aux_resolution), F(aux_scaling), F(aux_streaming), F(aux_remote), F(aux_wrap),
    F(aux_buttons), F(aux_told_buttons), FIELD_BYTES(struct i8042_regs, aux_rates), F(aux_last),
    FIELD_BYTES(struct i8042_regs, unused), FIELD_END,
};
#undef F
static const struct state i8042_state = {"i8042", 1, sizeof(struct i8042_regs), i8042_fields};

/* Scan code set 2 to set 1, as the controller's ROM has it. From 0x85 on a byte is itself. */
static const uint8_t set2_to_set1[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
    0x80, 0x81, 0x82, 0x41, 0x54,
};

/* ---- queues and output buffer ------------------------------------------------------------- */

static void queue_put(struct i8042 *k, struct ps2_queue *q, uint8_t byte)
{
    if (q->count == QUEUE_SIZE) {
        k->n_lost_bytes++;
        return;
    }
    q->data[(q->head + q->count++) % QUEUE_SIZE] = byte;
}

static uint8_t queue_take(struct ps2_queue *q)
{
    uint8_t byte = q->data[q->head];

    q->head = (q->head + 1) % QUEUE_SIZE;
    q->count--;
    return byte;
}

static void lines_update(struct i8042 *k)
{
    const struct i8042_regs *r = &k->regs;
    bool kbd = r->obf && !r->obf_aux && (r->ctr & CTR_KBD_INT);
    bool aux = r->obf && r->obf_aux && (r->ctr & CTR_AUX_INT);

    if (kbd != k->irq_kbd) {
        k->irq_kbd = kbd;
        irq_set(&k->dev.lines[I8042_LINE_KBD], kbd);
    }
    if (aux != k->irq_aux) {
        k->irq_aux = aux;
        irq_set(&k->dev.lines[I8042_LINE_AUX], aux);
    }
}

/* Returns false when translation swallowed the byte. */
static bool kbd_translate(struct i8042_regs *r, uint8_t *byte)
{
    if (!(r->ctr & CTR_XLATE))
        return true;
    if (*byte == 0xf0) {
        r->xlate_break = 0x80;
        return false;
    }
    if (*byte < ARRAY_LEN(set2_to_set1))
        *byte = set2_to_set1[*byte];
    *byte |= r->xlate_break;
    r->xlate_break = 0;
    return true;
}

static void mouse_fill(struct i8042 *k);

/* Put the next byte into the output buffer if it is free. */
static void obf_fill(struct i8042 *k)
{
    struct i8042_regs *r = &k->regs;

    mouse_fill(k);
    if (!r->obf && r->n_answers) {
        r->obf = SRC_CONTROLLER;
        r->data = r->answer[0];
        r->obf_aux = r->answer_aux[0];
        r->n_answers--;
        memmove(r->answer, r->answer + 1, sizeof(r->answer) - 1);
        memmove(r->answer_aux, r->answer_aux + 1, sizeof(r->answer_aux) - 1);
    }
    while (!r->obf && r->kbd.count && !(r->ctr & CTR_KBD_OFF)) {
        uint8_t byte = queue_take(&r->kbd);
        if (kbd_translate(r, &byte)) {
            r->obf = SRC_KBD;
            r->data = byte;
            r->obf_aux = 0;
        }
    }
    if (!r->obf && r->aux.count && !(r->ctr & CTR_AUX_OFF)) {
        r->obf = SRC_AUX;
        r->data = queue_take(&r->aux);
        r->obf_aux = 1;
        mouse_fill(k);
    }
    lines_update(k);
}

static void answer(struct i8042 *k, uint8_t byte, bool aux)
{
    struct i8042_regs *r = &k->regs;

    if (r->n_answers == sizeof(r->answer)) {
        k->n_lost_bytes++;
        return;
    }
    r->answer[r->n_answers] = byte;
    r->answer_aux[r->n_answers++] = aux;
}

/* ---- keyboard ----------------------------------------------------------------------------- */

static void kbd_send(struct i8042 *k, uint8_t byte)
{
    k->regs.kbd_last = byte;
    queue_put(k, &k->regs.kbd, byte);
}

static void kbd_defaults(struct i8042_regs *r)
{
    r->kbd_set = 2;
    r->kbd_leds = 0;
    r->kbd.head = r->kbd.count = 0;
}

/* The byte after a command that takes one. */
static void kbd_argument(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;
    uint8_t cmd = r->kbd_want;

    r->kbd_want = 0;
    switch (cmd) {
    case 0xed: r->kbd_leds = v & 7; break;
    case 0xf0:
        if (v > 2) { /* there is no set 3 here */
            kbd_send(k, RESEND);
            return;
        }
        kbd_send(k, ACK);
        if (v)
            r->kbd_set = v;
        else
            kbd_send(k, r->kbd_set);
        return;
    default: break; /* 0xf3: repeat rate; 0xfb..0xfd: key types, of set 3 only */
    }
    kbd_send(k, ACK);
}

static void kbd_command(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;

    if (r->kbd_want && v < 0xed) {
        kbd_argument(k, v);
        return;
    }
    r->kbd_want = 0;
    switch (v) {
    case 0xed:
    case 0xf0:
    case 0xf3:
    case 0xfb:
    case 0xfc:
    case 0xfd: r->kbd_want = v; break;
    case 0xee: kbd_send(k, 0xee); return; /* echo */
    case 0xf2:
        kbd_send(k, ACK);
        kbd_send(k, 0xab);
        kbd_send(k, 0x83);
        return;
    case 0xf4: r->kbd_scanning = 1; break;
    case 0xf5:
        kbd_defaults(r);
        r->kbd_scanning = 0;
        break;
    case 0xf6: kbd_defaults(r); break;
    case 0xf7:
    case 0xf8:
    case 0xf9:
    case 0xfa: break; /* key types of set 3 */
    case 0xfe: queue_put(k, &r->kbd, r->kbd_last); return;
    case 0xff:
        kbd_defaults(r);
        r->kbd_scanning = 1;
        kbd_send(k, ACK);
        kbd_send(k, SELF_TEST_OK);
        return;
    default:
        k->n_unknown++;
        kbd_send(k, RESEND);
        return;
    }
    kbd_send(k, ACK);
}

/* The key's code in set 2: F7 and SysRq have two, the later ones are real. */
static uint8_t set1_to_set2(uint8_t code)
{
    for (unsigned i = ARRAY_LEN(set2_to_set1); i-- > 0;)
        if (set2_to_set1[i] == code)
            return (uint8_t)i;
    return 0;
}

void i8042_key(struct dev *dev, unsigned code, bool down)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);
    struct i8042_regs *r = &k->regs;
    uint8_t set1 = code & 0x7f;

    if (!set1)
        return;
    pthread_mutex_lock(&dev->lock);
    if (!r->kbd_scanning) {
        k->n_lost_keys++;
    } else if (r->kbd.count + 3 > QUEUE_KEYS) {
        k->n_lost_keys++;
    } else {
        if (code & 0x100)
            queue_put(k, &r->kbd, 0xe0);
        if (r->kbd_set == 1) {
            queue_put(k, &r->kbd, set1 | (down ? 0 : 0x80));
        } else {
            if (!down)
                queue_put(k, &r->kbd, 0xf0);
            queue_put(k, &r->kbd, set1_to_set2(set1));
        }
        obf_fill(k);
    }
    pthread_mutex_unlock(&dev->lock);
}

/* ---- mouse -------------------------------------------------------------------------------- */

static void aux_send(struct i8042 *k, uint8_t byte)
{
    k->regs.aux_last = byte;
    queue_put(k, &k->regs.aux, byte);
}

static void aux_defaults(struct i8042_regs *r)
{
    r->aux_rate = 100;
    r->aux_resolution = 2;
    r->aux_scaling = 0;
    r->aux_streaming = 0;
    r->aux_remote = 0;
    r->aux_wrap = 0;
    r->dx = r->dy = r->dz = 0;
    r->aux.head = r->aux.count = 0;
}

static int take_part(int32_t *sum, int lo, int hi)
{
    int v = MAX(lo, MIN(hi, *sum));

    *sum -= v;
    return v;
}

/* One packet: buttons and signs, x, y (, wheel). */
static void mouse_packet(struct i8042 *k)
{
    struct i8042_regs *r = &k->regs;
    int dx = take_part(&r->dx, -255, 255), dy = take_part(&r->dy, -255, 255);

    aux_send(k, (uint8_t)(0x08 | (r->aux_buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)));
    aux_send(k, (uint8_t)dx);
    aux_send(k, (uint8_t)dy);
    if (r->aux_id == 3)
        aux_send(k, (uint8_t)take_part(&r->dz, -8, 7));
    else
        r->dz = 0;
    r->aux_told_buttons = r->aux_buttons;
}

static void mouse_fill(struct i8042 *k)
{
    struct i8042_regs *r = &k->regs;

    while (r->aux_streaming && !r->aux_remote && !r->aux_wrap && r->aux.count + 4 <= QUEUE_KEYS &&
           (r->dx || r->dy || r->dz || r->aux_buttons != r->aux_told_buttons))
        mouse_packet(k);
}

void i8042_mouse(struct dev *dev, int dx, int dy, int dz, unsigned buttons)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);
    struct i8042_regs *r = &k->regs;

    pthread_mutex_lock(&dev->lock);
    r->dx = MAX(-10000, MIN(10000, r->dx + MAX(-10000, MIN(10000, dx))));
    r->dy = MAX(-10000, MIN(10000, r->dy + MAX(-10000, MIN(10000, dy))));
    r->dz = MAX(-100, MIN(100, r->dz + MAX(-100, MIN(100, dz))));
    r->aux_buttons = buttons & 7;
    if (!r->aux_streaming && !r->aux_remote)
        r->dx = r->dy = r->dz = 0;
    obf_fill(k);
    pthread_mutex_unlock(&dev->lock);
}

static void aux_argument(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;

    if (r->aux_want == 0xe8) {
        r->aux_resolution = v & 3;
    } else {
        /* Rates 200, 100, 80 in a row: a driver that knows of wheels. */
        if (r->aux_rates[0] == 200 && r->aux_rates[1] == 100 && v == 80)
            r->aux_id = 3;
        r->aux_rates[0] = r->aux_rates[1];
        r->aux_rates[1] = v;
        r->aux_rate = v;
    }
    r->aux_want = 0;
    aux_send(k, ACK);
}

static void aux_status(struct i8042 *k)
{
    const struct i8042_regs *r = &k->regs;
    unsigned b = r->aux_buttons;

    aux_send(k, ACK);
    aux_send(k, (uint8_t)((b & 1) << 2 | (b & 2) >> 1 | (b & 4) >> 1 | r->aux_scaling << 4 |
                          r->aux_streaming << 5 | r->aux_remote << 6));
    aux_send(k, r->aux_resolution);
    aux_send(k, r->aux_rate);
}

static void aux_command(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;

    if (r->aux_wrap && v != 0xec && v != 0xff) {
        aux_send(k, v);
        return;
    }
    if (r->aux_want) {
        aux_argument(k, v);
        return;
    }
    switch (v) {
    case 0xe6: r->aux_scaling = 0; break;
    case 0xe7: r->aux_scaling = 1; break;
    case 0xe8:
    case 0xf3: r->aux_want = v; break;
    case 0xe9: aux_status(k); return;
    case 0xea: r->aux_remote = 0; break;
    case 0xeb:
        aux_send(k, ACK);
        mouse_packet(k);
        return;
    case 0xec: r->aux_wrap = 0; break;
    case 0xee: r->aux_wrap = 1; break;
    case 0xf0: r->aux_remote = 1; break;
    case 0xf2:
        aux_send(k, ACK);
        aux_send(k, r->aux_id);
        return;
    case 0xf4: r->aux_streaming = 1; break;
    case 0xf5: r->aux_streaming = 0; break;
    case 0xf6: aux_defaults(r); break;
    case 0xfe: queue_put(k, &r->aux, r->aux_last); return;
    case 0xff:
        aux_defaults(r);
        r->aux_id = 0;
        aux_send(k, ACK);
        aux_send(k, SELF_TEST_OK);
        aux_send(k, r->aux_id);
        return;
    default:
        k->n_unknown++;
        aux_send(k, RESEND);
        return;
    }
    aux_send(k, ACK);
}

/* ---- controller --------------------------------------------------------------------------- */

static void ask_reset(struct i8042 *k)
{
    TRACE(i8042_reset, "reset line pulsed");
    machine_event(k->dev.machine, EV_RESET);
}

static void out_port_write(struct i8042 *k, uint8_t v)
{
    uint8_t old = k->regs.out_port;

    k->regs.out_port = v;
    if ((old ^ v) & OUT_A20)
        irq_set(&k->dev.lines[I8042_LINE_A20], v & OUT_A20);
    if (!(v & OUT_RUN))
        ask_reset(k);
}

static void controller_command(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;

    switch (v) {
    case 0xa7: r->ctr |= CTR_AUX_OFF; break;
    case 0xa8: r->ctr &= (uint8_t)~CTR_AUX_OFF; break;
    case 0xa9: answer(k, 0x00, false); break; /* mouse line: no fault */
    case 0xaa:
        r->self_tested = 1;
        answer(k, 0x55, false);
        break;
    case 0xab: answer(k, 0x00, false); break; /* keyboard line: no fault */
    case 0xad: r->ctr |= CTR_KBD_OFF; break;
    case 0xae: r->ctr &= (uint8_t)~CTR_KBD_OFF; break;
    case 0xc0: answer(k, 0x80, false); break; /* input port: not locked */
    case 0xd0:
        answer(k, (uint8_t)((r->out_port & ~0x30) | (k->irq_kbd ? 0x10 : 0) |
                            (k->irq_aux ? 0x20 : 0)),
               false);
        break;
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: r->want = v; break;
    case 0xdd: out_port_write(k, r->out_port & (uint8_t)~OUT_A20); break;
    case 0xdf: out_port_write(k, r->out_port | OUT_A20); break;
    case 0xe0: answer(k, 0x00, false); break; /* test inputs */
    default:
        if (v >= 0x20 && v < 0x40)
            answer(k, v == 0x20 ? r->ctr : r->ram[v - 0x21], false);
        else if (v >= 0x60 && v < 0x80)
            r->want = v;
        else if (v >= 0xf0 && !(v & 1))
            ask_reset(k); /* pulse output bits that are 0: bit 0 is the reset line */
        else if (v < 0xf0)
            k->n_unknown++;
    }
}

static void data_write(struct i8042 *k, uint8_t v)
{
    struct i8042_regs *r = &k->regs;
    uint8_t cmd = r->want;

    r->want = 0;
    switch (cmd) {
    case 0:
        r->ctr &= (uint8_t)~CTR_KBD_OFF; /* speaking to the keyboard opens its line */
        kbd_command(k, v);
        break;
    case 0xd1: out_port_write(k, v); break;
    case 0xd2: answer(k, v, false); break;
    case 0xd3: answer(k, v, true); break;
    case 0xd4:
        r->ctr &= (uint8_t)~CTR_AUX_OFF;
        aux_command(k, v);
        break;
    case 0x60:
        r->ctr = v;
        r->self_tested = (v & CTR_SYS) != 0;
        break;
    default: r->ram[cmd - 0x61] = v; break;
    }
}

static uint64_t i8042_read_data(struct dev *dev, uint64_t off, unsigned size)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);
    uint8_t v = k->regs.data;

    (void)off;
    (void)size;
    if (k->regs.obf) {
        k->regs.obf = SRC_NONE;
        lines_update(k); /* low before the next byte: an edge for each */
        obf_fill(k);
    }
    return v;
}

static void i8042_write_data(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);

    (void)off;
    (void)size;
    TRACE(i8042_data, "value=%#x", (unsigned)v);
    k->regs.last_cmd = 0;
    data_write(k, (uint8_t)v);
    obf_fill(k);
}

static uint64_t i8042_read_status(struct dev *dev, uint64_t off, unsigned size)
{
    const struct i8042_regs *r = &container_of(dev, struct i8042, dev)->regs;

    (void)off;
    (void)size;
    return ST_UNLOCKED | (r->obf ? ST_OBF : 0) | (r->obf && r->obf_aux ? ST_AUX : 0) |
           (r->self_tested ? ST_SYS : 0) | (r->last_cmd ? ST_CMD : 0);
}

static void i8042_write_command(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);

    (void)off;
    (void)size;
    TRACE(i8042_command, "value=%#x", (unsigned)v);
    k->regs.last_cmd = 1;
    k->regs.want = 0;
    controller_command(k, (uint8_t)v);
    obf_fill(k);
}

static void i8042_reset(struct dev *dev)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);
    struct i8042_regs *r = &k->regs;

    /* As firmware leaves it: tested, translating, both lines open, interrupts off. */
    *r = (struct i8042_regs){.ctr = CTR_SYS | CTR_XLATE,
                             .out_port = 0xcc | OUT_RUN | OUT_A20,
                             .self_tested = 1,
                             .kbd_scanning = 1};
    kbd_defaults(r);
    aux_defaults(r);
    lines_update(k);
    irq_set(&dev->lines[I8042_LINE_A20], true);
}

static void queue_check(struct ps2_queue *q)
{
    q->head %= QUEUE_SIZE;
    q->count = MIN(q->count, QUEUE_SIZE);
}

static void i8042_loaded(struct dev *dev)
{
    struct i8042 *k = container_of(dev, struct i8042, dev);
    struct i8042_regs *r = &k->regs;

    r->dx = MAX(-10000, MIN(10000, r->dx));
    r->dy = MAX(-10000, MIN(10000, r->dy));
    r->dz = MAX(-100, MIN(100, r->dz));
    queue_check(&r->kbd);
    queue_check(&r->aux);
    r->n_answers = MIN(r->n_answers, sizeof(r->answer));
    if (r->want && !(r->want >= 0x60 && r->want < 0x80) && !(r->want >= 0xd1 && r->want <= 0xd4))
        r->want = 0;
    lines_update(k);
    irq_set(&dev->lines[I8042_LINE_KBD], k->irq_kbd);
    irq_set(&dev->lines[I8042_LINE_AUX], k->irq_aux);
    irq_set(&dev->lines[I8042_LINE_A20], r->out_port & OUT_A20);
}

static const struct window_ops data_ops = {i8042_read_data, i8042_write_data, 1, 1};
static const struct window_ops command_ops = {i8042_read_status, i8042_write_command, 1, 1};
static const struct dev_window_desc i8042_windows[] = {
    {"data", 1, &data_ops},
    {"command", 1, &command_ops},
    {0},
};
static const char *const i8042_lines[] = {"kbd", "aux", "a20", NULL};
static const struct dev_counter i8042_counters[] = {
    {"lost_keys", offsetof(struct i8042, n_lost_keys)},
    {"lost_bytes", offsetof(struct i8042, n_lost_bytes)},
    {"unknown_commands", offsetof(struct i8042, n_unknown)},
    {0},
};

const struct dev_type i8042_type = {
    .name = "i8042",
    .help = "keyboard controller, keyboard, mouse",
    .size = sizeof(struct i8042),
    .regs = offsetof(struct i8042, regs),
    .state = &i8042_state,
    .windows = i8042_windows,
    .lines = i8042_lines,
    .counters = i8042_counters,
    .reset = i8042_reset,
    .loaded = i8042_loaded,
};
