/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "display/keymap.h"

#include <strings.h>

/* The rows of a US keyboard from their first scan code on, plain and with shift. */
static const struct {
    unsigned code;
    const char *plain, *shifted;
} rows[] = {
    {0x02, "1234567890-=", "!@#$%^&*()_+"},
    {0x10, "qwertyuiop[]", "QWERTYUIOP{}"},
    {0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {0x39, " ", ""},
    {0x1c, "\n", ""},
    {0x0f, "\t", ""},
};

static const struct {
    const char *name;
    unsigned code;
    uint32_t keysym; /* 0: none */
} named[] = {
    {"esc", 0x01, 0xff1b},       {"escape", 0x01, 0},        {"backspace", 0x0e, 0xff08},
    {"tab", 0x0f, 0xff09},       {"ret", 0x1c, 0xff0d},      {"enter", 0x1c, 0},
    {"ctrl", 0x1d, 0xffe3},      {"rctrl", 0x11d, 0xffe4},   {"shift", 0x2a, 0xffe1},
    {"rshift", 0x36, 0xffe2},    {"alt", 0x38, 0xffe9},      {"altgr", 0x138, 0xffea},
    {"space", 0x39, 0},          {"caps", 0x3a, 0xffe5},     {"f1", 0x3b, 0xffbe},
    {"f2", 0x3c, 0xffbf},        {"f3", 0x3d, 0xffc0},       {"f4", 0x3e, 0xffc1},
    {"f5", 0x3f, 0xffc2},        {"f6", 0x40, 0xffc3},       {"f7", 0x41, 0xffc4},
    {"f8", 0x42, 0xffc5},        {"f9", 0x43, 0xffc6},       {"f10", 0x44, 0xffc7},
    {"f11", 0x57, 0xffc8},       {"f12", 0x58, 0xffc9},      {"num", 0x45, 0xff7f},
    {"scroll", 0x46, 0xff14},    {"home", 0x147, 0xff50},    {"up", 0x148, 0xff52},
    {"pgup", 0x149, 0xff55},     {"left", 0x14b, 0xff51},    {"right", 0x14d, 0xff53},
    {"end", 0x14f, 0xff57},      {"down", 0x150, 0xff54},    {"pgdn", 0x151, 0xff56},
    {"insert", 0x152, 0xff63},   {"delete", 0x153, 0xffff},  {"del", 0x153, 0},
    {"meta", 0x15b, 0xffeb},     {"menu", 0x15d, 0xff67},    {"minus", 0x0c, 0},
    {"kp_enter", 0x11c, 0xff8d}, {"kp_mul", 0x37, 0xffaa},   {"kp_sub", 0x4a, 0xffad},
    {"kp_add", 0x4e, 0xffab},    {"kp_div", 0x135, 0xffaf},  {"less", 0x56, 0},
};

unsigned keymap_char(unsigned char c, bool *shift)
{
    for (size_t i = 0; i < ARRAY_LEN(rows) && c; i++) {
        const char *p = strchr(rows[i].plain, c), *s = strchr(rows[i].shifted, c);
        *shift = !p;
        if (p)
            return rows[i].code + (unsigned)(p - rows[i].plain);
        if (s)
            return rows[i].code + (unsigned)(s - rows[i].shifted);
    }
    return 0;
}

unsigned keymap_name(const char *name, size_t len)
{
    bool ignored;

    if (len == 1)
        return keymap_char((unsigned char)*name, &ignored);
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (strlen(named[i].name) == len && !strncasecmp(named[i].name, name, len))
            return named[i].code;
    return 0;
}

unsigned keymap_keysym(uint32_t keysym)
{
    bool ignored;

    if (keysym < 0x80)
        return keymap_char((unsigned char)keysym, &ignored);
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (named[i].keysym == keysym)
            return named[i].code;
    return 0;
}

int keymap_chord(const char *text, unsigned keys[KEYMAP_CHORD], unsigned *n, struct error *err)
{
    const char *p = text;
    bool shift = false;

    *n = 0;
    if (text[0] && !text[1] && keymap_char((unsigned char)text[0], &shift) && shift)
        keys[(*n)++] = KEYMAP_SHIFT;
    do {
        size_t len = p[0] == '-' && !p[1] ? 1 : strcspn(p, "-");
        unsigned code = keymap_name(p, len);
        if (!code)
            return fail(err, EINVAL, "no key is called \"%.*s\"; try: a letter, ret, esc, tab, f1, up, "
                                     "ctrl-alt-delete", (int)len, p);
        if (*n == KEYMAP_CHORD)
            return fail(err, EINVAL, "\"%s\": more than %d keys at once", text, KEYMAP_CHORD);
        keys[(*n)++] = code;
        p += len;
    } while (*p++ == '-');
    return 0;
}
