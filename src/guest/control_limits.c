/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Control commands of the limits: all of them, and change one.
 */
#include <stdio.h>

#include "base/opt.h"
#include "guest/limits.h"
#include "guest/vm.h"

static void key_of(char out[64], const struct limit *l, unsigned n)
{
    const char *at = l->count ? strchr(l->key, 'N') : NULL;

    if (at)
        snprintf(out, 64, "%.*s%u%s", (int)(at - l->key), l->key, n, at + 1);
    else
        snprintf(out, 64, "%s", l->key);
}

static unsigned count_of(const struct limit *l, const struct vm *vm)
{
    return l->count ? l->count(vm) : 1;
}

static int get_all(struct control_call *call, struct error *err)
{
    const struct control_config *c = control_config(call->control);
    struct vm *vm = c->vm;
    char key[64];

    if (!vm) {
        call->result = c->guest->ops->limits ? c->guest->ops->limits(c->guest) : NULL;
        return call->result ? 0 : fail(err, EOPNOTSUPP, "it has no limits");
    }
    call->result = json_object();
    for (const struct limit *l = limits; l->key; l++)
        for (unsigned n = 0; n < count_of(l, vm); n++) {
            key_of(key, l, n);
            json_object_set_new(call->result, key, json_integer((json_int_t)l->get(vm, n)));
        }
    return 0;
}

const struct control_command control_limits = {
    .name = "limits",
    .help = "What can be changed while the guest runs, and its values now",
    .result = "an object: `disk.0.iops`, `nic.0.rate` ...; 0 is no limit",
    .run = get_all,
};

/* The limit that a key means; NULL with *err. */
static const struct limit *find(const char *want, const struct vm *vm, unsigned *n,
                                struct error *err)
{
    static char keys[64][64];
    const char *names[64];
    size_t k = 0;

    for (const struct limit *l = limits; l->key; l++)
        for (*n = 0; *n < count_of(l, vm); ++*n) {
            char key[64];
            key_of(key, l, *n);
            if (!strcmp(key, want))
                return l;
            if (k < ARRAY_LEN(names)) {
                memcpy(keys[k], key, sizeof(key));
                names[k] = keys[k];
                k++;
            }
        }
    const char *near = opt_nearest(want, names, k);
    if (near)
        fail(err, EINVAL, "it has no \"%s\"; did you mean %s?", want, near);
    else
        fail(err, EINVAL, "it has no \"%s\"; try: quad set --list", want);
    return NULL;
}

static int parse_value(const struct limit *l, const char *text, uint64_t *value, struct error *err)
{
    char *end;

    if (l->unit && !strncmp(l->unit, "bytes", 5))
        return opt_parse_size(text, value, err);
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (l->unit && !strcmp(l->unit, "%") && *end == '%')
        end++;
    if (errno || end == text || *end || *text == '-')
        return fail(err, EINVAL, "%s: \"%s\" is no number", l->key, text);
    return 0;
}

static int set(struct control_call *call, struct error *err)
{
    const struct control_config *c = control_config(call->control);
    struct vm *vm = c->vm;
    const char *key = control_string(call, "key");
    uint64_t value;
    unsigned n;

    if (!vm && json_object_get(call->args, "seconds"))
        return fail(err, EOPNOTSUPP, "a zone's limits are set for good only");
    if (!vm)
        return c->guest->ops->set ? c->guest->ops->set(c->guest, key, control_string(call, "value"),
                                                       &call->result, err)
                                  : fail(err, EOPNOTSUPP, "it has no limits");
    const struct limit *l = find(key, vm, &n, err);
    if (!l)
        return -err->code;
    int64_t seconds = control_integer(call, "seconds", 0);
    int rc = parse_value(l, control_string(call, "value"), &value, err);
    if (!rc && (seconds < 0 || seconds > 10 * 366 * 86400))
        rc = fail(err, ERANGE, "\"seconds\" is not in 0..10 years");
    bool was = boost_left(&vm->boosts, l, n) != 0;
    if (!rc && seconds)
        boost_begin(&vm->boosts, l, n, (uint64_t)seconds);
    if (!rc)
        rc = l->set(vm, n, value, call, err);
    if ((rc < 0 && !was) || (rc >= 0 && !seconds))
        boost_forget(&vm->boosts, l, n);
    if (rc)
        return rc;
    call->result = json_pack("{s:s, s:I, s:I}", "key", key, "asked", (json_int_t)value, "now",
                             (json_int_t)l->get(vm, n));
    return 0;
}

static const struct control_arg set_args[] = {
    {"key", 's', true, "as in `limits`"},
    {"value", 's', true, "a number, a size (`20M`), a share (`25%`)"},
    {"seconds", 'i', false, "for so long; then it returns to what it was before"},
    {0},
};

const struct control_command control_set = {
    .name = "set",
    .help = "Change one of `limits` while the guest runs, for good or for a while",
    .args = set_args,
    .result = "key, asked, and now: what it really is",
    .run = set,
};
