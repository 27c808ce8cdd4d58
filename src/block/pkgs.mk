# SPDX-License-Identifier: GPL-2.0-or-later
# Compressed clusters; an image that uses a missing one gives read errors there.
PKGS_OPTIONAL += zlib libzstd
