/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands about what a person sees and types: screenshot, text, key.
 */
#include <unistd.h>

#include "board/board.h"
#include "core/fb.h"
#include "display/keymap.h"
#include "display/png.h"
#include "guest/control.h"
#include "guest/vm.h"

#define TEXT_ROOM 20000u
#define STROKES_MAX 1024u
#define STROKE_NS UINT64_C(25000000) /* one key up or down after the other, as a person types */

extern const struct control_command control_screenshot, control_text, control_key;

static struct board *board_of(const struct control_call *call)
{
    return control_config(call->control)->vm->board;
}

static struct fb *screen_of(const struct control_call *call, struct error *err)
{
    struct board *b = board_of(call);
    struct fb *fb = b->type->screen ? b->type->screen(b) : NULL;

    if (!fb)
        fail(err, EOPNOTSUPP, "the guest has no screen; try: start it with --display vnc=unix:PATH, "
                              "or with firmware");
    return fb;
}

/* ---- screenshot --------------------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *p, size_t n, struct error *err)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail_errno(err, errno, "screenshot: cannot write the picture");
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static int screenshot(struct control_call *call, struct error *err)
{
    struct fb *fb = screen_of(call, err);
    auto_close int fd = control_fd(call);
    auto_free uint8_t *png = NULL;
    size_t size;

    if (!fb)
        return -err->code;
    if (fd < 0)
        return fail(err, EINVAL, "screenshot: no descriptor to write to was handed over");
    int rc = png_from_fb(fb, &png, &size, err);
    if (!rc)
        rc = write_all(fd, png, size, err);
    if (!rc)
        call->result = json_pack("{s:i, s:i, s:I}", "width", (int)fb->width, "height",
                                 (int)fb->height, "bytes", (json_int_t)size);
    return rc;
}

const struct control_command control_screenshot = {
    .name = "screenshot",
    .help = "Write the screen as a PNG file into the descriptor that comes with the request",
    .result = "width, height, bytes",
    .fds = 1,
    .machine = true,
    .run = screenshot,
};

/* ---- text --------------------------------------------------------------------------------- */

/* Characters of code page 437 that are no ASCII become '?', frames '+'. */
static char shown(uint8_t c)
{
    return c >= 32 && c < 127 ? (char)c : !c ? ' ' : c >= 0xb3 && c <= 0xda ? '+' : '?';
}

static int text(struct control_call *call, struct error *err)
{
    struct fb *fb = screen_of(call, err);
    auto_free uint8_t *cells = xcalloc(1, TEXT_ROOM);
    auto_free char *row = xcalloc(1, TEXT_ROOM + 1);
    unsigned columns = 0;

    if (!fb)
        return -err->code;
    unsigned rows = fb->ops->text(fb, cells, TEXT_ROOM, &columns);
    json_t *list = json_array();
    for (unsigned y = 0; y < rows; y++) {
        unsigned n = columns;
        for (unsigned x = 0; x < columns; x++)
            row[x] = shown(cells[y * columns + x]);
        while (n && row[n - 1] == ' ')
            n--;
        json_array_append_new(list, json_stringn(row, n));
    }
    call->result = json_pack("{s:b, s:o}", "text", rows != 0, "rows", list);
    return 0;
}

const struct control_command control_text = {
    .name = "text",
    .help = "The characters on the screen, where it is in a text mode",
    .result = "text: is it a text mode; rows: its lines",
    .machine = true,
    .run = text,
};

/* ---- key ---------------------------------------------------------------------------------- */

/* Strokes that a timer sends one after the other; freed at their end. */
struct typing {
    struct timer timer;
    struct board *board;
    struct control_call *call;
    unsigned n, at;
    uint16_t stroke[STROKES_MAX]; /* key code; 0x8000: up */
};

static bool add_chord(struct typing *t, const unsigned *keys, unsigned n)
{
    if (t->n + 2 * n > STROKES_MAX)
        return false;
    for (unsigned i = 0; i < n; i++)
        t->stroke[t->n++] = (uint16_t)keys[i];
    for (unsigned i = n; i--;)
        t->stroke[t->n++] = (uint16_t)(keys[i] | 0x8000);
    return true;
}

static int add_word(struct typing *t, const char *word, struct error *err)
{
    unsigned keys[KEYMAP_CHORD], n;
    int rc = keymap_chord(word, keys, &n, err);

    if (!rc && !add_chord(t, keys, n))
        rc = fail(err, E2BIG, "key: more than %u keys at once", STROKES_MAX / 2);
    return rc;
}

static int add_text(struct typing *t, const char *chars, struct error *err)
{
    for (; *chars; chars++) {
        bool shift;
        unsigned keys[2] = {KEYMAP_SHIFT, keymap_char((unsigned char)*chars, &shift)};
        if (!keys[1])
            return fail(err, EINVAL, "key: no key of a US keyboard types \"%c\"", *chars);
        if (!add_chord(t, keys + !shift, 1u + shift))
            return fail(err, E2BIG, "key: more than %u keys at once", STROKES_MAX / 2);
    }
    return 0;
}

/* Loop's thread. */
static void on_stroke(void *opaque)
{
    struct typing *t = opaque;
    uint16_t s = t->stroke[t->at++];

    t->board->type->key(t->board, s & 0x7fff, !(s & 0x8000));
    if (t->at < t->n) {
        timer_set(&t->timer, clock_ns(t->timer.clock) + STROKE_NS);
        return;
    }
    control_done(t->call, 0, NULL);
    free(t);
}

static int key(struct control_call *call, struct error *err)
{
    struct board *b = board_of(call);
    const json_t *keys = json_object_get(call->args, "keys");
    const char *chars = control_string(call, "text");
    struct typing *t = xcalloc(1, sizeof(*t));
    int rc = 0;

    if (!b->type->key)
        rc = fail(err, EOPNOTSUPP, "the guest's board has no keyboard");
    else if (b->machine->deterministic)
        rc = fail(err, EOPNOTSUPP, "key: not in a deterministic run");

    for (size_t i = 0; !rc && i < json_array_size(keys); i++) {
        const char *word = json_string_value(json_array_get(keys, i));
        rc = word ? add_word(t, word, err) : fail(err, EINVAL, "key: keys are strings");
    }
    if (!rc && chars)
        rc = add_text(t, chars, err);
    if (!rc && !t->n)
        rc = fail(err, EINVAL, "key: nothing to press");
    if (rc) {
        free(t);
        return rc;
    }
    t->board = b;
    t->call = call;
    timer_init(&t->timer, &b->machine->clock, on_stroke, t, NULL);
    timer_set(&t->timer, clock_ns(&b->machine->clock));
    return CONTROL_LATER;
}

static const struct control_arg key_args[] = {
    {"keys", 'a', false, "names: `a`, `ret`, `f1`, `ctrl-alt-delete`"},
    {"text", 's', false, "characters to type after them, on a US keyboard"},
    {0},
};

const struct control_command control_key = {
    .name = "key",
    .help = "Press keys; answers when all of them were pressed",
    .args = key_args,
    .machine = true,
    .run = key,
};
