/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libFuzzer target: the first byte chooses a device of the registry, the rest drives it.
 */
#include "fuzz/dev_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tape t = {data, size, 1};

    if (size)
        drive(drive_types[data[0] % ARRAY_LEN(drive_types)], &t);
    return 0;
}
