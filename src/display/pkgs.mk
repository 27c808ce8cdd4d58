# SPDX-License-Identifier: GPL-2.0-or-later
# The library itself is loaded when a screen is shown, not with the program.
PKGS_OPTIONAL += libvncserver
