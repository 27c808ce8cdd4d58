# SPDX-License-Identifier: GPL-2.0-or-later
# Scripts that become part of the program.
$(O)/obj/image/scripts.o: $(wildcard src/image/*.sh src/image/*.service)
