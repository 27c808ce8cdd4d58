/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * isa_code: the guests of test/isa as bytes, for hosts whose compiler assembles no x86.
 */
#include "lib/isa.h"

#if !defined(__x86_64__)
#define CODE(name, ...)                              \
    static const uint8_t code_##name[] = {__VA_ARGS__}; \
    const struct isa_guest guest_##name = {#name, code_##name, code_##name + sizeof(code_##name)};
#include "lib/isa_code.def"
#endif
