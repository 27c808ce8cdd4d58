/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where a kernel says that it is one for the Xen PV interface: notes of a segment, notes of a section,
 * the old section __xen_guest; and section tables that make no sense.
 */
#include "lib/test.h"

#include <elf.h>

#include "para/xen/notes.h"

enum { SEGMENT = 0x100, NOTES = 0x200, NAMES = 0x300, LEGACY = 0x400, SECTIONS = 0x600, SIZE = 0x800 };

static uint8_t file[SIZE];

static void put_section(unsigned i, uint32_t name, uint32_t type, uint64_t offset, uint64_t size)
{
    const Elf64_Shdr s = {.sh_name = name, .sh_type = type, .sh_offset = offset, .sh_size = size};

    memcpy(file + SECTIONS + i * sizeof(s), &s, sizeof(s));
}

/* One segment, three sections: notes, __xen_guest, names. */
static void make(const char *legacy, bool notes)
{
    static const char names[] = "\0.note\0__xen_guest\0.shstrtab";
    Elf64_Ehdr h = {.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_entry = 0x100000,
                    .e_phoff = sizeof(h), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
                    .e_shoff = SECTIONS, .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 4,
                    .e_shstrndx = 3};
    const Elf64_Phdr p = {.p_type = PT_LOAD, .p_offset = SEGMENT, .p_vaddr = 0x100000,
                          .p_paddr = 0x100000, .p_filesz = 16, .p_memsz = 0x2000};
    /* XEN_VERSION and HYPERCALL_PAGE */
    static const uint32_t note[] = {4, 8, 5, 0x6e6558,  0x2d6e6578, 0x302e33,
                                    4, 8, 2, 0x6e6558,  0x101000,   0};

    memset(file, 0, sizeof(file));
    memcpy(h.e_ident, ELFMAG "\2\1\1", 7);
    memcpy(file, &h, sizeof(h));
    memcpy(file + sizeof(h), &p, sizeof(p));
    memcpy(file + NOTES, note, sizeof(note));
    memcpy(file + NAMES, names, sizeof(names));
    if (legacy)
        strcpy((char *)file + LEGACY, legacy);
    put_section(1, 1, notes ? SHT_NOTE : SHT_PROGBITS, NOTES, sizeof(note));
    put_section(2, legacy ? 7 : 0, SHT_PROGBITS, LEGACY, legacy ? strlen(legacy) + 1 : 0);
    put_section(3, 19, SHT_STRTAB, NAMES, sizeof(names));
}

static int read_notes(struct xen_notes *n, struct error *err)
{
    struct elf e;

    assert_int_equal(elf_open(&e, file, sizeof(file), err), 0);
    return xen_notes_read(n, &e, err);
}

static void test_section_notes(void **state)
{
    struct xen_notes n;
    struct error err;

    (void)state;
    make(NULL, true);
    assert_int_equal(read_notes(&n, &err), 0);
    assert_int_equal(n.entry, 0x100000);
    assert_int_equal(n.virt_base, 0);
    assert_true(n.has_hypercall_page);
    assert_int_equal(n.hypercall_page, 0x101000);
    make(NULL, false);
    assert_int_equal(read_notes(&n, &err), -EINVAL);
}

static void test_legacy(void **state)
{
    struct xen_notes n;
    struct error err;

    (void)state;
    make("GUEST_OS=small,XEN_VER=xen-3.0,VIRT_BASE=0x100000,HYPERCALL_PAGE=0x2,LOADER=generic", false);
    assert_int_equal(read_notes(&n, &err), 0);
    assert_int_equal(n.virt_base, 0x100000);
    assert_int_equal(n.paddr_offset, 0x100000);
    assert_int_equal(n.hypercall_page, 0x102000);
    assert_int_equal(n.entry, 0x100000);
    make("XEN_VER=xen-3.0,VIRT_BASE=0,ELF_PADDR_OFFSET=0x1000,VIRT_ENTRY=0x100010", false);
    assert_int_equal(read_notes(&n, &err), 0);
    assert_int_equal(n.paddr_offset, 0x1000);
    assert_int_equal(n.entry, 0x100010);
    assert_false(n.has_hypercall_page);
    make("XEN_VER=xen-2.0", false);
    assert_int_equal(read_notes(&n, &err), -EINVAL);
    make("MYXEN_VER=xen-3.0", false);
    assert_int_equal(read_notes(&n, &err), -EINVAL);
}

/* Nothing is loaded by the section table: one that makes no sense is as none. */
static void test_nonsense(void **state)
{
    struct xen_notes n;
    struct error err;
    size_t size;
    struct elf e;

    (void)state;
    make("XEN_VER=xen-3.0", true);
    put_section(1, 1, SHT_NOTE, NOTES, UINT64_MAX);
    put_section(2, 0xffffffff, SHT_PROGBITS, UINT64_MAX - 4, 16);
    assert_int_equal(read_notes(&n, &err), -EINVAL);
    make("XEN_VER=xen-3.0", true);
    file[40] = file[41] = file[42] = 0xff; /* e_shoff */
    assert_int_equal(elf_open(&e, file, sizeof(file), &err), 0);
    assert_int_equal(e.nnote, 0);
    assert_null(elf_section(&e, "__xen_guest", &size));
    make("XEN_VER=xen-3.0", true);
    file[62] = 0xee; /* e_shstrndx */
    assert_int_equal(elf_open(&e, file, sizeof(file), &err), 0);
    assert_null(elf_section(&e, "__xen_guest", &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_section_notes),
        cmocka_unit_test(test_legacy),
        cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
