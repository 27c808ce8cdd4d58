/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * exit: the exit codes of `quad`, the one list that --help and the manual page show.
 */
#ifndef QUAD_CLI_EXIT_H
#define QUAD_CLI_EXIT_H

/* EXIT_CODE(name, value, meaning) */
#define EXIT_CODES(EXIT_CODE)                                                        \
    EXIT_CODE(EXIT_OK, 0, "done; the guest powered off, or you left it")             \
    EXIT_CODE(EXIT_FAILED, 1, "it cannot be done; the message says why")             \
    EXIT_CODE(EXIT_USAGE, 2, "the command line is wrong")                            \
    EXIT_CODE(EXIT_NOT_FOUND, 3, "no guest is called so")                            \
    EXIT_CODE(EXIT_CONFLICT, 4, "the guest is in a state that does not allow it")    \
    EXIT_CODE(EXIT_TIMEOUT, 7, "it did not happen in time")                          \
    EXIT_CODE(EXIT_PANIC, 10, "the guest's kernel panicked")                         \
    EXIT_CODE(EXIT_TRIPLE_FAULT, 11, "the guest's processor stopped (triple fault)") \
    EXIT_CODE(EXIT_WATCHDOG, 12, "the guest's watchdog fired")                       \
    EXIT_CODE(EXIT_RESET, 13, "the guest rebooted, with --on-reboot exit")

enum exit_code {
#define EXIT_ENUM(name, value, meaning) name = value,
    EXIT_CODES(EXIT_ENUM)
#undef EXIT_ENUM
};

struct exit_text {
    int value;
    const char *meaning;
};

extern const struct exit_text exit_texts[]; /* ends with meaning NULL */

#endif
