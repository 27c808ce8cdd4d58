#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A tour of podman on quad-oci: run, exec, -it, volumes, ports, limits, pause, stats, health check,
# pods, user namespaces, kube play. Storage of its own; no registry is asked.
# test-timeout: 600
# test-alone: it publishes ports and measures nothing, but podman's locks are the host's
set -u
. test/lib/zone.sh
command -v podman >/dev/null || skip "podman is missing"
command -v conmon >/dev/null || skip "conmon is missing"
bundle pm
mkdir -p "$TEST_TMP/pr" "$TEST_TMP/pg"
p() {
    podman --root "$TEST_TMP/pg" --runroot "$TEST_TMP/pr" --tmpdir "$TEST_TMP/pt" --cgroup-manager cgroupfs \
        --events-backend file --runtime "$oci" "$@"
}
cleanup_podman() {
    p pod rm -fa >/dev/null 2>&1
    p rm -fa -t 0 >/dev/null 2>&1
    umount "$TEST_TMP"/pg/overlay 2>/dev/null
    cleanup_zone
}
trap cleanup_podman EXIT
tar -C rootfs -c . | p import - localhost/bb >"$out" 2>&1 || skip "podman import: $(tail -n 1 "$out")"
run="run --rm --network none localhost/bb"

p info >"$out" 2>&1
ok p $run echo hello
want '^hello$'
rc=0
p $run sh -c 'exit 23' >"$out" 2>&1 || rc=$?
ends 23
rc=0
p $run nosuchprogram >"$out" 2>&1 || rc=$?
ends 127
rc=0
p $run /etc >"$out" 2>&1 || rc=$?
ends 126
is "$(echo in | p run --rm -i --network none localhost/bb cat)" in
if command -v script >/dev/null; then
    timeout 60 script -qec "podman --root $TEST_TMP/pg --runroot $TEST_TMP/pr --tmpdir $TEST_TMP/pt --cgroup-manager cgroupfs --events-backend file --runtime $oci run --rm -it --network none localhost/bb sh -c 'tty; stty size; echo done'" /dev/null >"$out" 2>&1 </dev/null
    want '/dev/pts/0'
    want done
fi
# environment, user, working directory, read-only, tmpfs, volumes, hostname, caps, ulimit, sysctl
echo vol >vol.txt
ok p run --rm --network none -e A=B -u 1000:1000 -w /tmp -v "$PWD/vol.txt:/v:ro" -v named:/named --tmpfs /t --hostname hh --ulimit nofile=77:77 --read-only localhost/bb \
    sh -c 'echo $A; id -u; pwd; cat /v; touch /v 2>&1; touch /named/x 2>&1; touch /t/x && echo tmpfs; hostname; ulimit -n; touch /x 2>&1; true'
want '^B$'
want '^1000$'
want '^/tmp$'
want '^vol$'
want '/v: (Read-only|Permission)'
want '^hh$'
want '^77$'
want '/x: Read-only'
ok p run --rm --network none --cap-drop all --cap-add chown --security-opt no-new-privileges localhost/bb grep -E 'CapEff|NoNew' /proc/self/status
want 'CapEff:	0000000000000001'
want 'NoNewPrivs:	1'
ok p run --rm --network none --privileged localhost/bb sh -c 'mount -t tmpfs t /tmp && echo mounted'
want mounted
if command -v catatonit >/dev/null || [ -e /usr/libexec/podman/catatonit ]; then
    ok p run --rm --network none --init localhost/bb true
fi
# a long-lived one: exec, logs, pause, stats, update, top, cp, inspect, stop, restart
ok p run -d --name c --network none --memory 64m --pids-limit 50 --cpus 0.5 localhost/bb sh -c 'echo started; trap "exit 5" TERM; while :; do sleep 0.1; done'
ok p exec c sh -c 'echo in; id -u'
want '^in$'
rc=0
p exec -u 99 -w /tmp -e X=1 c sh -c 'exit $(( $(id -u) - 90 ))' >/dev/null 2>&1 || rc=$?
ends 9
rc=0
p exec c nosuch >"$out" 2>&1 || rc=$?
ends 127
ok p exec -d c sleep 100
ok p logs c
want started
ok p pause c
is "$(p inspect -f '{{.State.Status}}' c)" paused
no p exec c true
ok p unpause c
ok p stats --no-stream --format '{{.Name}} {{.PIDs}}' c
want '^c [0-9]'
ok p top c
want sleep
ok p cp vol.txt c:/tmp/copied
ok p exec c cat /tmp/copied
want vol
ok p stop -t 10 c
is "$(p inspect -f '{{.State.ExitCode}}' c)" 5
ok p start c
is "$(p inspect -f '{{.State.Status}}' c)" running
ok p restart -t 1 c
ok p kill c
ok p rm -f c
# health check
ok p run -d --name h --network none --health-cmd 'test -e /tmp/ok' --health-interval disable localhost/bb sh -c 'touch /tmp/ok; sleep 100'
sleep 0.5
ok p healthcheck run h
ok p rm -f -t 0 h
# a published port
if p run -d --name w -p 127.0.0.1:18099:80 localhost/bb sh -c 'mkdir -p /www; echo web >/www/index.html; httpd -f -p 80 -h /www' >"$out" 2>&1; then
    wait_for sh -c 'wget -qO- http://127.0.0.1:18099/ 2>/dev/null | grep -q web || curl -s http://127.0.0.1:18099/ | grep -q web'
    ok p rm -f -t 0 w
else
    echo "note: no bridge network for podman here: $(tail -n 1 "$out" | cut -c1-160)"
fi
# a user namespace of its own
if p run --rm --network none --uidmap 0:100000:5000 localhost/bb sh -c 'cat /proc/self/uid_map; id -u' >"$out" 2>&1; then
    want '100000'
else
    die "user namespace"
fi
# a pod: shared network and ipc; play kube
if p pod create --name pd --infra=false >"$out" 2>&1; then
    ok p run --rm --pod pd --network none localhost/bb echo in-pod
    want in-pod
    ok p pod rm -f pd
fi
cat >kube.yaml <<'Y'
apiVersion: v1
kind: Pod
metadata:
  name: kp
spec:
  hostNetwork: true
  containers:
  - name: one
    image: localhost/bb
    command: ["sleep", "100"]
    resources:
      limits:
        memory: 32Mi
Y
if command -v catatonit >/dev/null || [ -e /usr/libexec/podman/catatonit ]; then
    if p play kube kube.yaml >"$out" 2>&1; then
        ok p exec kp-one true
        ok p play kube --down kube.yaml
    else
        grep -q 'pause\|registry\|pull' "$out" || die "play kube"
        echo "note: play kube needs the pause image: $(tail -n 1 "$out" | cut -c1-120)"
    fi
fi
# podman's default seccomp profile is in force
ok p $run grep Seccomp: /proc/self/status
want 'Seccomp:	2'
echo "podman: ok"
