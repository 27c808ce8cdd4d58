# SPDX-License-Identifier: GPL-2.0-or-later
PKGS += jansson
# Guest files.
PKGS_OPTIONAL += libfyaml
