/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the static C library would bring in for exceptions and thread cancellation, which this
 * program has none of: an unwinder and its tables, a tenth of the binary.
 */
#include <stdlib.h>

#define UNUSED_UNWINDER(name) \
    void name(void);          \
    void name(void)           \
    {                         \
        abort();              \
    }

UNUSED_UNWINDER(_Unwind_Resume)
UNUSED_UNWINDER(_Unwind_ForcedUnwind)
UNUSED_UNWINDER(_Unwind_GetCFA)
UNUSED_UNWINDER(_Unwind_Backtrace)
UNUSED_UNWINDER(_Unwind_GetIP)
UNUSED_UNWINDER(__gcc_personality_v0)
