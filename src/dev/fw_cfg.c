/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fw_cfg: firmware configuration [FWCFG].
 *
 *   0x510 (16 bits, write)  select a key     0x511 (8 bits, read)  next byte of its data
 *   0x514 (64 bits, big-endian)  address of a DMA control record; the low half starts it
 *
 *   DMA control record, big-endian:   +0 control  +4 length  +8 address (64)
 *     control: bit 0 error, 1 read, 2 skip, 3 select (key in bits 31..16), 4 write
 *
 * Reading past the end of an item gives zeros.
 *
 * Not modelled: writable items (a DMA write ends in error), the memory-mapped variant.
 */
#include "dev/fw_cfg.h"

#include "base/endian.h"
#include "base/trace.h"
#include "core/mem.h"

#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */
#define ENTRY_SIZE 64
#define CHUNK 4096

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
enum { ID_TRADITIONAL = 1, ID_DMA = 2 };

struct fw_cfg_regs {
    uint64_t dma_addr;
    uint32_t offset;
    uint16_t key;
    uint8_t unused[2];
};

struct fw_cfg_item {
    uint16_t key;
    uint8_t *data;
    size_t len;
    char name[FW_CFG_NAME_MAX + 1]; /* of a file */
};

struct fw_cfg {
    struct dev dev;
    struct fw_cfg_regs regs;
    struct fw_cfg_item *items;
    size_t n, room;
    const char *prefix; /* fw_cfg_on_read() */
    void (*on_read)(void *opaque);
    void *on_read_opaque;
    uint64_t n_dma, n_dma_errors, n_unknown_keys;
};

static const struct field fw_cfg_fields[] = {
    FIELD(struct fw_cfg_regs, dma_addr), FIELD(struct fw_cfg_regs, offset),
    FIELD(struct fw_cfg_regs, key),      FIELD_BYTES(struct fw_cfg_regs, unused),
    FIELD_END,
};
static const struct state fw_cfg_state = {"fw_cfg", 1, sizeof(struct fw_cfg_regs), fw_cfg_fields};

static struct fw_cfg_item *item_find(const struct fw_cfg *f, uint16_t key)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].key == key)
            return &f->items[i];
    return NULL;
}

static struct fw_cfg_item *item_add(struct fw_cfg *f, uint16_t key, const char *name)
{
    if (f->n == f->room) {
        size_t room = f->room ? 2 * f->room : 16;
        struct fw_cfg_item *items = xcalloc(room, sizeof(*items));
        if (f->n)
            memcpy(items, f->items, f->n * sizeof(*items));
        free(f->items);
        f->items = items;
        f->room = room;
    }
    struct fw_cfg_item *it = &f->items[f->n++];
    *it = (struct fw_cfg_item){.key = key};
    strncpy(it->name, name, FW_CFG_NAME_MAX);
    return it;
}

static void item_set(struct fw_cfg_item *it, const void *data, size_t len)
{
    free(it->data);
    it->data = xcalloc(1, len);
    it->len = len;
    if (len)
        memcpy(it->data, data, len);
}

static void put_item(struct fw_cfg *f, uint16_t key, const void *data, size_t len)
{
    struct fw_cfg_item *it = item_find(f, key);

    item_set(it ? it : item_add(f, key, ""), data, len);
}

int fw_cfg_add_item(struct dev *dev, uint16_t key, const void *data, size_t len, struct error *err)
{
    if (key == FW_CFG_KEY_FILE_DIR || (key >= FW_CFG_KEY_FILE_FIRST && key < 0x8000))
        return fail(err, EINVAL, "fw_cfg: key %#x belongs to the files", key);
    pthread_mutex_lock(&dev->lock);
    put_item(container_of(dev, struct fw_cfg, dev), key, data, len);
    pthread_mutex_unlock(&dev->lock);
    return 0;
}

/* struct { be32 count; struct { be32 size; be16 key; be16 0; char name[56]; } file[count]; } */
static void make_directory(struct fw_cfg *f)
{
    uint8_t *dir = xcalloc(f->n + 1, ENTRY_SIZE);
    uint32_t count = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct fw_cfg_item *it = &f->items[i];
        if (!it->name[0])
            continue;
        uint8_t *e = dir + 4 + (size_t)count++ * ENTRY_SIZE;
        st_be32(e, (uint32_t)it->len);
        st_be16(e + 4, it->key);
        memcpy(e + 8, it->name, sizeof(it->name));
    }
    st_be32(dir, count);
    put_item(f, FW_CFG_KEY_FILE_DIR, dir, 4 + (size_t)count * ENTRY_SIZE);
    free(dir);
}

int fw_cfg_add_file(struct dev *dev, const char *name, const void *data, size_t len,
                    struct error *err)
{
    struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);
    struct fw_cfg_item *it = NULL;
    uint16_t key = FW_CFG_KEY_FILE_FIRST;

    if (!*name || strlen(name) > FW_CFG_NAME_MAX)
        return fail(err, EINVAL, "fw_cfg: file name of %zu letters: \"%s\"", strlen(name), name);
    if (len > UINT32_MAX)
        return fail(err, EINVAL, "fw_cfg: file \"%s\" is larger than 4 GiB", name);
    pthread_mutex_lock(&dev->lock);
    for (size_t i = 0; i < f->n; i++) {
        if (!strcmp(f->items[i].name, name))
            it = &f->items[i];
        key += f->items[i].name[0] != 0;
    }
    item_set(it ? it : item_add(f, key, name), data, len);
    make_directory(f);
    pthread_mutex_unlock(&dev->lock);
    return 0;
}

void fw_cfg_on_read(struct dev *dev, const char *prefix, void (*fn)(void *opaque), void *opaque)
{
    struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);

    f->prefix = prefix;
    f->on_read = fn;
    f->on_read_opaque = opaque;
}

static void select_key(struct fw_cfg *f, uint16_t key)
{
    const struct fw_cfg_item *it = item_find(f, key);

    f->n_unknown_keys += !it;
    if (it && f->prefix && !strncmp(it->name, f->prefix, strlen(f->prefix))) {
        pthread_mutex_unlock(&f->dev.lock);
        f->on_read(f->on_read_opaque);
        pthread_mutex_lock(&f->dev.lock);
    }
    f->regs.key = key;
    f->regs.offset = 0;
    TRACE(fw_cfg_select, "key=%#x", key);
}

/* The next len bytes of the selected item, zeros past its end. */
static void take(struct fw_cfg *f, uint8_t *to, size_t len)
{
    const struct fw_cfg_item *it = item_find(f, f->regs.key);
    size_t have = it && f->regs.offset < it->len ? it->len - f->regs.offset : 0;

    have = MIN(have, len);
    if (have)
        memcpy(to, it->data + f->regs.offset, have);
    memset(to + have, 0, len - have);
    f->regs.offset += (uint32_t)MIN(len, (size_t)(UINT32_MAX - f->regs.offset));
}

/* False: the guest's memory ends there. */
static bool dma_read_item(struct fw_cfg *f, uint64_t to, uint32_t len)
{
    uint8_t buf[CHUNK];

    for (uint32_t done = 0; done < len;) {
        uint32_t piece = MIN(len - done, (uint32_t)CHUNK);
        take(f, buf, piece);
        if (!mem_write(dev_mem(&f->dev), to + done, buf, piece))
            return false;
        done += piece;
    }
    return true;
}

static void dma_run(struct fw_cfg *f, uint64_t record)
{
    uint8_t r[16];
    bool ok = true;

    f->n_dma++;
    if (!mem_read(dev_mem(&f->dev), record, r, sizeof(r))) {
        f->n_dma_errors++;
        return; /* nowhere to say so */
    }
    uint32_t control = ld_be32(r), len = ld_be32(r + 4);
    TRACE(fw_cfg_dma, "control=%#x length=%u", control, len);
    if (control & DMA_SELECT)
        select_key(f, (uint16_t)(control >> 16));
    if (control & DMA_READ)
        ok = dma_read_item(f, ld_be64(r + 8), len);
    else if (control & DMA_SKIP)
        f->regs.offset += MIN(len, UINT32_MAX - f->regs.offset);
    else if (control & DMA_WRITE)
        ok = false;
    f->n_dma_errors += !ok;
    st_be32(r, ok ? 0 : DMA_ERROR);
    mem_write(dev_mem(&f->dev), record, r, 4);
}

static uint64_t ports_read(struct dev *dev, uint64_t off, unsigned size)
{
    uint8_t byte = 0;

    if (off == 1 && size == 1)
        take(container_of(dev, struct fw_cfg, dev), &byte, 1);
    return byte;
}

static void ports_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    if (off == 0 && size == 2)
        select_key(container_of(dev, struct fw_cfg, dev), (uint16_t)v);
}

/* The register is big-endian: byte n of the window is byte n from the top. */
static uint64_t dma_read(struct dev *dev, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    (void)dev;
    for (unsigned i = 0; i < size; i++)
        v |= (DMA_SIGNATURE >> 8 * (7 - off - i) & 0xff) << 8 * i;
    return v;
}

static void dma_write(struct dev *dev, uint64_t off, unsigned size, uint64_t v)
{
    struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);

    for (unsigned i = 0; i < size; i++) {
        unsigned shift = 8 * (unsigned)(7 - off - i);
        f->regs.dma_addr &= ~(UINT64_C(0xff) << shift);
        f->regs.dma_addr |= (v >> 8 * i & 0xff) << shift;
    }
    if (off + size < 8 || size < 4)
        return;
    uint64_t record = f->regs.dma_addr;
    f->regs.dma_addr = 0;
    dma_run(f, record);
}

static void fw_cfg_reset(struct dev *dev)
{
    container_of(dev, struct fw_cfg, dev)->regs = (struct fw_cfg_regs){0};
}

static int fw_cfg_init(struct dev *dev, struct error *err)
{
    struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);
    uint8_t id[4];

    (void)err;
    st_le32(id, ID_TRADITIONAL | ID_DMA);
    put_item(f, FW_CFG_KEY_SIGNATURE, "QEMU", 4);
    put_item(f, FW_CFG_KEY_ID, id, sizeof(id));
    make_directory(f);
    return 0;
}

static void fw_cfg_fini(struct dev *dev)
{
    struct fw_cfg *f = container_of(dev, struct fw_cfg, dev);

    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].data);
    free(f->items);
}

static const struct window_ops ports_ops = {ports_read, ports_write, 1, 2};
static const struct window_ops dma_ops = {dma_read, dma_write, 1, 8};
static const struct dev_window_desc fw_cfg_windows[] = {
    {"ports", 2, &ports_ops},
    {"dma", 8, &dma_ops},
    {0},
};
static const struct dev_counter fw_cfg_counters[] = {
    {"dma", offsetof(struct fw_cfg, n_dma)},
    {"dma_errors", offsetof(struct fw_cfg, n_dma_errors)},
    {"unknown_keys", offsetof(struct fw_cfg, n_unknown_keys)},
    {0},
};

const struct dev_type fw_cfg_type = {
    .name = "fw_cfg",
    .help = "configuration files for firmware",
    .size = sizeof(struct fw_cfg),
    .regs = offsetof(struct fw_cfg, regs),
    .state = &fw_cfg_state,
    .windows = fw_cfg_windows,
    .counters = fw_cfg_counters,
    .init = fw_cfg_init,
    .fini = fw_cfg_fini,
    .reset = fw_cfg_reset,
};
