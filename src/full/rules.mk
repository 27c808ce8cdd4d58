# The translator is there for x86-64 hosts; elsewhere its place says so.
SKIP += $(if $(filter x86_64,$(HOST_ARCH)),src/full/jit_none/%,src/full/jit/%)
