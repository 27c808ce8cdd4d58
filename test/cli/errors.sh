#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bad command lines and bad kernels: one line with cause and remedy, exit code 2 or 1, nothing left
# behind.
# test-timeout: 120
set -eu
. "$TEST_LIB/boot.sh"

cd "$TEST_TMP"
mkdir empty
cd empty
head -c 100000 /dev/urandom >../noise
: >../nothing
printf 'MZ' >../short

# refused CODES REGEX ARGS...: 12 is 1 or 2
refused() {
    code=$1 regex=$2
    shift 2
    rc=0
    timeout 60 "$QUAD" "$@" >"$out" 2>&1 </dev/null || rc=$?
    echo "quad $*: $rc: $(cat "$out")"
    case $rc in
    [$code]) ;;
    *) die "exit code $rc, wanted one of $code" ;;
    esac
    want "$regex"
    [ "$(wc -l <"$out")" -le 3 ] || die "more than a short message"
    [ -z "$(ls -A .)" ] || die "something was left behind: $(ls -A .)"
}

refused 2 'runn' runn
refused 2 'memory' run --memroy 1G --kernel ../noise
refused 2 'memory' run --memory lots --kernel ../noise
refused 2 'cpus' run --cpus 0 --kernel ../noise
refused 2 'cpus' run --cpus many --kernel ../noise
refused 2 'mode' run --mode fulll --kernel ../noise
refused 2 'engine' run --mode full --engine warp --kernel ../noise
refused 2 'kernel' run --mode full
refused 2 'kernel' run --firmware none --disk ../noise,format=raw
refused 2 'firmware bios and --kernel' run --firmware bios --kernel ../noise
refused 2 'initrd goes with --kernel' run --disk ../noise,format=raw --initrd ../noise
refused 2 'goes with --firmware uefi' run --disk ../noise,format=raw --firmware-vars vars
refused 2 'no display is called' run --disk ../noise,format=raw --display sdl
refused 2 'neither unix:PATH nor HOST:PORT' run --disk ../noise,format=raw --display vnc=here
refused 2 'no virtio CD' run --cdrom ../noise,if=virtio
refused 2 'settings of if=virtio' run --disk ../noise,format=raw,if=ide,queues=2
refused 1 'no-such.iso' run --cdrom no-such.iso
refused 2 'firmware' run --firmware openfirmware --disk ../noise,format=raw
refused 1 'no-such-file' run --mode full --kernel no-such-file
refused 12 'noise' run --mode full --kernel ../noise
refused 12 'nothing' run --mode full --kernel ../nothing
refused 12 'short' run --mode full --kernel ../short
refused 12 '\.\.' run --mode full --kernel ..
