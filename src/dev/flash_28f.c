/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * flash_28f: flash memory with Intel's command set [28F] [CFI].
 *
 *            10, 40: program              20: erase
 *   ARRAY -------------------> PROGRAM    -----------> ERASE
 *     ^                           | the byte             | d0 at the block
 *     | ff                        v                      v
 *     +------------------------ STATUS <-----------------+     70: STATUS  90: ID  98: QUERY
 *
 * Programming clears bits, erasing sets a block of 4 KiB to ones. Both are over at once. Reads give
 * the array, the status, the identity or the query table by state. Changes go to the back end when
 * the guest goes back to reading the array.
 *
 * Not modelled: buffered programming, suspending, block locks (accepted, without effect), protection
 * registers, interleaved chips.
 */
#include "dev/flash_28f.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/blk.h"

#define BLOCK 4096u

enum { ARRAY, PROGRAM, ERASE, STATUS, ID, QUERY, LOCK };
enum { SR_READY = 0x80, SR_ERASE_ERROR = 0x20, SR_PROGRAM_ERROR = 0x10 };

struct flash_regs {
    uint8_t array[FLASH_28F_SIZE];
    uint8_t state, status;
    uint8_t unused[6];
};

struct flash {
    struct dev dev;
    struct flash_regs regs;
    uint32_t size;
    struct blk *blk;
    uint32_t dirty_from, dirty_to; /* bytes that the back end does not have */
    struct blk_req req;
    struct iovec iov;
    uint8_t *copy; /* what is on its way */
    pthread_mutex_t lock; /* leaf; guards busy */
    pthread_cond_t idle;
    bool busy;
    uint64_t n_programmed, n_erased, n_write_errors, n_unknown;
};

static const struct field flash_fields[] = {
    FIELD_BYTES(struct flash_regs, array),
    FIELD(struct flash_regs, state),
    FIELD(struct flash_regs, status),
    FIELD_BYTES(struct flash_regs, unused),
    FIELD_END,
};
static const struct state flash_state = {"flash_28f", 1, sizeof(struct flash_regs), flash_fields};

static struct flash *flash_of(struct dev *dev)
{
    return container_of(dev, struct flash, dev);
}

/* ---- the back end ------------------------------------------------------------------------- */

static void write_done(struct blk_req *req)
{
    struct flash *f = container_of(req, struct flash, req);

    if (req->result)
        __atomic_add_fetch(&f->n_write_errors, 1, __ATOMIC_RELAXED);
    if (!req->result && req->op == BLK_WRITE) {
        f->req.op = BLK_FLUSH;
        f->req.len = f->req.offset = 0;
        f->req.niov = 0;
        blk_submit(f->blk, &f->req);
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->busy = false;
    pthread_cond_broadcast(&f->idle);
    pthread_mutex_unlock(&f->lock);
}

static void wait_idle(struct flash *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->busy)
        pthread_cond_wait(&f->idle, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

/* dev->lock held. The guest waits for the write before this one at most. */
static void write_back(struct flash *f)
{
    if (!f->blk || f->dirty_from >= f->dirty_to)
        return;
    wait_idle(f);
    uint32_t from = ALIGN_DOWN(f->dirty_from, BLOCK), to = ALIGN_UP(f->dirty_to, BLOCK);
    memcpy(f->copy, f->regs.array + from, to - from);
    f->iov = (struct iovec){f->copy, to - from};
    f->req = (struct blk_req){.op = BLK_WRITE,
                              .offset = from,
                              .len = to - from,
                              .iov = &f->iov,
                              .niov = 1,
                              .done = write_done};
    f->dirty_from = f->size;
    f->dirty_to = 0;
    f->busy = true;
    blk_submit(f->blk, &f->req);
}

static void changed(struct flash *f, uint32_t from, uint32_t to)
{
    f->dirty_from = MIN(f->dirty_from, from);
    f->dirty_to = MAX(f->dirty_to, to);
}

/* ---- the chip ----------------------------------------------------------------------------- */

/* The query table [CFI 4] from address 10h: command set 1, sizes as powers of two. */
static uint8_t query_byte(const struct flash *f, uint32_t off)
{
    uint32_t blocks = f->size / BLOCK - 1;

    switch (off) {
    case 0x10: return 'Q';
    case 0x11: return 'R';
    case 0x12: return 'Y';
    case 0x13: return 1;
    case 0x15: return 0x31;
    case 0x1b: return 0x45; /* volts */
    case 0x1c: return 0x55;
    case 0x1f: return 7; /* times to program and erase */
    case 0x21: return 10;
    case 0x27: return (uint8_t)(32 - __builtin_clz(f->size - 1));
    case 0x2c: return 1; /* one region of blocks */
    case 0x2d: return (uint8_t)blocks;
    case 0x2e: return (uint8_t)(blocks >> 8);
    case 0x2f: return (uint8_t)(BLOCK >> 8);
    case 0x30: return (uint8_t)(BLOCK >> 16);
    default: return 0;
    }
}

static uint64_t flash_read(struct dev *dev, uint64_t off, unsigned size)
{
    struct flash *f = flash_of(dev);
    const struct flash_regs *r = &f->regs;
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        uint8_t b = r->status;
        uint32_t at = (uint32_t)off + i;
        if (r->state == ARRAY)
            b = r->array[at];
        else if (r->state == ID)
            b = at % BLOCK == 0 ? 0x89 : at % BLOCK == 1 ? 0x18 : 0;
        else if (r->state == QUERY)
            b = query_byte(f, at);
        v |= (uint64_t)b << 8 * i;
    }
    return v;
}

static void command(struct flash *f, uint8_t v)
{
    struct flash_regs *r = &f->regs;

    switch (v) {
    case 0xff:
        r->state = ARRAY;
        write_back(f);
        break;
    case 0x10:
    case 0x40: r->state = PROGRAM; break;
    case 0x20: r->state = ERASE; break;
    case 0x50: r->status = 0; break; /* OVMF takes a chip that is still ready for ROM */
    case 0x60: r->state = LOCK; break;
    case 0x70: r->state = STATUS; break;
    case 0x90: r->state = ID; break;
    case 0x98: r->state = QUERY; break;
    default:
        f->n_unknown++;
        r->state = ARRAY;
    }
}

static void erase(struct flash *f, uint32_t at, uint8_t v)
{
    if (v != 0xd0) {
        f->regs.status |= SR_ERASE_ERROR | SR_PROGRAM_ERROR | SR_READY;
        return;
    }
    at = ALIGN_DOWN(at, BLOCK);
    memset(f->regs.array + at, 0xff, BLOCK);
    changed(f, at, at + BLOCK);
    f->regs.status |= SR_READY;
    f->n_erased++;
}

static void flash_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct flash *f = flash_of(dev);
    struct flash_regs *r = &f->regs;

    TRACE(flash_write, "off=%#x value=%#x state=%u", (unsigned)off, (unsigned)v, r->state);
    switch (r->state) {
    case PROGRAM:
        for (unsigned i = 0; i < size; i++)
            r->array[off + i] &= (uint8_t)(v >> 8 * i);
        changed(f, (uint32_t)off, (uint32_t)off + size);
        f->n_programmed += size;
        r->status |= SR_READY;
        r->state = STATUS;
        break;
    case ERASE:
        erase(f, (uint32_t)off, (uint8_t)v);
        r->state = STATUS;
        break;
    case LOCK: r->state = STATUS; break;
    default: command(f, (uint8_t)v);
    }
}

/* ---- the device --------------------------------------------------------------------------- */

void flash_28f_configure(struct dev *dev, const void *data, size_t size, struct blk *blk)
{
    struct flash *f = flash_of(dev);

    f->size = (uint32_t)MIN(size, (size_t)FLASH_28F_SIZE);
    memcpy(f->regs.array, data, f->size);
    dev->windows[FLASH_28F_WIN_ARRAY].size = f->size;
    f->blk = blk;
    f->dirty_from = f->size;
}

static void flash_reset(struct dev *dev)
{
    struct flash *f = flash_of(dev);

    write_back(f);
    f->regs.state = ARRAY;
    f->regs.status = 0;
}

static void flash_loaded(struct dev *dev)
{
    struct flash *f = flash_of(dev);

    if (f->regs.state > LOCK)
        f->regs.state = ARRAY;
    changed(f, 0, f->size); /* what was loaded is news to the back end */
}

static void flash_presave(struct dev *dev)
{
    struct flash *f = flash_of(dev);

    write_back(f);
    wait_idle(f);
}

static int flash_init(struct dev *dev, struct error *err)
{
    struct flash *f = flash_of(dev);

    (void)err;
    f->size = FLASH_28F_SIZE;
    f->dirty_from = f->size;
    f->copy = xcalloc(1, FLASH_28F_SIZE);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->idle, NULL);
    memset(f->regs.array, 0xff, sizeof(f->regs.array));
    return 0;
}

static void flash_fini(struct dev *dev)
{
    struct flash *f = flash_of(dev);

    write_back(f);
    wait_idle(f);
    blk_drain(f->blk);
    free(f->copy);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->idle);
}

static const struct window_ops flash_ops = {flash_read, flash_write, 1, 8};
static const struct dev_window_desc flash_windows[] = {{"array", FLASH_28F_SIZE, &flash_ops}, {0}};
static const struct dev_counter flash_counters[] = {
    {"programmed", offsetof(struct flash, n_programmed)},
    {"erased", offsetof(struct flash, n_erased)},
    {"write_errors", offsetof(struct flash, n_write_errors)},
    {"unknown", offsetof(struct flash, n_unknown)},
    {0},
};

const struct dev_type flash_28f_type = {
    .name = "flash_28f",
    .help = "flash memory for firmware's variables",
    .size = sizeof(struct flash),
    .regs = offsetof(struct flash, regs),
    .state = &flash_state,
    .windows = flash_windows,
    .counters = flash_counters,
    .init = flash_init,
    .fini = flash_fini,
    .reset = flash_reset,
    .loaded = flash_loaded,
    .presave = flash_presave,
};
