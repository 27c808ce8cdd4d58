/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shadow memory holds a copy of the image's last 128 KiB from power-on, so that firmware need not
 * copy it; PAM switches whether it can be written [Q35 5.1.15].
 *
 * Not modelled: reads that PAM sends to the ROM see the shadow; so do writes while reads go there.
 */
#include "board/pc_firmware.h"

#include "base/endian.h"
#include "board/acpi_files.h"
#include "board/memmap.h"
#include "dev/fw_cfg.h"

#define SHADOW_SIZE 0x4000u
#define COPIED 0x20000u /* of the image's end, at 0xe0000 */
#define FOUR_GIB UINT64_C(0x100000000)
#define SMBIOS_ROOM 0x8000u
#define SMBIOS_ENTRY 31 /* bytes of the 32-bit entry point, the file's start */
#define SMBIOS_TABLE 0x40

enum { PAM_READ = 1, PAM_WRITE = 2 };

/* Slot names are part of the save format. */
static const char *const shadow_names[PC_SHADOWS] = {
    "pam.c0000", "pam.c4000", "pam.c8000", "pam.cc000", "pam.d0000", "pam.d4000", "pam.d8000",
    "pam.dc000", "pam.e0000", "pam.e4000", "pam.e8000", "pam.ec000", "pam.f0000"};

int pc_firmware_memory(struct pc_firmware *f, struct machine *m, const struct firmware *image,
                       struct error *err)
{
    uint64_t size = image->image.size;
    int rc = mem_add(&m->mem, "firmware", SLOT_ROM, FOUR_GIB - size, size, NULL, err);

    *f = (struct pc_firmware){.image = image, .machine = m};
    for (unsigned i = 0; !rc && i < PC_SHADOWS; i++)
        rc = mem_add(&m->mem, shadow_names[i], SLOT_ROM, PC_ROM_BASE + i * SHADOW_SIZE,
                     i == PC_SHADOWS - 1 ? 4 * SHADOW_SIZE : SHADOW_SIZE, &f->shadow[i], err);
    return rc;
}

void pc_firmware_load(struct pc_firmware *f)
{
    static const uint8_t zero[SHADOW_SIZE];
    struct mem *mem = &f->machine->mem;
    const struct blob *b = &f->image->image;
    size_t n = MIN(b->size, (size_t)COPIED);

    for (uint32_t at = PC_ROM_BASE; at < PC_ROM_END; at += SHADOW_SIZE)
        mem_load(mem, at, zero, SHADOW_SIZE);
    mem_load(mem, FOUR_GIB - b->size, b->data, b->size);
    mem_load(mem, PC_ROM_END - n, b->data + b->size - n, n);
}

void pc_firmware_pam(void *opaque, unsigned shadow, unsigned attributes)
{
    struct pc_firmware *f = opaque;
    struct mem_slot *s = shadow < PC_SHADOWS ? f->shadow[shadow] : NULL;
    int kind = attributes & PAM_WRITE ? SLOT_RAM : SLOT_ROM;

    if (!s || __atomic_exchange_n(&s->kind, kind, __ATOMIC_SEQ_CST) == kind)
        return;
    /* No processor may go on writing through what it remembers. */
    for (unsigned i = 0; i < f->machine->nvcpus; i++)
        vcpu_request(f->machine->vcpus[i], REQ_FLUSH);
}

/* RAM only, 20 bytes an entry: what else there is firmware knows or decides. */
static int put_e820(struct dev *fw_cfg, const struct smbios_config *c, struct error *err)
{
    uint8_t e820[40];

    st_le64(e820, 0);
    st_le64(e820 + 8, c->low_top);
    st_le32(e820 + 16, MEMMAP_RAM);
    st_le64(e820 + 20, PC_HIGH_RAM_BASE);
    st_le64(e820 + 28, c->ram - c->low_top);
    st_le32(e820 + 36, MEMMAP_RAM);
    return fw_cfg_add_file(fw_cfg, "etc/e820", e820, c->ram > c->low_top ? 40 : 20, err);
}

static int put_smbios(struct dev *fw_cfg, const struct smbios_config *c, struct error *err)
{
    auto_free uint8_t *buf = xcalloc(1, SMBIOS_ROOM);
    size_t used;
    int rc = smbios_build(c, 0, buf, SMBIOS_ROOM, &used, err);

    if (!rc)
        rc = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-anchor", buf, SMBIOS_ENTRY, err);
    if (!rc)
        rc = fw_cfg_add_file(fw_cfg, "etc/smbios/smbios-tables", buf + SMBIOS_TABLE,
                             used - SMBIOS_TABLE, err);
    return rc;
}

/* Settings of SeaBIOS: text also on the first serial port; a machine without a bootable disk stands
 * still instead of trying for ever. */
static int put_settings(struct dev *fw_cfg, const struct firmware *fw, bool serial_text,
                        struct error *err)
{
    uint8_t port[2], wait[4], one = 1;

    st_le16(port, 0x3f8);
    st_le32(wait, UINT32_MAX);
    if (fw_cfg_add_item(fw_cfg, FW_CFG_KEY_ARCH_IRQ0_OVERRIDE, &one, 1, err) ||
        (serial_text && fw_cfg_add_file(fw_cfg, "etc/sercon-port", port, sizeof(port), err)) ||
        fw_cfg_add_file(fw_cfg, "etc/boot-fail-wait", wait, sizeof(wait), err))
        return -err->code;
    if (!fw->vgabios.size)
        return 0;
    return fw_cfg_add_file(fw_cfg, "pci1234,1111.rom", fw->vgabios.data, fw->vgabios.size, err);
}

int pc_firmware_files(struct pc_firmware *f, struct dev *fw_cfg, const struct acpi_config *acpi,
                      const struct smbios_config *smbios, bool serial_text, struct error *err)
{
    int rc = put_e820(fw_cfg, smbios, err);

    if (!rc)
        rc = put_smbios(fw_cfg, smbios, err);
    if (!rc)
        rc = acpi_files_put(fw_cfg, acpi, err);
    return rc ? rc : put_settings(fw_cfg, f->image, serial_text, err);
}
