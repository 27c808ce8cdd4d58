# SPDX-License-Identifier: GPL-2.0-or-later
# Compressed memory pages; without it they are sent as they are and compressed ones are refused.
PKGS_OPTIONAL += libzstd
