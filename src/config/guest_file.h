/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guest_file: a guest's description in YAML 1.2 [YAML]. The keys are the names of the command line's
 * options (guest_options); an option that may be given several times is a value or a sequence; a
 * disk, a CD or a network card is what the command line has, or a mapping of its options:
 *
 *     name: web
 *     memory: 1G
 *     disk:
 *       - root.qcow2
 *       - {file: data.raw, iops: 500}
 *     nic: {net: user, rate: 20M}
 *     forward: ["2222:22"]
 *
 * Paths begin at the file's folder. There are no anchors, aliases and tags. Errors begin with
 * "FILE:LINE:COLUMN: ".
 */
#ifndef QUAD_CONFIG_GUEST_FILE_H
#define QUAD_CONFIG_GUEST_FILE_H

#include <stdio.h>

#include "config/guest_config.h"

/* Into a record that has been initialised; the record owns the strings. */
int guest_file_load(struct guest_config *c, const char *path, struct error *err);
int guest_file_parse(struct guest_config *c, const char *name, const char *text, size_t len,
                     struct error *err);

/* "guest.yaml", "dir/x.yml" */
bool guest_file_name(const char *word);

/* The record as a guest file, without what is default. */
void guest_file_print(const struct guest_config *c, FILE *out);

#endif
