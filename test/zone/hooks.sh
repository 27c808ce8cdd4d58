#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
#
# Hooks: which, when, where, with what; a failing one; a slow one. [OCI config#posix-platform-hooks]
set -u
. test/lib/zone.sh
bundle hooks
log=$TEST_TMP/log
cat >hook.sh <<'E2'
#!/bin/sh
# hook.sh NAME LOG: note the state that comes in and where we are
s=$(cat)
st=$(echo "$s" | sed 's/.*"status":"\([a-z]*\)".*/\1/')
echo "$1 $st $(readlink /proc/self/ns/mnt) env=$V" >>"$2"
E2
chmod +x hook.sh
# startContainer runs inside the container's root
cp hook.sh rootfs/bin/hook.sh
h() { printf '"%s":[{"path":"%s","args":["hook","%s","%s"],"env":["V=%s","PATH=/bin:/usr/bin"]}]' "$1" "$2" "$1" "$3" "$1"; }
TOP=',"hooks":{'"$(h prestart "$b/hook.sh" "$log"),$(h createRuntime "$b/hook.sh" "$log"),$(h createContainer "$b/hook.sh" "$log"),$(h startContainer /bin/hook.sh /log),$(h poststart "$b/hook.sh" "$log"),$(h poststop "$b/hook.sh" "$log")"'}'
ARGS='["/bin/sleep","100"]' config
host=$(readlink /proc/self/ns/mnt)
ok q create a
is "$(cut -d' ' -f1,2 "$log" | tr '\n' ';')" 'prestart creating;createRuntime creating;createContainer created;'
is "$(awk '{print $3}' "$log" | sed -n 1p)" "$host" "prestart is in the runtime's namespace"
[ "$(awk '{print $3}' "$log" | sed -n 3p)" != "$host" ] || die "createContainer is not in the container's namespace"
[ ! -e rootfs/log ] || die "startContainer ran before start"
ok q start a
grep -q '^startContainer created .* env=startContainer' rootfs/log || die "startContainer: $(cat rootfs/log)"
grep -q '^poststart running .*env=poststart' "$log" || die "poststart"
grep -q sleep "/proc/$(cpid a)/cmdline" || die "the program does not run"
ok q delete --force a
grep -q '^poststop stopped' "$log" || die "poststop: $(cat "$log")"
rm -f rootfs/log "$log"
run a2 &
wait_for grep -q poststart "$log"
ok q kill a2 KILL
wait
grep -q '^poststop stopped' "$log" || die "poststop of run"

# a failing hook ends the container, and leaves nothing
for k in prestart createRuntime createContainer startContainer; do
    p=/bin/false
    TOP=',"hooks":{"'$k'":[{"path":"'$p'"}]}' ARGS='["/bin/true"]' config
    run bad
    ends 1 "$k"
    want "error running $k hook #0: /bin/false: $k hook failed with exit code 1"
    [ -z "$(ls "$state")" ] || die "$k leaves $(ls "$state")"
done
TOP=',"hooks":{"poststart":[{"path":"/bin/false"}]}' config
ok q create ps
no q start ps
want 'poststart'
[ -z "$(ls "$state")" ] || die "poststart leaves $(ls "$state")"
TOP=',"hooks":{"poststop":[{"path":"/bin/false"}]}' config
run pstop
ends 0 "a failing poststop hook is only to be told"
want 'poststop'
# time-out, a hook that does not read its input, one that is missing
TOP=',"hooks":{"prestart":[{"path":"/bin/sleep","args":["sleep","100"],"timeout":1}]}' config
run slow
ends 1
want 'no end within 1 s'
TOP=',"hooks":{"prestart":[{"path":"/bin/true"}]},"annotations":{"big":"'$(head -c 100000 /dev/zero | tr '\0' x)'"}' config
run deaf
ends 0
TOP=',"hooks":{"prestart":[{"path":"/no/hook"}]}' config
run none
ends 1
want '/no/hook'
for bad in '{"path":"rel"}' '{"path":"/bin/true","timeout":0}' '{"path":"/bin/true","timeout":-1}' '{"args":["x"]}'; do
    TOP=',"hooks":{"prestart":['$bad']}' config
    run bad
    ends 1 "$bad"
done
echo "hooks: ok"
