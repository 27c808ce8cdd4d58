/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test.h: what every test program may use: cmocka, the seed, the skip.
 *
 *     #include "lib/test.h"
 *
 * A whole program that cannot run here calls test_skip(): it ends with the runner's exit code 77
 * and its reason. Random tests start from test_seed() and print nothing on success; the runner
 * prints the seed that reproduces a failure.
 */
#ifndef QUAD_TEST_LIB_TEST_H
#define QUAD_TEST_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's fail() is a macro of the name of base's function; fail_msg() says more anyway. */
#undef fail
#undef fail_msg
#define fail_msg(fmt, ...)                              \
    do {                                                \
        print_error("ERROR: " fmt "\n", ##__VA_ARGS__); \
        _fail(__FILE__, __LINE__);                      \
    } while (0)

#include "base/base.h"

/* QUAD_SEED as the runner hands it in; without it a random one, which is printed. */
uint64_t test_seed(void);

/* xorshift64*: the same numbers everywhere for the same state; *state must not be 0. */
uint64_t test_random(uint64_t *state);

/* The engine asked for (QUAD_ENGINE) or `otherwise`. */
const char *test_engine(const char *otherwise);

/* Is this the long run (test/run --long)? */
bool test_long(void);

void test_skip(const char *fmt, ...) printf_like(1, 2) noreturn_fn;

#endif
