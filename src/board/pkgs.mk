# SPDX-License-Identifier: GPL-2.0-or-later
# What unpacks kernel payloads on the host; a kernel packed with a missing one unpacks itself.
PKGS_OPTIONAL += liblz4 liblzma lzo2
