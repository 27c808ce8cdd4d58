# SPDX-License-Identifier: GPL-2.0-or-later
# The filter of system calls around a guest.
PKGS_OPTIONAL += libseccomp
# Encrypted moves; the library is loaded when one is made.
PKGS_OPTIONAL += gnutls
