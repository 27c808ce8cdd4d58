#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# The life cycle by the commands: create, start, state, kill, pause, exec, update, list, delete.
set -u
. test/lib/zone.sh
bundle life

ARGS='["/bin/sleep","1000"]'
config
ok q create --pid-file "$TEST_TMP/pid" a
is "$(status a)" created
is "$(cat "$TEST_TMP/pid")" "$(cpid a)" "pid file"
no q create a
want "exists"
no q start nope
want "does not exist"
ok q start a
is "$(status a)" running
no q start a
want "cannot start"
grep -q sleep "/proc/$(cpid a)/cmdline" || die "the program does not run"
no q delete a
want "cannot delete"

ok q exec a /bin/sh -c 'echo "$$ $(id -u) $(hostname)"'
want ' 0 zone'
rc=0
q exec a /bin/sh -c 'exit 7' || rc=$?
ends 7
rc=0
q exec a /bin/sh -c 'kill -9 $$' || rc=$?
ends 137
ok q exec -u 1000:1001 -e X=Y --cwd /tmp a /bin/sh -c 'echo "$(id -u) $(id -g) $X $PWD"'
want '^1000 1001 Y /tmp$'
ok q exec --cap CAP_CHOWN a /bin/grep -E 'Cap(Inh|Eff|Bnd)' /proc/self/status
want 'CapInh:	0000000000000000'
want 'CapEff:	0000000020000421'
no q exec a /nowhere
want '[Nn]o such file'
no q exec a nowhere
want 'executable file not found in \$PATH'
ok q exec -d --pid-file "$TEST_TMP/epid" a /bin/sleep 500
kill -0 "$(cat "$TEST_TMP/epid")" || die "the detached process does not run"
ok q ps --format json a
want "$(cat "$TEST_TMP/epid")"
ok q ps a
want 'sleep 500'
printf '{"args":["/bin/sh","-c","echo from-file $V"],"cwd":"/","env":["V=1"],"user":{"uid":5,"gid":6}}' >p.json
ok q exec --process p.json a
want 'from-file 1'

ok q pause a
is "$(status a)" paused
no q exec a /bin/true
want paused
no q pause a
ok q resume a
is "$(status a)" running
no q resume a

ok q update --pids-limit 77 a
ok q events --stats a
want '"limit":77'
ok q list
want 'a +[0-9]+ +running'
ok q list -q
want '^a$'
ok q list --format json
want '"id":"a"'

ok q kill a TERM
no q kill a NOSUCH
ok q kill a SIGKILL
wait_for stopped a
no q kill a 9
want 'not running'
no q exec a /bin/true
ok q delete a
no q state a
want 'does not exist'
no q delete a
ok q delete --force a
[ -z "$(ls "$state")" ] || die "the state is not empty: $(ls "$state")"

# run: exit status, standard streams
in_c 'exit 42'
ends 42
in_c 'sh -c "kill -9 \$\$"; exit $?'
ends 137
ARGS='["/bin/cat"]'
config
is "$(echo through | q run c)" through
ARGS='["/bin/nothere"]'
config
run n
ends 1
want '[Nn]o such file'
[ -z "$(ls "$state")" ] || die "a failed run leaves $(ls "$state")"

# detach and keep
ARGS='["/bin/sh","-c","exit 3"]'
config
ok q run -d d
wait_for stopped d
ok q delete d
rc=0
q run --keep k || rc=$?
ends 3
is "$(status k)" stopped
ok q delete k

# created, then deleted without ever starting
ARGS='["/bin/sleep","1000"]'
config
ok q create e
pid=$(cpid e)
ok q delete e
[ ! -d "/proc/$pid" ] || grep -q Z "/proc/$pid/stat" || die "the process survives delete"

# a program that cannot be executed: start says why, the container is stopped
printf '#!/nowhere\n' >rootfs/bin/broken
chmod +x rootfs/bin/broken
ARGS='["/bin/broken"]'
config
ok q create f
no q start f
want 'exec'
wait_for stopped f
ok q delete f

# ids
for id in '../x' 'a/b' '' . .. 'a b' 'ä'; do
    no q create "$id"
done
no q --bogus state a
no q delte a
want 'did you mean delete'
ok q features
want '"rsvd|"network"'
ok q --version
want 'spec: 1'
mkdir -p "$TEST_TMP/spec" && ok q spec -b "$TEST_TMP/spec"
no q spec -b "$TEST_TMP/spec"
echo "life: ok"
