/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * man: manual pages from the table of commands.
 */
#ifndef QUAD_CLI_MAN_H
#define QUAD_CLI_MAN_H

#include "cli/command.h"

void man_print(const struct command *c, FILE *out); /* quad-COMMAND.1 */
void man_print_all(FILE *out);                      /* quad.1 */

#endif
