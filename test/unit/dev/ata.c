/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Disks and CD drives on both controllers, driven through their registers: PIO, bus master DMA, AHCI
 * with and without queueing, packets, errors; then random commands with random tables.
 */
#include "base/endian.h"
#include "block/pool.h"
#include "dev/ata/ahci_ich9.h"
#include "dev/ata/ide_piix3.h"
#include "fuzz/dev_drive.h"
#include "lib/disk_mem.h"
#include "lib/test.h"

#define DISK_SIZE (1u << 20)
#define SECTORS (DISK_SIZE / 512)

struct rig {
    struct machine m;
    struct dev *dev;
    struct disk_mem mem[2];
    struct blk *blk[2]; /* a hard disk and a CD */
    uint8_t *ram;
};

static void pattern(uint8_t *p, unsigned sector, uint8_t salt)
{
    for (unsigned i = 0; i < 512; i++)
        p[i] = (uint8_t)(sector * 7 + i + salt);
}

static void rig_blk(struct rig *r, unsigned n)
{
    struct disk_options o = {.path = "mem", .format = "raw", .readonly = n == 1,
                             .formats = disk_mem_formats};
    struct error err = {0};
    struct disk *disk;

    disk_mem_init(&r->mem[n], DISK_SIZE);
    r->mem[n].size = r->mem[n].durable_size = DISK_SIZE;
    for (unsigned s = 0; s < SECTORS; s++)
        pattern(r->mem[n].now + 512 * (size_t)s, s, n ? 100 : 0);
    if (disk_mem_open(&r->mem[n], &o, &disk, &err))
        fail_msg("%s", err.text);
    r->blk[n] = pool_create(disk, POOL_UNSAFE);
}

static void rig_init(struct rig *r, const struct dev_type *type)
{
    memset(r, 0, sizeof(*r));
    r->dev = drive_make(&r->m, type);
    assert_non_null(r->dev);
    rig_blk(r, 0);
    rig_blk(r, 1);
    for (unsigned n = 0; n < 2; n++) {
        if (type == &ahci_ich9_type)
            ahci_ich9_attach(r->dev, n, r->blk[n], n, "SN1");
        else
            ide_piix3_attach(r->dev, n, r->blk[n], n, "SN1");
    }
    dev_reset(r->dev);
    r->ram = mem_ptr(&r->m.mem, 0, 0x10000);
    bus_write(&r->m.ports, 0xcf8, 4, 0x80000000 | PCI_DEVFN(31, 0) << 8 | 4);
    bus_write(&r->m.ports, 0xcfc, 2, 4); /* bus master */
    for (unsigned i = 0; i < DEV_WINDOWS_MAX; i++)
        if (r->dev->windows[i].ops)
            bus_add(&r->m.mmio, &r->dev->windows[i], 0x100000u * (i + 1));
}

static void rig_fini(struct rig *r)
{
    machine_fini(&r->m);
    for (unsigned n = 0; n < 2; n++) {
        blk_destroy(r->blk[n]);
        disk_mem_fini(&r->mem[n]);
    }
}

/* All requests are answered, and what the answers asked for. */
static void settle(struct rig *r)
{
    pthread_mutex_lock(&r->dev->lock);
    r->dev->type->presave(r->dev);
    pthread_mutex_unlock(&r->dev->lock);
}

/* ---- IDE ---------------------------------------------------------------------------------- */

static uint32_t in(struct rig *r, unsigned reg, unsigned size)
{
    return (uint32_t)bus_read(&r->m.mmio, 0x100000 + reg, size);
}

static void out(struct rig *r, unsigned reg, unsigned size, uint32_t v)
{
    bus_write(&r->m.mmio, 0x100000 + reg, size, v);
}

static void ide_command(struct rig *r, unsigned drive, uint8_t command, uint32_t lba, uint8_t count)
{
    out(r, 6, 1, 0xe0 | drive << 4 | lba >> 24);
    out(r, 2, 1, count);
    for (unsigned i = 0; i < 3; i++)
        out(r, 3 + i, 1, lba >> 8 * i & 0xff);
    out(r, 7, 1, command);
    settle(r);
}

static void pio_in(struct rig *r, uint8_t *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2) {
        if (!(i % 512)) {
            settle(r);
            assert_int_equal(in(r, 7, 1) & 0x89, 0x08); /* DRQ, no error, not busy */
        }
        st_le16(to + i, (uint16_t)in(r, 0, 2));
    }
}

static void ide_pio(void **state)
{
    struct rig r;
    uint8_t buf[1024], want[1024];

    (void)state;
    rig_init(&r, &ide_piix3_type);
    assert_int_equal(in(&r, 7, 1), 0x50);
    ide_command(&r, 0, 0xec, 0, 0);
    pio_in(&r, buf, 512);
    assert_int_equal(ld_le32(buf + 120), SECTORS);
    assert_memory_equal(buf + 20, "NS ", 3); /* SN1, letters swapped in pairs */
    assert_int_equal(in(&r, 7, 1), 0x50);
    ide_command(&r, 0, 0x20, 5, 2);
    pio_in(&r, buf, 1024);
    pattern(want, 5, 0);
    pattern(want + 512, 6, 0);
    assert_memory_equal(buf, want, 1024);
    ide_command(&r, 0, 0x30, 9, 2);
    pattern(want, 77, 3);
    for (unsigned i = 0; i < 1024; i += 4) {
        if (!(i % 512)) {
            settle(&r);
            assert_int_equal(in(&r, 7, 1) & 0x89, 0x08);
        }
        out(&r, 0, 4, ld_le32(want + i));
    }
    settle(&r);
    assert_int_equal(in(&r, 7, 1), 0x50);
    assert_memory_equal(r.mem[0].now + 9 * 512, want, 1024);
    ide_command(&r, 0, 0x20, SECTORS, 1); /* behind the end */
    assert_int_equal(in(&r, 7, 1), 0x51);
    assert_int_equal(in(&r, 1, 1), 0x10);
    ide_command(&r, 0, 0x77, 0, 1); /* no such command */
    assert_int_equal(in(&r, 1, 1), 0x04);
    rig_fini(&r);
}

static void ide_dma(void **state)
{
    struct rig r;
    uint8_t want[1024];

    (void)state;
    rig_init(&r, &ide_piix3_type);
    uint64_t bm = r.dev->windows[IDE_PIIX3_WIN_BUS_MASTER].base;
    st_le32(r.ram + 0x100, 0x1000); /* 600 bytes there, the rest at 0x2000 */
    st_le32(r.ram + 0x104, 600);
    st_le32(r.ram + 0x108, 0x2000);
    st_le32(r.ram + 0x10c, 0x80000000 | 1024);
    bus_write(&r.m.mmio, bm + 4, 4, 0x100);
    ide_command(&r, 0, 0xc8, 11, 2);
    assert_int_equal(bus_read(&r.m.mmio, bm + 2, 1) & 7, 0);
    bus_write(&r.m.mmio, bm, 1, 9);
    settle(&r);
    assert_int_equal(bus_read(&r.m.mmio, bm + 2, 1) & 7, 4);
    assert_int_equal(in(&r, 7, 1), 0x50);
    pattern(want, 11, 0);
    pattern(want + 512, 12, 0);
    assert_memory_equal(r.ram + 0x1000, want, 600);
    assert_memory_equal(r.ram + 0x2000, want + 600, 424);
    /* A table that is too short. */
    bus_write(&r.m.mmio, bm, 1, 0);
    st_le32(r.ram + 0x104, 0x80000000 | 512);
    ide_command(&r, 0, 0xc8, 11, 2);
    bus_write(&r.m.mmio, bm, 1, 9);
    settle(&r);
    assert_int_equal(bus_read(&r.m.mmio, bm + 2, 1) & 3, 2);
    assert_int_equal(in(&r, 7, 1) & 1, 1);
    rig_fini(&r);
}

static void ide_packet(struct rig *r, const uint8_t packet[12], uint16_t limit)
{
    out(r, 6, 1, 0xb0);
    out(r, 1, 1, 0);
    out(r, 4, 1, limit & 0xff);
    out(r, 5, 1, limit >> 8);
    out(r, 7, 1, 0xa0);
    assert_int_equal(in(r, 2, 1), 1); /* now the packet */
    for (unsigned i = 0; i < 12; i += 2)
        out(r, 0, 2, ld_le16(packet + i));
    settle(r);
}

static void ide_cd(void **state)
{
    static const uint8_t ready[12] = {0}, sense[12] = {3, 0, 0, 0, 18};
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 3, 0, 0, 2};
    struct rig r;
    uint8_t buf[4096], want[512];

    (void)state;
    rig_init(&r, &ide_piix3_type);
    out(&r, 6, 1, 0xb0);
    assert_int_equal(in(&r, 4, 1), 0x14); /* the signature of a packet device */
    assert_int_equal(in(&r, 5, 1), 0xeb);
    ide_packet(&r, ready, 0); /* the disc is new */
    assert_int_equal(in(&r, 7, 1) & 1, 1);
    assert_int_equal(in(&r, 1, 1) >> 4, 6);
    ide_packet(&r, sense, 64);
    assert_int_equal(in(&r, 4, 1), 18);
    for (unsigned i = 0; i < 18; i += 2)
        st_le16(buf + i, (uint16_t)in(&r, 0, 2));
    assert_int_equal(buf[2], 6);
    assert_int_equal(buf[12], 0x28);
    ide_packet(&r, ready, 0);
    assert_int_equal(in(&r, 7, 1) & 1, 0);
    ide_packet(&r, read, 2048);
    for (unsigned at = 0; at < 4096; at += 2048) {
        settle(&r);
        assert_int_equal(in(&r, 2, 1), 2);
        assert_int_equal(in(&r, 4, 1) | in(&r, 5, 1) << 8, 2048);
        for (unsigned i = 0; i < 2048; i += 2)
            st_le16(buf + at + i, (uint16_t)in(&r, 0, 2));
    }
    assert_int_equal(in(&r, 2, 1), 3); /* done */
    for (unsigned s = 0; s < 8; s++) {
        pattern(want, 12 + s, 100);
        assert_memory_equal(buf + 512 * s, want, 512);
    }
    rig_fini(&r);
}

/* ---- AHCI --------------------------------------------------------------------------------- */

#define LIST 0x1000u
#define FISES 0x2000u
#define TABLE(slot) (0x4000u + 0x400u * (slot))

static uint32_t port_rd(struct rig *r, unsigned port, unsigned reg)
{
    return (uint32_t)bus_read(&r->m.mmio, 0x100000 + 0x100 + 0x80 * port + reg, 4);
}

static void port_wr(struct rig *r, unsigned port, unsigned reg, uint32_t v)
{
    bus_write(&r->m.mmio, 0x100000 + 0x100 + 0x80 * port + reg, 4, v);
}

static void ahci_start(struct rig *r, unsigned port)
{
    port_wr(r, port, 0x00, LIST);
    port_wr(r, port, 0x08, FISES);
    port_wr(r, port, 0x30, UINT32_MAX);
    port_wr(r, port, 0x10, UINT32_MAX);
    port_wr(r, port, 0x18, 0x17);
}

/* A command in a slot's table: data at `to`, `bytes` of them. */
static void ahci_command(struct rig *r, unsigned slot, uint8_t command, uint64_t lba, uint16_t n,
                         uint32_t to, uint32_t bytes)
{
    uint8_t *h = r->ram + LIST + 32 * slot, *t = r->ram + TABLE(slot);
    bool queued = command == 0x60 || command == 0x61;

    memset(t, 0, 0x100);
    st_le32(h, 5 | (bytes ? 1u << 16 : 0) | (command == 0x61 || command == 0x35 ? 0x40 : 0));
    st_le32(h + 4, 0);
    st_le64(h + 8, TABLE(slot));
    t[0] = 0x27;
    t[1] = 0x80;
    t[2] = command;
    t[7] = 0x40;
    for (unsigned i = 0; i < 3; i++) {
        t[4 + i] = (uint8_t)(lba >> 8 * i);
        t[8 + i] = (uint8_t)(lba >> (24 + 8 * i));
    }
    t[queued ? 3 : 12] = (uint8_t)n;
    if (queued)
        t[12] = (uint8_t)(slot << 3);
    st_le64(t + 0x80, to);
    st_le32(t + 0x8c, bytes - 1);
}

static void ahci_disk(void **state)
{
    struct rig r;
    uint8_t want[512];

    (void)state;
    rig_init(&r, &ahci_ich9_type);
    assert_int_equal(port_rd(&r, 0, 0x28) & 15, 3);
    assert_int_equal(port_rd(&r, 0, 0x24), 0x101);
    assert_int_equal(port_rd(&r, 1, 0x24), 0xeb140101);
    assert_int_equal(port_rd(&r, 2, 0x28), 0);
    ahci_start(&r, 0);
    ahci_command(&r, 0, 0xec, 0, 0, 0x8000, 512);
    port_wr(&r, 0, 0x38, 1);
    settle(&r);
    assert_int_equal(port_rd(&r, 0, 0x38), 0);
    assert_int_equal(port_rd(&r, 0, 0x10) & 3, 3); /* PIO setup, register FIS */
    assert_int_equal(ld_le32(r.ram + LIST + 4), 512);
    assert_int_equal(ld_le32(r.ram + 0x8000 + 200), SECTORS);
    /* Two queued reads at once. */
    port_wr(&r, 0, 0x10, UINT32_MAX);
    ahci_command(&r, 3, 0x60, 20, 1, 0x9000, 512);
    ahci_command(&r, 7, 0x60, 30, 1, 0xa000, 512);
    port_wr(&r, 0, 0x34, 1 << 3 | 1 << 7);
    port_wr(&r, 0, 0x38, 1 << 3 | 1 << 7);
    settle(&r);
    assert_int_equal(port_rd(&r, 0, 0x34), 0);
    assert_int_equal(port_rd(&r, 0, 0x10) & 8, 8);
    pattern(want, 20, 0);
    assert_memory_equal(r.ram + 0x9000, want, 512);
    pattern(want, 30, 0);
    assert_memory_equal(r.ram + 0xa000, want, 512);
    /* A write, then one behind the end: the port stands until it is started again. */
    pattern(r.ram + 0xb000, 200, 9);
    ahci_command(&r, 1, 0x35, 40, 1, 0xb000, 512);
    port_wr(&r, 0, 0x38, 2);
    settle(&r);
    assert_memory_equal(r.mem[0].now + 40 * 512, r.ram + 0xb000, 512);
    port_wr(&r, 0, 0x10, UINT32_MAX);
    ahci_command(&r, 1, 0x25, SECTORS, 1, 0xb000, 512);
    ahci_command(&r, 2, 0x25, 50, 1, 0xc000, 512);
    port_wr(&r, 0, 0x38, 6);
    settle(&r);
    assert_int_equal(port_rd(&r, 0, 0x10) >> 30 & 1, 1);
    assert_int_equal(port_rd(&r, 0, 0x20) & 1, 1);
    assert_int_equal(port_rd(&r, 0, 0x38), 6);
    port_wr(&r, 0, 0x18, 0x16);
    assert_int_equal(port_rd(&r, 0, 0x38), 0);
    port_wr(&r, 0, 0x18, 0x17);
    port_wr(&r, 0, 0x38, 4);
    settle(&r);
    pattern(want, 50, 0);
    assert_memory_equal(r.ram + 0xc000, want, 512);
    /* Data into nothing. */
    ahci_command(&r, 0, 0x25, 0, 1, 0x7fff0000, 512);
    port_wr(&r, 0, 0x38, 1);
    settle(&r);
    assert_int_equal(port_rd(&r, 0, 0x10) >> 29 & 1, 1);
    rig_fini(&r);
}

static void ahci_cd(void **state)
{
    struct rig r;
    uint8_t want[512];

    (void)state;
    rig_init(&r, &ahci_ich9_type);
    ahci_start(&r, 1);
    for (unsigned try = 0; try < 2; try++) {
        ahci_command(&r, 0, 0xa0, 0, 0, 0x8000, 2048);
        st_le32(r.ram + LIST, 5 | 0x20 | 1 << 16);
        r.ram[TABLE(0) + 0x40] = 0x28;
        r.ram[TABLE(0) + 0x45] = 2;
        r.ram[TABLE(0) + 0x48] = 1;
        port_wr(&r, 1, 0x38, 1);
        settle(&r);
        assert_int_equal(port_rd(&r, 1, 0x20) & 1, try == 0); /* first: the disc is new */
        port_wr(&r, 1, 0x18, 0x16);
        port_wr(&r, 1, 0x18, 0x17);
    }
    pattern(want, 8, 100);
    assert_memory_equal(r.ram + 0x8000, want, 512);
    rig_fini(&r);
}

/* ---- nonsense ----------------------------------------------------------------------------- */

static const uint8_t commands[] = {0x20, 0x24, 0x25, 0x29, 0x2f, 0x30, 0x34, 0x35, 0x39, 0x3d, 0x40,
                                   0x60, 0x61, 0x08, 0x90, 0xa0, 0xa1, 0xc4, 0xc5, 0xc6, 0xc8, 0xca,
                                   0xce, 0xe7, 0xea, 0xec, 0xef, 0xf8, 0x27, 0xe5, 0x10, 0x00};
static const uint8_t packets[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x42,
                                  0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe};

static void random_ide(struct rig *r, uint64_t *seed)
{
    uint64_t v = test_random(seed);
    uint64_t bm = r->dev->windows[IDE_PIIX3_WIN_BUS_MASTER].base;

    switch (v & 15) {
    case 0: out(r, 7, 1, commands[v >> 8 & 31]); break;
    case 1: out(r, 1 + (v >> 8) % 6, 1, v >> 16 & (v & 64 ? 0xff : 7)); break;
    case 2: bus_write(&r->m.mmio, bm + (v >> 8 & 8), 1, v >> 16 & 9); break;
    case 3: bus_write(&r->m.mmio, bm + 4 + (v >> 8 & 8), 4, v >> 16 & 0x1ffc); break;
    case 4: out(r, 0x100000, 1, v >> 61 ? 0 : v >> 16); break; /* control */
    case 5: settle(r); break;
    case 6: out(r, 6, 1, v >> 8 & 0x1f); break;
    case 7:
        for (unsigned i = 0; i < (v >> 8 & 255); i++)
            in(r, 0, 4);
        break;
    case 8:
        out(r, 7, 1, 0xa0);
        out(r, 0, 2, packets[v >> 8 & 15]);
        for (unsigned i = 1; i < 6; i++)
            out(r, 0, 2, v >> 8 * i & 0x0301);
        break;
    default:
        if (v & 16)
            in(r, v >> 8 & 7, 1);
        else
            out(r, 0, 2 + (v >> 7 & 2), (uint32_t)(v >> 16));
    }
}

static void random_ahci(struct rig *r, uint64_t *seed)
{
    uint64_t v = test_random(seed);
    unsigned port = v >> 4 & 1, slot = v >> 8 & 15;

    switch (v & 15) {
    case 0:
    case 1:
    case 2: {
        uint64_t lba = v >> 16 & (v & 32 ? 0xfff : 0xff);
        ahci_command(r, slot, commands[v >> 32 & 31], lba, v >> 40 & 7, v >> 44 & 0x7ffff, v >> 50);
        if (v & 64)
            r->ram[LIST + 32 * slot] |= 0x20;
        r->ram[TABLE(slot) + 0x40] = packets[v >> 36 & 15];
        r->ram[TABLE(slot) + 0x48] = v >> 60;
        st_le16(r->ram + LIST + 32 * slot + 2, (uint16_t)(v >> 62));
        break;
    }
    case 3: port_wr(r, port, 0x34, (uint32_t)(v >> 16)); break;
    case 4: port_wr(r, port, 0x18, v & 32 ? 0x17 : (uint32_t)(v >> 16)); break;
    case 5: settle(r); break;
    case 6: port_wr(r, port, 0x2c, v >> 16 & 5); break;
    case 7: ahci_start(r, port); break;
    case 8: port_wr(r, port, (v >> 16 & 31) * 4, (uint32_t)(v >> 24)); break;
    case 9: r->ram[v >> 16 & 0xffff] = v >> 32; break;
    case 10: bus_write(&r->m.mmio, 0x100004, 4, v >> 16 & (v >> 60 ? 2 : 3)); break;
    default: port_wr(r, port, 0x38, 1u << slot); break;
    }
}

static void nonsense_is_survived(void **state)
{
    uint64_t seed = test_seed();
    unsigned rounds = test_long() ? 200 : 6;

    (void)state;
    for (unsigned i = 0; i < 2 * rounds; i++) {
        struct rig r;
        rig_init(&r, i & 1 ? &ahci_ich9_type : &ide_piix3_type);
        for (unsigned n = 0; n < 2000; n++) {
            if (i & 1)
                random_ahci(&r, &seed);
            else
                random_ide(&r, &seed);
            if (test_random(&seed) % 500 == 0)
                dev_reset(r.dev);
        }
        /* It still works, and the CD is as it was. */
        dev_reset(r.dev);
        settle(&r);
        uint8_t want[512];
        pattern(want, 3, 100);
        assert_memory_equal(r.mem[1].now + 3 * 512, want, 512);
        rig_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ide_pio),   cmocka_unit_test(ide_dma), cmocka_unit_test(ide_cd),
        cmocka_unit_test(ahci_disk), cmocka_unit_test(ahci_cd), cmocka_unit_test(nonsense_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
