/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * doc/save-format.md is what the tables say. After a change of a table:
 *
 *     QUAD_MAKE_DOC=1 build/test/stream/doc
 */
#include <stdio.h>

#include "arch/x86/arch.h"
#include "fuzz/dev_drive.h"
#include "lib/test.h"
#include "lib/xen_dom.h"
#include "save/machine.h"
#include "save/ram.h"

#define PAGE "doc/save-format.md"

static const char intro[] =
    "# Save format\n"
    "\n"
    "<!-- Made by QUAD_MAKE_DOC=1 build/test/stream/doc from the tables; do not edit. -->\n"
    "\n"
    "The same stream for a saved guest, a snapshot and a move. Numbers are little-endian. How the\n"
    "bytes are laid out is on top of `src/save/stream.h` (header, sections), `src/save/record.h`\n"
    "(named fields), `src/save/ram.h` (memory), `src/guest/blocks.h` (disks) and\n"
    "`src/guest/describe.h` (the guest's description).\n"
    "\n"
    "A reader refuses a format version, a feature, a section, a record's version or a field that it\n"
    "does not know, by name; a field that the stream lacks keeps its value of a reset machine, and so\n"
    "does the device vmgenid, which guests of older programs did not have. A name\n"
    "once given keeps its meaning; a change of meaning raises the record's version.\n"
    "\n";

static void sections(FILE *f)
{
    static const struct {
        unsigned kind;
        const char *name, *what;
    } kinds[] = {
        {SAVE_END, "-", "the end"},
        {SAVE_GUEST, "the guest's name", "its description: the settings that it was made from"},
        {SAVE_RECORD, "`clock`, `slot/NAME`, `vcpuN/GROUP`, `dev/NAME`", "named fields"},
        {SAVE_PAGES, "a memory slot", "runs of pages"},
        {SAVE_EXTENTS, "`ram`", "where in the file the memory slots lie"},
        {SAVE_MOVE, "a message", "what the two ends of a move say to each other"},
        {SAVE_BLOCKS, "a disk", "runs of blocks, where disks are copied with a move"},
    };

    fprintf(f, "Format version %u. Header %u bytes, section header %u bytes, at most %u bytes in a "
               "section.\n\n", SAVE_VERSION, SAVE_HEADER, SAVE_SECTION_HEADER, SAVE_SECTION_MAX);
    fprintf(f, "| kind | name | payload |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        fprintf(f, "| %u | %s | %s |\n", kinds[i].kind, kinds[i].name, kinds[i].what);
    fprintf(f, "\nMemory that can be mapped lies in chunks of %u KiB behind the last section, the first "
               "one at a multiple of %u KiB.\n\n",
            (unsigned)(RAM_CHUNK >> 10), (unsigned)(RAM_ALIGN >> 10));
}

static void fields(FILE *f, const struct field *t, unsigned depth)
{
    for (; t->name; t++) {
        fprintf(f, "%*s- `%s`", (int)(2 * depth), "", t->name);
        if (t->kind == FIELD_RAW)
            fprintf(f, ": %u bytes", t->size * t->count);
        else if (t->kind == FIELD_BOOL)
            fprintf(f, ": flag");
        else if (t->kind == FIELD_UINT)
            fprintf(f, ": u%u", 8 * t->size);
        if (t->count > 1)
            fprintf(f, ", %u times", t->count);
        fputc('\n', f);
        if (t->kind == FIELD_STRUCT)
            fields(f, t->sub, depth + 1);
    }
}

static void record(FILE *f, const char *section, const struct state *st)
{
    fprintf(f, "### `%s` (version %u)\n\n", section, st->version);
    fields(f, st->fields, 0);
    fputc('\n', f);
}

static void write_page(FILE *f)
{
    char name[80];

    fputs(intro, f);
    sections(f);
    fprintf(f, "## The machine\n\n");
    record(f, "clock", &save_clock_state);
    record(f, "slot/NAME", &save_slot_state);
    fprintf(f, "## A processor\n\n");
    for (const struct arch_group *g = x86_groups; g->name; g++) {
        snprintf(name, sizeof(name), "vcpuN/%s", g->name);
        record(f, name, g->state);
    }
    fprintf(f, "## Devices\n\nThe section is called after the instance, `dev/serial0` for example.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(drive_types); i++)
        record(f, drive_types[i]->name, drive_types[i]->state);
    fprintf(f, "## The Xen PV interface\n\nHere of a guest with one vCPU and 24 MiB: `vcpu` is there for "
               "each, `frames` has a byte for each page.\n\n");
    struct xen_dom x;
    xen_dom_init(&x, 1, UINT64_C(24) << 20);
    list_for_each(it, &x.m.devs) {
        const struct dev *dev = list_entry(it, struct dev, node);
        snprintf(name, sizeof(name), "dev/%s", dev->name);
        record(f, name, dev->type->state);
    }
    xen_dom_fini(&x);
}

static void the_page_is_up_to_date(void **state)
{
    char *now = NULL, *there;
    size_t size = 0;
    FILE *f = open_memstream(&now, &size);

    (void)state;
    write_page(f);
    fclose(f);
    if (now[size - 1] == '\n' && now[size - 2] == '\n')
        now[--size] = 0;
    if (getenv("QUAD_MAKE_DOC")) {
        f = fopen(PAGE, "w");
        assert_non_null(f);
        fputs(now, f);
        fclose(f);
    }
    f = fopen(PAGE, "r");
    assert_non_null(f);
    there = calloc(1, size + 4096);
    size_t n = fread(there, 1, size + 4000, f);
    fclose(f);
    if (n != size || memcmp(there, now, size))
        fail_msg("%s is not what the tables say; try: QUAD_MAKE_DOC=1 build/test/stream/doc", PAGE);
    free(there);
    free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_is_up_to_date)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
