#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# config.json against the specification's schema: in every section each member of a wrong type, and each
# value that is outside of what the specification lists, is refused, and the message names it; nothing
# is left of a container that was refused.
# test-timeout: 120
set -u
. test/lib/zone.sh
bundle schema
n=0
bad() { # NAME: the config.json that is there is refused, naming NAME
    n=$((n + 1))
    rc=0
    q run bad >"$out" 2>&1 </dev/null || rc=$?
    [ "$rc" = 1 ] || die "$1 was accepted (exit status $rc)"
    grep -q -- "$1" "$out" || die "the message does not name $1"
    [ -z "$(q list -q)" ] || die "a container is left after $1"
}
# types SECTION MEMBER TYPE: SECTION is where a further member goes (PROC, LINUX, TOP, RES)
types() {
    for v_ in 5 '"text"' true '[]' '{}' '[5]' 1.5; do
        case $3:$v_ in
        number:5 | string:'"text"' | array:'[]' | object:'{}') continue ;;
        array:'[5]') ;;
        esac
        reset_config
        case $1 in
        PROC) PROC=",\"$2\":$v_" ;;
        LINUX) LINUX=",\"$2\":$v_" ;;
        TOP) TOP=",\"$2\":$v_" ;;
        RES) RES="\"$2\":$v_" ;;
        esac
        config
        bad "$2"
    done
}
reset_config
config
run good
ends 0
for m in rlimits; do types PROC $m array; done
for m in oomScoreAdj; do types PROC $m number; done
for m in apparmorProfile selinuxLabel; do types PROC $m string; done
for m in ioPriority scheduler execCPUAffinity; do types PROC $m object; done
for m in uidMappings gidMappings devices; do types LINUX $m array; done
for m in cgroupsPath rootfsPropagation mountLabel; do types LINUX $m string; done
for m in timeOffsets netDevices sysctl seccomp personality intelRdt memoryPolicy; do types LINUX $m object; done
types TOP domainname string
types TOP hooks object
types TOP annotations object
for m in memory cpu blockIO pids network; do types RES $m object; done
# values
value() { # NAME VAR TEXT
    reset_config
    eval "$2=\$3"
    config
    bad "$1"
}
value RLIMIT_TEST PROC ',"rlimits":[{"type":"RLIMIT_TEST","hard":1,"soft":1}]'
value oomScoreAdj PROC ',"oomScoreAdj":1001'
value IOPRIO_CLASS_X PROC ',"ioPriority":{"class":"IOPRIO_CLASS_X","priority":1}'
value SCHED_X PROC ',"scheduler":{"policy":"SCHED_X"}'
value foo NS '{"type":"foo"},{"type":"mount"}'
value twice NS '{"type":"pid"},{"type":"pid"},{"type":"mount"}'
value uts/nothing NS '{"type":"uts","path":"/proc/self/ns/uts/nothing"},{"type":"mount"}'
value network NS '{"type":"network","path":"/proc/self/ns/uts"},{"type":"mount"},{"type":"pid"},{"type":"uts"}'
value vm.swappiness LINUX ',"sysctl":{"vm.swappiness":"1"}'
value bogus LINUX ',"rootfsPropagation":"bogus"'
value type LINUX ',"devices":[{"path":"/dev/x","type":"q","major":1,"minor":3}]'
value MPOL_X LINUX ',"memoryPolicy":{"mode":"MPOL_X"}'
value LINUX64 LINUX ',"personality":{"domain":"LINUX64"}'
value SCMP_ACT_BAD LINUX ',"seccomp":{"defaultAction":"SCMP_ACT_BAD"}'
value SCMP_CMP_BAD LINUX ',"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"SCMP_CMP_BAD"}]}]}'
value absolute TOP ',"hooks":{"prestart":[{"path":"relative"}]}'
value args ARGS '[]'
value destination MOUNTS ',{"type":"tmpfs","source":"tmpfs"}'
reset_config
config
sed -i 's/"1.0.2"/"2.0.0"/' config.json
bad ociVersion
config
echo '{' >config.json
bad config.json
echo "schema: $n refusals ok"
