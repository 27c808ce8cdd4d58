# SPDX-License-Identifier: GPL-2.0-or-later
# Archives of root file systems and container images; without them none can be imported. libarchive
# itself is loaded when an archive is opened, not with the program.
PKGS_OPTIONAL += libarchive nettle
