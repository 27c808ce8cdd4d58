/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_small_letters;

int fail(struct error *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -code;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return -code;
}

int fail_errno(struct error *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -code;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    const char *words = strerrordesc_np(code);
    char first = words ? *words : 0;
    /* "RFS specific error" stays what it is */
    if (error_small_letters && first && !isupper((unsigned char)words[1]))
        first = (char)tolower((unsigned char)first);
    if (first)
        snprintf(err->text + used, sizeof(err->text) - used, ": %c%s", first, words + 1);
    else
        snprintf(err->text + used, sizeof(err->text) - used, ": error %d", code);
    return -code;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char old[ERROR_TEXT_MAX];
    va_list ap;

    if (!err)
        return -1;
    memcpy(old, err->text, sizeof(old));
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
    return -err->code;
}
