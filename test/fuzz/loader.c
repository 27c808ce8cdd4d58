/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: a kernel file. The first byte chooses one of the small kernels of
 * lib/kernel_gen.h, on which the rest is laid as patches (offset, value), or (FFh) the rest is the
 * file. Every loader has to open and load it or say why not.
 */
#include "board/loader.h"
#include "board/memmap.h"
#include "core/machine.h"
#include "core/vcpu.h"
#include "arch/x86/cpu.h"
#include "base/endian.h"
#include "lib/kernel_gen.h"

#define RAM (UINT64_C(32) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct machine machine;
static struct memmap map;
static struct x86_cpu cpu;
static struct vcpu vcpu = {.machine = &machine, .cpu = &cpu};

static void machine_make(void)
{
    struct error err;

    machine_init(&machine, NULL, NULL, true);
    memmap_pc(&map, RAM, 0);
    map.rsdp = 0xe0000;
    if (mem_add(&machine.mem, "low", SLOT_RAM, 0, PC_LOW_RAM_END, NULL, &err) ||
        mem_add(&machine.mem, "rom", SLOT_ROM, PC_ROM_BASE, 0x40000, NULL, &err) ||
        mem_add(&machine.mem, "main", SLOT_RAM, PC_ROM_END, RAM - PC_ROM_END, NULL, &err))
        abort();
    machine.vcpus[0] = &vcpu;
    machine.nvcpus = 1;
}

static void load(const uint8_t *file, size_t size)
{
    for (size_t i = 0; loader_types[i]; i++) {
        struct error err = {0};
        struct loader l;
        if (loader_open_bytes(&l, loader_types[i]->name, file, size, "a=b", &err)) {
            if (!err.code || !*err.text)
                abort();
            continue;
        }
        if (loader_add_module(&l, (const uint8_t *)"initrd", 6, "m", &err) == 0 &&
            loader_load(&l, &machine, &map, &err) && !*err.text)
            abort();
        loader_close(&l);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[KERNEL_GEN_MAX];

    if (!machine.nvcpus)
        machine_make();
    if (!size)
        return 0;
    if (*data == 0xff) {
        load(data + 1, size - 1);
        return 0;
    }
    size_t n = kernel_gen((enum kernel_gen)(*data % KERNEL_GENS), file);
    for (size_t i = 1; i + 3 <= size; i += 3)
        file[ld_le16(data + i) % n] = data[i + 2];
    load(file, n);
    return 0;
}
