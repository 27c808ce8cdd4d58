# KVM runs x86-64 guests on x86-64 hosts; elsewhere the engine's place says so.
SKIP += $(if $(filter x86_64,$(HOST_ARCH)),src/native/none.c,$(filter-out src/native/none.c,$(wildcard src/native/*)))
