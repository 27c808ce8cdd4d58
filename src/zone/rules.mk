# The launcher's stub runs before there is a C library: no sanitizer, no stack protector.
FLAGS_zone/launch_stub.o := -fno-sanitize=all -fno-stack-protector
