/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the static C library brings in for things that this program never does: unwinding, thread
 * cancellation, wide characters, message catalogues, loading libraries. Together
 * that is a seventh of the binary, and a few system calls at each start. A function here that must
 * never be called aborts; the test suite runs through this binary.
 *
 * The names are the C library's own (glibc 2.36); with -z muldefs these come first. A name that
 * another version does not have is merely unused.
 */
#include <stdlib.h>

#define NEVER_CALLED(name) \
    void name(void);       \
    void name(void)        \
    {                      \
        abort();           \
    }

/* unwinding */
NEVER_CALLED(_Unwind_Resume)
NEVER_CALLED(_Unwind_ForcedUnwind)
NEVER_CALLED(_Unwind_GetCFA)
NEVER_CALLED(_Unwind_Backtrace)
NEVER_CALLED(_Unwind_GetIP)
NEVER_CALLED(__gcc_personality_v0)

/* wide streams and character set conversion */
NEVER_CALLED(__vfwprintf_internal)
NEVER_CALLED(__wcsmbs_load_conv)
NEVER_CALLED(__gconv_open)
NEVER_CALLED(__gconv_close)
NEVER_CALLED(__gconv_find_transform)
NEVER_CALLED(__gconv_close_transform)
NEVER_CALLED(__printf_fphex)
extern const char __wcsmbs_gconv_fcts_c[64];
const char __wcsmbs_gconv_fcts_c[64];

/* libraries at run time */
NEVER_CALLED(__libc_dlopen_mode)
void _dl_non_dynamic_init(void);
void _dl_non_dynamic_init(void)
{
    /* search paths and the program's own place, for dlopen */
}

/* messages in other languages: the message itself */
char *__dcigettext(const char *domain, const char *msg1, const char *msg2, int plural,
                   unsigned long n, int category);
char *__dcigettext(const char *domain, const char *msg1, const char *msg2, int plural,
                   unsigned long n, int category)
{
    (void)domain;
    (void)msg2;
    (void)plural;
    (void)n;
    (void)category;
    return (char *)msg1;
}

/* comparing without case: the library has each four times, for as many processors */
static int compare_nocase(const char *a, const char *b, unsigned long n)
{
    for (; n; n--, a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, y = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
        if (x != y || !x)
            return x - y;
    }
    return 0;
}

#define NOCASE(name)                       \
    int name(const char *a, const char *b); \
    int name(const char *a, const char *b)  \
    {                                      \
        return compare_nocase(a, b, -1ul); \
    }
#define NOCASE_N(name)                                     \
    int name(const char *a, const char *b, unsigned long n); \
    int name(const char *a, const char *b, unsigned long n)  \
    {                                                      \
        return compare_nocase(a, b, n);                    \
    }
/* those that take a locale have it last, where these do not look */
NOCASE(strcasecmp)
NOCASE(__strcasecmp)
NOCASE(strcasecmp_l)
NOCASE(__strcasecmp_l)
NOCASE_N(strncasecmp)
NOCASE_N(__strncasecmp)
NOCASE_N(strncasecmp_l)
NOCASE_N(__strncasecmp_l)
