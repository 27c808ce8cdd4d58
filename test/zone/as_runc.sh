#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test-alone: control groups are the whole host's, and the others make and remove some
# test-long: all that users of runc lean on, section by section
# test-timeout: 600
#
# quad-oci in the place of runc: what runc's users and runc's own tests rely on, section by section
# (the words of messages, exit statuses, state, files). `as_runc.sh NAME...` runs some sections.
set -u
. test/lib/zone.sh
command -v jq >/dev/null || skip "jq is missing"
bundle rc
ln -sf "$oci" "$TEST_TMP/runc"
q() { "$TEST_TMP/runc" --root "$state" "$@"; }
cg=/sys/fs/cgroup
v2only=
[ "$(stat -f -c %T $cg)" = cgroup2fs ] && v2only=1
cgdir() { if [ "$v2only" ]; then echo "$cg/qr$$/$2"; else echo "$cg/$1/qr$$/$2"; fi; }
cgval() { cat "$(cgdir "$1" "$2")/$3"; }
cgis() { is "$(cgval "$1" "$2" "$3")" "$4" "$3"; }
# A bundle as `runc spec` makes one, without a terminal; jqc EXPRESSION changes it.
fresh() {
    for c in $(q list -q); do q delete --force "$c"; done
    rm -f config.json
    q spec || die spec
    jqc '.process.terminal=false | .root.readonly=false | .process.args=["sleep","1000"]'
}
jqc() { jq "$1" config.json >config.new && mv config.new config.json || die "jq $1"; }
place() { jqc ".linux.cgroupsPath=\"/qr$$/$1\""; }
args() { jqc ".process.args=$1"; }
st() { rc=0; "$@" >"$out" 2>&1 </dev/null || rc=$?; }

t_help() {
    for h in -h --help; do
        ok q $h
        [[ $(sed -n 1p "$out") =~ NAME: ]] || die "no NAME"
        [[ $(sed -n 2p "$out") =~ runc' '-' 'Open' 'Container' 'Initiative' 'runtime ]] || die "no title"
    done
    for c in checkpoint delete events exec kill list pause restore resume spec start run state update ps \
        create features; do
        ok q $c -h
        [[ $(sed -n 1p "$out") =~ NAME: ]] || die "no NAME"
        [[ $(sed -n 2p "$out") =~ "runc $c" ]] || die "$c: no title"
    done
    no q foo -h
    want "No help topic for 'foo'"
    ok q -v
    [[ $(sed -n 1p "$out") =~ runc' version '[0-9]+\.[0-9]+\.[0-9]+ ]] || die version
    [[ $(sed -n 2p "$out") =~ commit: ]] || die commit
    [[ $(sed -n 3p "$out") =~ spec:' '[0-9]+\.[0-9]+\.[0-9]+ ]] || die spec
}

t_debug() {
    fresh; args '["true"]'
    ok q --debug run d1
    want 'level=debug'
    want 'child process in init\(\)'
    rm -f log.out
    ok q --log log.out --debug run d1
    never 'level=debug'
    grep -q 'level=debug' log.out || die "no debug log"
    grep -q 'child process in init()' log.out || die "log of the container's process"
    rm -f log.out
    ok q --log log.out --log-format json --debug run d1
    grep -q '"level":"debug"' log.out || die "no json debug log"
    fresh
    ok q run -d d2
    ok q --debug exec d2 true
    want 'level=debug'
    want 'nsexec container setup'
    want 'child process in init\(\)'
    want 'setns_init: about to exec'
    ok q --debug --log log2 exec d2 true
    never 'level=debug'
    grep -q 'setns_init: about to exec' log2 || die "exec's log"
    no q --log-format bogus list
    # an error goes to the log and to standard error, once each
    no q --log log3 state nosuch
    grep -q 'level=error msg="container does not exist' log3 || die "error log: $(cat log3)"
    no q --log log4 --log-format json state nosuch
    jq -e '.level=="error" and (.msg|test("does not exist"))' log4 >/dev/null || die "json: $(cat log4)"
}

t_list() {
    fresh
    for i in 1 2 3; do ok q run -d test_box$i; done
    ok q list
    [[ $(sed -n 1p "$out") =~ ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER ]] || die header
    for i in 1 2 3; do
        [[ $(sed -n $((i + 1))p "$out") == *"test_box$i"*[0-9]*"running"*"$PWD"*[0-9]* ]] || die "line $i"
    done
    is "$(q list -q | tr '\n' ' ')" "test_box1 test_box2 test_box3 "
    ok q list -f json
    grep -Eq '^\[\{"ociVersion":"[0-9.]+","id":"test_box1","pid":[0-9]+,"status":"running","bundle":"[^"]*","rootfs":"[^"]*","created":[^}]*\},.*\]$' "$out" ||
        die json
    no "$TEST_TMP/runc" --root /nonexistent-dir-$$ list
    [ ! -e /nonexistent-dir-$$ ] || die "list makes its root"
    # left-overs of a creation that died are no reason to fail
    mkdir "$state/half"
    ok q list
    rmdir "$state/half"
}

t_state() {
    fresh
    no q state nosuch
    want 'container does not exist'
    jqc '.annotations={"a.b":"c","org.x":"y"}'
    ok q create --pid-file "$TEST_TMP/spid" s1
    ok q state s1
    jq -e '.status=="created" and .pid>0 and .bundle==$b and .annotations["a.b"]=="c" and .rootfs==$b+"/rootfs" and (.created|test("^20")) and .id=="s1"' \
        --arg b "$PWD" "$out" >/dev/null || die state
    is "$(cat "$TEST_TMP/spid")" "$(jq .pid "$out")"
    no q create s1
    want 'exists'
    ok q start s1
    no q start s1
    want 'cannot start'
    ok q pause s1
    is "$(status s1)" paused
    ok q delete --force s1
    ok q delete --force s1
    no q delete s1
}

t_exec() {
    fresh
    ok q run -d e1
    st q exec e1 false; ends 1
    st q exec e1 sh -c 'exit 42'; ends 42
    st q exec --pid-file /non-existent/directory e1 true; ends 255
    st q exec e1 no-such-binary; ends 255
    st q exec no_such_container true; ends 255
    st q exec e1; [ $rc != 0 ] || die "no program"
    ok q exec --pid-file pid.txt e1 echo Hello
    want Hello
    [ "$(cat pid.txt)" != "$(cpid e1)" ] || die "pid file"
    ok q exec --cwd /bin e1 pwd
    want '^/bin$'
    ok q exec --env A_B=true e1 env
    want '^A_B=true$'
    ok q exec --user 1000:1000 e1 id
    want '^uid=1000 gid=1000'
    ok q exec --user 1000 e1 sh -u -c 'echo $HOME'
    want '^/$'
    ok q exec --user 1000:1000 --additional-gids 100 --additional-gids 65534 e1 id -G
    want '^1000 100 65534$'
    ok q exec --user 1000:1000 -g 100 -g 65534 e1 id -G
    want '^1000 100 65534$'
    "$TEST_TMP/runc" --root "$state" exec -d --user 1000:1000 e1 id </dev/null >/dev/null 2>&1
    is "$(stat -c %u:%g /dev/null)" 0:0
    echo hello >pf
    exec 4<pf
    is "$(q exec --preserve-fds=2 e1 cat /proc/self/fd/4 3</dev/null)" hello
    exec 4<&-
    printf '#!/mmnnttbb foo bar\nsh\n' >rootfs/run.sh
    chmod +x rootfs/run.sh
    st q exec e1 /run.sh
    [ $rc != 0 ] || die "bad interpreter"
    is "$(wc -l <"$out")" 1 "one line"
    want 'exec /run.sh: no such file or directory'
    echo 'tempuser:x:2000:2000:tempuser:/home/tempuser:/bin/sh' >>rootfs/etc/passwd
    ok q exec -u 2000 e1 sh -c 'echo $HOME'
    want '^/home/tempuser$'
    sed -i /tempuser/d rootfs/etc/passwd
    # a terminal, and what it says of itself
    is "$(q exec -t e1 sh -c 'for f in 0 1 2; do readlink /proc/self/fd/$f; done' </dev/null | tr -d '\r' | grep -c /dev/pts/)" 3
    ok q pause e1
    st q exec e1 echo ok; ends 255
    want 'cannot exec in a paused container'
    (sleep 0.5; q resume e1) &
    ok q exec --ignore-paused e1 echo ok
    want '^ok$'
    wait
    # umask and the rest of the container's own process hold for further ones
    printf '{"terminal":false,"args":["/bin/true"],"cwd":"/"}' >p.json
    ok q exec --process p.json e1
    ok q exec -p <(echo '{"args":["/bin/sh","-c","echo $X"],"cwd":"/","env":["X=12"]}') e1
    want 12
    no q exec --process /nonexistent e1
    no q exec --cap CAP_NONSENSE e1 true
    ok q kill e1 KILL
    wait_for stopped e1
    st q exec e1 true; ends 255
    want 'cannot exec in a stopped container'
}

t_exec_fifo() {
    fresh
    ok q run -d f1
    mkfifo fifo
    q exec -d --pid-file fp --exec-wait-fifo "$PWD/fifo" f1 sh -c 'echo ran >/marker' </dev/null >/dev/null 2>&1 ||
        die "exec"
    [ -s fp ] || die "no pid file"
    sleep 0.2
    no q exec f1 test -e /marker
    timeout 10 cat fifo >/dev/null
    wait_for q exec f1 test -e /marker
    rm -f rootfs/marker; : >nofifo
    no q exec --exec-wait-fifo "$PWD/nofifo" f1 true
    want 'is not a fifo'
    no q exec --exec-wait-fifo "$PWD/nothere" f1 true
    want 'failed to open exec wait fifo'
}

t_exec_cgroup() {
    [ "$v2only" ] && return
    fresh; place ec
    jqc '.mounts |= map((select(.type=="cgroup")|.options-=["ro"])//.)'
    jqc '.linux.namespaces |= map(select(.type!="cgroup"))'
    ok q run -d c1
    no q exec --cgroup .. c1 cat /proc/self/cgroup
    want 'bad sub cgroup path'
    no q exec --cgroup nonexistent c1 cat /proc/self/cgroup
    want ' adding pid .*no such file or directory'
    no q exec --cgroup cpu:nonexistent c1 cat /proc/self/cgroup
    want ' adding pid .*no such file or directory'
    no q exec --cgroup whaaat:/ c1 true
    want 'unknown controller '
    ok q exec c1 cat /proc/self/cgroup
    cp "$out" all
    ok q exec --cgroup / c1 cat /proc/self/cgroup
    cmp all "$out" || die "--cgroup /"
    ok q exec c1 mkdir -p /sys/fs/cgroup/memory/submem /sys/fs/cgroup/cpu/subcpu /sys/fs/cgroup/cpuacct/subcpu
    ok q exec --cgroup memory:submem --cgroup cpu,cpuacct:subcpu c1 cat /proc/self/cgroup
    want ":memory:/qr$$/ec/submem"
    want ":cpu.*:/qr$$/ec/subcpu"
    ok q delete --force c1
    [ ! -e "$(cgdir memory ec)" ] || die "groups below are left"
}

t_kill() {
    fresh; place k
    ok q run -d k1
    ok q kill k1 KILL
    wait_for stopped k1
    no q kill k1 0
    want 'container not running'
    ok q kill -a k1 0
    ok q kill --all k1 KILL
    ok q delete k1
    # the host's pid namespace: the first process is nothing special
    for init in keep gone; do
        fresh; place k
        jqc '.linux.namespaces |= map(select(.type!="pid"))'
        ok q run -d k2
        first=$(cpid k2)
        for i in 1 2 3; do q exec -d k2 sleep 1h </dev/null >/dev/null 2>&1; done
        pids=$(cgval pids k cgroup.procs)
        is "$(echo $pids | wc -w)" 4
        if [ $init = gone ]; then
            kill -9 "$first"
            wait_for test ! -d "/proc/$first"
        fi
        ok q kill k2 KILL
        wait_for stopped k2
        is "$(cgval pids k cgroup.procs 2>/dev/null)" ""
        ok q delete k2
    done
    for force in "" --force; do
        fresh; place k
        jqc '.linux.namespaces |= map(select(.type!="pid"))'
        ok q run -d k3
        first=$(cpid k3)
        for i in 1 2 3; do q exec -d k3 sleep 1h </dev/null >/dev/null 2>&1; done
        pids=$(cgval pids k cgroup.procs)
        kill -9 "$first"
        wait_for test ! -d "/proc/$first"
        ok q delete $force k3
        no q state k3
        for p in $pids; do wait_for test ! -d "/proc/$p"; done
    done
    no q kill nosuch KILL
}

t_delete() {
    fresh; jqc '.linux.resources.pids={"limit":100}'
    ok q run -d testdelete$$
    [ "$(find $cg -name testdelete$$ 2>/dev/null)" ] || die "no cgroup by its name"
    no q delete testdelete$$
    want 'is not stopped: running'
    ok q kill testdelete$$ KILL
    wait_for stopped testdelete$$
    ok q delete testdelete$$
    is "$(find $cg -name testdelete$$ 2>/dev/null)" ""
    ok q delete --force notexists
    ok q run -d p1
    ok q pause p1
    ok q delete --force p1
    # groups that the container made in its own
    fresh; place del
    jqc '.mounts |= map((select(.type=="cgroup")|.options-=["ro"])//.)'
    ok q run -d d3
    q exec -d d3 sleep 1d </dev/null >/dev/null 2>&1
    if [ "$v2only" ]; then
        ok q exec d3 mkdir /sys/fs/cgroup/foo
    else
        ok q exec d3 sh -c 'p=$(pidof sleep | cut -d" " -f1); for s in memory freezer; do mkdir /sys/fs/cgroup/$s/foo && echo $p >/sys/fs/cgroup/$s/foo/tasks || exit 1; done'
    fi
    ok q delete --force d3
    [ ! -e "$(cgdir memory del)" ] || die "left"
}

t_create() {
    fresh
    ok q create c1
    is "$(status c1)" created
    ok q exec c1 true
    is "$(status c1)" created
    ok q start c1
    is "$(status c1)" running
    ok q delete -f c1
    mkdir -p sub
    (cd sub && ok q create --pid-file pid.txt -b .. c1 && is "$(cat pid.txt)" "$(cpid c1)") || exit 1
    ok q delete -f c1
    jqc '.linux.namespaces |= map(select(.type!="pid"))'
    ok q create c2
    never 'strongly discouraged'
}

t_cgroups() {
    fresh; place one
    ok q run -d ct1
    no q run -d ct2
    want "container's cgroup is not empty"
    no q create ct3
    want "container's cgroup is not empty"
    ok q delete -f ct1
    d=$(cgdir freezer frozen)
    mkdir -p "$d"
    if [ "$v2only" ]; then echo 1 >"$d/cgroup.freeze"; else echo FROZEN >"$d/freezer.state"; fi
    place frozen
    st q run -d ct1; ends 1
    want "container's cgroup unexpectedly frozen"
    st q create ct2; ends 1
    want "container's cgroup unexpectedly frozen"
    rmdir "$d" || die "the frozen group is gone or busy"
    if [ ! "$v2only" ]; then
        fresh; place u
        jqc '.linux.resources.unified={"memory.min":"131072"}'
        no q run -d u1
        want 'invalid configuration'
    fi
    fresh; place pids
    jqc '.linux.resources.pids={"limit":0}'
    ok q run -d z
    cgis pids pids pids.max 1
    ok q delete -f z
    fresh; place pids
    q run --keep -b . pk >/dev/null 2>&1 &
    wait_for eval '[ "$(status pk)" = running ]'
    ok q kill pk KILL
    wait
    is "$(status pk)" stopped
    cgis pids pids pids.max max
    ok q delete pk
    # the same group for exec, on hybrid hosts too
    fresh; place hy
    ok q run -d --pid-file hp hy
    is "$(q exec hy cat /proc/self/cgroup | tail -n 1)" "$(q exec hy cat /proc/1/cgroup | tail -n 1)"
}

t_update() {
    fresh; place up
    jqc '.linux.resources.memory={"limit":33554432,"reservation":25165824} | .linux.resources.cpu={"shares":100,"quota":500000,"period":1000000} | .linux.resources.pids={"limit":20}'
    if [ "$v2only" ]; then
        L=memory.max R=memory.low S=memory.swap.max U=max
    else
        L=memory.limit_in_bytes R=memory.soft_limit_in_bytes S=memory.memsw.limit_in_bytes
        U=$(cat $cg/memory/$L)
    fi
    ok q run -d u
    cgis memory up $L 33554432
    cgis memory up $R 25165824
    cgis pids up pids.max 20
    if [ "$(nproc)" -gt 1 ] && { [ "$v2only" ] || [ -d $cg/cpuset ]; }; then
        ok q update u --cpuset-cpus 1
        cgis cpuset up cpuset.cpus 1
    fi
    ok q update u --memory 67108864
    cgis memory up $L 67108864
    ok q update u --memory 50M
    cgis memory up $L 52428800
    ok q update u --memory-reservation 33554432
    cgis memory up $R 33554432
    if [ -e "$(cgdir memory up)/$S" ]; then
        ok q update u --memory-swap -1
        cgis memory up $S $U
        ok q update u --memory 52428800 --memory-swap 96468992
        if [ "$v2only" ]; then cgis memory up $S $((96468992 - 52428800)); else cgis memory up $S 96468992; fi
    fi
    ok q update u --memory -1
    cgis memory up $L $U
    [ -e "$(cgdir memory up)/$S" ] && cgis memory up $S $U
    ok q update u --pids-limit 10
    cgis pids up pids.max 10
    ok q update u --pids-limit -1
    cgis pids up pids.max max
    echo '{"memory":{"limit":33554432,"reservation":25165824},"cpu":{"shares":100,"quota":500000,"period":1000000,"cpus":"0"},"pids":{"limit":20}}' >r.json
    q update -r - u <r.json || die "update -r -"
    cgis memory up $L 33554432
    cgis pids up pids.max 20
    cgis cpuset up cpuset.cpus 0
    ok q update u --cpu-period 900000 --cpu-quota 600000 --cpu-share 200 --memory 67108864 --memory-reservation 33554432 --pids-limit 10
    cgis memory up $L 67108864
    ok q update -r r.json u
    cgis memory up $L 33554432
    if [ -e "$(cgdir memory up)/$S" ]; then
        ok q update u --memory 30M --memory-swap 50M
        cgis memory up $L $((30 << 20))
        ok q update u --memory 60M --memory-swap 80M
        cgis memory up $L $((60 << 20))
    fi
    if [ ! "$v2only" ]; then
        quota() { is "$(cgval cpu up cpu.cfs_quota_us) $(cgval cpu up cpu.cfs_period_us)" "$*"; }
        quota 500000 1000000
        ok q update u --cpu-period 900000; quota 500000 900000
        ok q update u --cpu-quota 600000; quota 600000 900000
        ok q update u --cpu-quota -1; quota -1 900000
        ok q update u --cpu-share 200
        cgis cpu up cpu.shares 200
        ok q update u --cpu-quota -1 --cpu-period 100000; quota -1 100000
        if [ -e "$(cgdir cpu up)/cpu.cfs_burst_us" ]; then
            ok q update u --cpu-period 900000 --cpu-quota 600000
            ok q update u --cpu-period 900000 --cpu-burst 500000
            cgis cpu up cpu.cfs_burst_us 500000
            ok q update u --cpu-period 900000 --cpu-burst 0
            cgis cpu up cpu.cfs_burst_us 0
        fi
        if [ -e "$(cgdir cpu up)/cpu.idle" ]; then
            for v in 1 0 1; do ok q update --cpu-idle $v u; cgis cpu up cpu.idle $v; done
            for v in -1 2 3; do no q update --cpu-idle $v u; cgis cpu up cpu.idle 1; done
            ok q update --cpu-period 10000 u
            cgis cpu up cpu.idle 1
        fi
        echo '{"CPU":{"Cpus":"1"}}' >r.json
        [ "$(nproc)" -gt 1 ] && { ok q update -r r.json u; cgis cpuset up cpuset.cpus 1; }
    fi
    echo '{"memory":{"limit":1024,"checkBeforeUpdate":true}}' >r.json
    no q update -r r.json u
    want 'rejecting memory limit'
    echo '{"memory":{"limit":1024,"swap":2048,"checkBeforeUpdate":true}}' >r.json
    no q update -r r.json u
    want 'rejecting memory'
    is "$(status u)" running
    ok q pause u
    ok q update --pids-limit 30 u
    is "$(status u)" paused
    ok q resume u
    for n in $(seq 30); do q update --pids-limit $n u >/dev/null 2>&1 || die "update $n"; done
    ok q delete -f u
    for c in '{"period":100}'; do
        fresh; place up; jqc ".linux.resources.cpu=$c"
        st q run -d u; ends 1
    done
    fresh; place up; jqc '.linux.resources.cpu={"quota":5000}'
    ok q run -d u
    [ "$v2only" ] || quota 5000 100000
    ok q delete -f u
    [ "$v2only" ] && return
    # a parent that limits: a larger share is refused, a smaller one by a shorter period is taken
    mkdir -p $cg/cpu/qr$$/pod
    echo 50000 >$cg/cpu/qr$$/pod/cpu.cfs_quota_us
    fresh; place pod/ct; jqc '.linux.resources.cpu={}'
    ok q run -d u
    st q update --cpu-quota 60000 u; ends 1
    ok q update --cpu-period 10000 --cpu-quota 3000 u
    is "$(cat $cg/cpu/qr$$/pod/ct/cpu.cfs_quota_us)" 3000
}

t_update_devices() {
    [ "$v2only" ] && return
    fresh; place dev
    args '["sh","-c","while :; do echo >/dev/null || exit 7; done"]'
    ok q run -d ud
    for i in $(seq 12); do ok q update --pids-limit 30 ud; done
    is "$(status ud)" running
}

t_events() {
    fresh; place ev
    ok q run -d test_ev
    ok q events --stats test_ev
    [[ $(sed -n 1p "$out") == '{"type":"stats","id":"test_ev",'*data* ]] || die line
    jq -e '.data.cpu.usage.total>=0 and .data.memory.usage.usage>=0 and .data.pids.current>0' "$out" >/dev/null || die shape
    q events --interval 100ms test_ev >ev.log 2>&1 &
    wait_for grep -q test_ev ev.log
    ok q delete -f test_ev
    wait
    fresh; place ev
    jqc '.linux.resources.memory={"limit":33554432,"swap":33554432}'
    [ "$v2only" ] || [ -e $cg/memory/memory.memsw.limit_in_bytes ] || return 0
    ok q run -d test_oom
    q events test_oom >ev.log 2>&1 &
    wait_for grep -q test_oom ev.log
    q exec -d test_oom sh -c 'test=$(dd if=/dev/urandom ibs=5120k)' </dev/null >/dev/null 2>&1
    for i in $(seq 100); do grep -q '"oom"' ev.log && break; sleep 0.1; done
    ok q delete -f test_oom
    wait
    grep -q '{"type":"oom","id":"test_oom"}' ev.log || die "no oom event: $(tail -n 1 ev.log)"
}

t_ps() {
    fresh; place ps
    ok q run -d p1
    ok q ps p1
    want 'UID +PID +PPID +C +STIME +TTY +TIME +CMD'
    ok q ps -f json p1
    grep -Eq '^\[[0-9]+\]$' "$out" || die json
    ok q ps p1 -e -x
    want ' +PID +TTY +STAT +TIME +COMMAND'
    ok q kill p1 KILL
    wait_for stopped p1
    ok q ps p1
}

t_hooks() {
    fresh
    jqc '.hooks={"createRuntime":[{"path":"/bin/true"},{"path":"/bin/false"}]}'
    no q create h
    want 'error running createRuntime hook #1:'
    for h in prestart createRuntime createContainer startContainer poststart; do
        fresh; args '["/bin/echo","Hello"]'
        jqc ".hooks={\"$h\":[{\"path\":\"/bin/true\"},{\"path\":\"/bin/false\"}]}"
        no q run h
        want "error running $h hook #1:"
    done
    fresh; args '["true"]'
    printf '#!/bin/sh -ue\ntest $ONE = two\ntest $FOO = bar\necho $HOME\n' >rootfs/env.sh
    chmod +x rootfs/env.sh
    jqc '.process.env=["ONE=two","FOO=bar"] | .hooks={"startContainer":[{"path":"/env.sh"}]}'
    ok q run h
    jqc '.hooks={"startContainer":[{"path":"/bin/busybox","args":["cat","/nosuchfile"]}]}'
    no q run h
    want "cat: can't open .*/nosuchfile"
    fresh; args '["true"]'
    jqc '.hooks={"startContainer":[{"path":"/bin/sh","args":["sh","-c","mkdir /dev/shm/foo"]}]} | .process.rlimits=[{"type":"RLIMIT_CORE","soft":0,"hard":0}] |
        .linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"],"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL"}]}'
    no q run h
    want 'error running startContainer hook'
    want 'bad system call'
    # poststop runs also where a runtime hook failed
    fresh
    jqc ".hooks={\"createRuntime\":[{\"path\":\"/bin/false\"}],\"poststop\":[{\"path\":\"/bin/touch\",\"args\":[\"touch\",\"$PWD/stopped\"]}]}"
    no q create h
    [ -e stopped ] || die "no poststop"
    # a hook may mount in the container by its pid
    if command -v nsenter >/dev/null; then
        fresh; args '["cat","/made/by-hook"]'
        mkdir -p rootfs/made src && echo from-hook >src/by-hook
        jqc ".hooks={\"createRuntime\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"nsenter -m -t \$(jq .pid) mount --bind $PWD/src $PWD/rootfs/made\"],\"env\":[\"PATH=$PATH\"]}]}"
        ok q run h
        want from-hook
    fi
}

t_caps() {
    fresh; args '["cat","/proc/self/status"]'
    ok q run c
    want 'CapInh:	0000000000000000'
    want 'NoNewPrivs:	1'
    jqc '.process.user={"uid":0} | .process.capabilities={"bounding":["CAP_SYS_ADMIN"],"permitted":["CAP_SYS_ADMIN","CAP_AUDIT_WRITE","CAP_KILL","CAP_NET_BIND_SERVICE"]}'
    ok q run c
    want 'CapBnd:	0000000000200000'
    want 'CapEff:	0000000000200000'
    want 'CapPrm:	0000000000200000'
    fresh; jqc '.process.capabilities={}'
    ok q run -d c
    ok q exec c cat /proc/self/status
    for s in Inh Prm Eff Bnd Amb; do want "Cap$s:	0000000000000000"; done
    ok q exec --cap CAP_KILL --cap CAP_AUDIT_WRITE c cat /proc/self/status
    want 'CapInh:	0000000000000000'
    for s in Prm Eff Bnd; do want "Cap$s:	0000000020000020"; done
    want 'CapAmb:	0000000000000000'
    fresh
    jqc '.process.capabilities={"inheritable":["CAP_CHOWN","CAP_SYSLOG"],"permitted":["CAP_KILL","CAP_CHOWN"],"effective":["CAP_KILL"],"bounding":["CAP_KILL","CAP_CHOWN","CAP_SYSLOG"],"ambient":["CAP_CHOWN"]}'
    ok q run -d c
    ok q exec c cat /proc/self/status
    want 'CapInh:	0000000400000001'
    want 'CapPrm:	0000000000000021'
    want 'CapEff:	0000000000000021'
    want 'CapBnd:	0000000400000021'
    want 'CapAmb:	0000000000000001'
    ok q exec --cap CAP_SYSLOG c cat /proc/self/status
    want 'CapPrm:	0000000400000021'
    want 'CapAmb:	0000000400000001'
    fresh; args '["cat","/proc/self/status"]'
    jqc '.process.capabilities.inheritable=["CAP_KILL"] | .process.capabilities.ambient=["CAP_KILL","CAP_CHOWN"]'
    ok q run c
    want "can't raise ambient capability CAP_CHOWN: "
    want 'CapAmb:	0000000000000020'
    jqc '.process.capabilities.bounding=["CAP_UNKNOWN","UNKNOWN_CAP"]'
    ok q run c
}

t_env() {
    fresh; args '["sh","-c","echo $HOME"]'; jqc '.process.env+=["HOME=/override"]'
    is "$(q run c)" /override
    fresh; args '["sh","-c","echo $HOME"]'; jqc '.process.env+=["HOME="]'
    is "$(q run c)" /root
    fresh; args '["sh","-c","echo $HOME"]'; jqc '.process.env+=["HOME=/x","HOME="]'
    is "$(q run c)" /root
    fresh; args '["env"]'; jqc '.process.env=["HOME=","PATH=/usr/bin:/bin"]'
    is "$(q run c | wc -w)" 2
    fresh; args '["env"]'; jqc '.process.env=["ONE=two","ONE=","PATH=/usr/bin:/bin"]'
    is "$(q run c | wc -w)" 3
    fresh; args '["sh","-c","echo ONE=$ONE"]'; jqc '.process.env+=["ONE=two","ONE=three"]'
    is "$(q run c)" ONE=three
    fresh; args '["env"]'; jqc '.process.env=["NL=\n","PATH=/usr/bin:/bin"]'
    is "$(q run c | wc -l)" 4
}

t_run() {
    fresh; args '["echo","Hello World"]'
    ok q run r
    no q state r
    no q run --preserve-fds=1 r 3<&-
    want 'preserved-fd'
    ok q run --keep r
    is "$(status r)" stopped
    no q run --keep r
    ok q delete r
    fresh; jqc '.hostname="myhostname" | .domainname="mydomainname"'
    ok q run -d r
    is "$(q exec r hostname)" myhostname
    is "$(q exec r cat /proc/sys/kernel/domainname)" mydomainname
    fresh; printf '#!/mmnnttbb foo bar\nsh\n' >rootfs/run.sh; chmod +x rootfs/run.sh
    args '["/run.sh"]'
    st q run r
    [ $rc != 0 ] || die "it runs"
    is "$(wc -l <"$out")" 1
    want 'exec .*/run.sh.*[Nn]o such file or directory'
    fresh
    chmod 'a=rwx,ug+s,+t' rootfs/tmp
    args '["stat","-c","%A","/tmp"]'
    jqc '.mounts+=[{"destination":"/tmp","type":"tmpfs","source":"tmpfs","options":["noexec","nosuid","nodev","rprivate"]}]'
    is "$(q run r)" "$(stat -c %A rootfs/tmp)"
    chmod 1777 rootfs/tmp; chmod ug-s rootfs/tmp
    fresh; args '["stat","-c","%a","/tmp/test"]'
    jqc '.mounts+=[{"destination":"/tmp/test","type":"tmpfs","source":"tmpfs","options":["mode=0444"]}]'
    is "$(q run r)" 444
    is "$(q run r)" 444
    jqc '.mounts[-1].options=[]'
    chmod 0710 rootfs/tmp/test
    is "$(q run r)" 710
    jqc '.mounts[-1].options=["mode=0410"]'
    is "$(q run r)" 410
    cp config.json rootfs/; (cd rootfs && jq '.root.path="." | .process.args=["true"]|.mounts|=map(select(.destination!="/tmp/test"))' config.json >c2 && mv c2 config.json && ok q run r) || exit 1
    rm -f rootfs/config.json
    fresh; jqc '.process.user.umask=63'
    ok q run -d r
    ok q exec r grep '^Umask:' /proc/1/status
    want 77
    # namespaces of another container
    fresh
    jqc '.linux.namespaces+=[{"type":"user"},{"type":"time"}] | .linux.uidMappings=[{"containerID":0,"hostID":100000,"size":100}] | .linux.gidMappings=[{"containerID":0,"hostID":200000,"size":200}] | .linux.timeOffsets={"monotonic":{"secs":7881,"nanosecs":2718281},"boottime":{"secs":1337,"nanosecs":3141519}}'
    chown -R 100000:200000 rootfs
    chmod 755 "$TEST_TMP" .
    jqc 'del(.mounts[]|select(.destination=="/dev/mqueue"))'
    ok q run -d target
    p=$(cpid target)
    jqc ".linux.namespaces|=map(if .type==\"mount\" then . else .path=\"/proc/$p/ns/\"+({\"network\":\"net\"}[.type]//.type) end) | .linux|=(del(.uidMappings)|del(.gidMappings)|del(.timeOffsets))"
    ok q run -d attached
    is "$(q exec attached ps | grep -c 'sleep 1000')" 2
    q exec attached cat /proc/self/uid_map | grep -Eq '^ +0 +100000 +100$' || die uid_map
    q exec attached cat /proc/self/timens_offsets | grep -Eq '^monotonic +7881 +2718281$' || die offsets
    ok q delete -f attached
    ok q delete -f target
    chown -R 0:0 rootfs
}

t_mounts() {
    bindm() { jqc ".mounts+=[{\"source\":\"$1\",\"destination\":\"$2\",\"options\":[\"bind\"]}]"; }
    fresh; mkdir -p rootfs/dir1/dir2; chmod 777 rootfs/dir1/dir2
    jqc '.mounts+=[{"source":"tmpfs","destination":"/dir1","type":"tmpfs","options":["tmpcopyup"]}]'
    args '["stat","-c","%A","/dir1/dir2"]'
    is "$(q run m)" drwxrwxrwx
    fresh; bindm . /tmp/bind; args '["ls","/tmp/bind/config.json"]'
    is "$(q run m)" /tmp/bind/config.json
    fresh; jqc '.mounts|=map((select(.destination=="/dev")|.options+=["ro"])//.)'
    args '["grep","^tmpfs /dev ","/proc/mounts"]'
    ok q run m
    want 'ro,'
    fresh; mkdir -p rootfs/real/conf; ln -sfn /real/conf rootfs/conf; args '["true"]'
    jqc '.mounts+=[{"type":"tmpfs","source":"tmpfs","destination":"/conf/stack","options":["ro","nodev","nosuid"]}]'
    ok q run m
    fresh; rmdir rootfs/proc; mkdir -p rootfs/bad-proc; ln -sf /bad-proc rootfs/proc
    no q run m
    want 'must be mounted on ordinary directory'
    rm -f rootfs/proc; mkdir rootfs/proc
    fresh; rm -rf rootfs/setgid; mkdir rootfs/setgid; chmod '=7755' rootfs/setgid; args '["true"]'
    jqc '.mounts+=[{"type":"tmpfs","source":"tmpfs","destination":"/setgid/a/b/c","options":["ro"]}]'
    ok q run m
    is "$(stat -c %a rootfs/setgid rootfs/setgid/a rootfs/setgid/a/b rootfs/setgid/a/b/c | tr '\n' ' ')" '7755 2755 2755 2755 '
    fresh; rm -rf rootfs/tmpfs; mkdir rootfs/tmpfs; chmod 0710 rootfs/tmpfs
    jqc '.mounts+=[{"type":"tmpfs","source":"tmpfs","destination":"/tmpfs","options":["rw","nodev","nosuid"]}]'
    args '["sh","-c","stat -c %a /tmpfs; grep \" /tmpfs \" /proc/mounts"]'
    ok q run m
    want '^710$'
    want 'mode=710'
    jqc '.mounts[-1].options+=["mode=1500"]'
    ok q run m
    want '^1500$'
    is "$(stat -c %a rootfs/tmpfs)" 710
    fresh; rm -rf rootfs/non-existent
    jqc '.mounts+=[{"type":"tmpfs","source":"tmpfs","destination":"/non-existent/foo/bar","options":["rw","nodev","nosuid"]}]'
    args '["sh","-c","stat -c %a /non-existent/foo/bar; grep \" /non-existent/foo/bar \" /proc/mounts"]'
    ok q run m
    want '^1777$'
    never 'mode='
    is "$(stat -c %a rootfs/non-existent rootfs/non-existent/foo rootfs/non-existent/foo/bar | tr '\n' ' ')" '755 755 755 '
    for ns in del add; do
        fresh
        [ $ns = del ] && jqc '.linux.namespaces|=map(select(.type!="cgroup"))'
        args '["sh","-euc","for f in $(grep /sys/fs/cgroup /proc/mounts | awk \"{print \\$2}\" | uniq); do test -e $f && grep -w $f /proc/mounts | tail -n 1; done"]'
        ok q run m
        [ -s "$out" ] || die "no cgroup mount"
        ! grep -v 'ro,' "$out" || die "not read-only"
    done
    # sources that are mounts of this container made before
    for idmap in '' idmap; do for userns in '' userns; do
        [ "$idmap$userns" != idmapuserns ] || continue # mapping what is made inside needs the host's rights
        fresh
        rm -rf rootfs/mnt rootfs/final bind-src; mkdir -p rootfs/mnt rootfs/final
        for s in a/x b/y c/z; do mkdir -p bind-src/$s; echo $s >bind-src/$s/file; ln -s ${s%/*} bind-src/sym-${s%/*}; done
        if [ "$userns" ]; then
            jqc '.linux.namespaces+=[{"type":"user"}] | .linux.uidMappings=[{"containerID":0,"hostID":100000,"size":65536}] | .linux.gidMappings=.linux.uidMappings'
            chown -R 100000:100000 rootfs
            chmod 755 "$TEST_TMP" .
        fi
        chmod o-rwx bind-src
        maps=
        [ "$idmap" ] && maps=',"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],"gidMappings":[{"containerID":0,"hostID":100000,"size":65536}]'
        b1() { jqc ".mounts+=[{\"source\":\"$1\",\"destination\":\"$2\",\"type\":\"bind\"${4:-},\"options\":[\"$3\",\"rprivate\"]}]"; }
        b1 "$PWD/bind-src/a" /mnt bind
        b1 "$PWD/bind-src/sym-b" /mnt/x bind
        b1 "$PWD/bind-src/c" /mnt/x/y bind
        b1 "$PWD/bind-src/sym-a" /mnt/x/y/z bind
        b1 "$PWD/rootfs/mnt/x" "$PWD/rootfs/mnt/x/y/z/x" rbind "$maps"
        b1 "$PWD/rootfs/mnt/x/y" "$PWD/rootfs/mnt/x/y/z" rbind "$maps"
        b1 "$PWD/rootfs/mnt" "$PWD/rootfs/final" rbind "$maps"
        args '["cat","/final/x/y/z/z/x/y/z/x/file"]'
        st q run m
        if [ "$idmap" ] && grep -q 'not every file system can' "$out"; then continue; fi
        ends 0 "mount order $idmap $userns"
        want a/x
        chown -R 0:0 rootfs
    done; done
    # destinations through links that lead nowhere yet
    fresh; rm -rf rootfs/jump rootfs/etc/hosts rootfs/tmp/foo rootfs/tmp/hosts
    ln -s /tmp/foo/bar rootfs/jump; ln -s /jump/baz/hosts rootfs/etc/hosts
    bindm ./config.json /etc/hosts; args '["grep","-c","/tmp/foo/bar/baz/hosts","/proc/self/mounts"]'
    is "$(q run m)" 1 "dangling component"
    fresh; rm -rf rootfs/etc/hosts; ln -s /tmp/hosts rootfs/etc/hosts
    bindm ./config.json /etc/hosts; args '["grep","-c","/tmp/hosts","/proc/self/mounts"]'
    is "$(q run m)" 1 "dangling end"
    rm -rf rootfs/tmp/hosts
    fresh; bindm . /etc/hosts; args '["grep","-c","/tmp/hosts","/proc/self/mounts"]'
    is "$(q run m)" 1 "dangling end, directory"
    rm -rf rootfs/etc/hosts rootfs/tmp/hosts rootfs/jump
}

t_mounts_recursive() {
    fresh
    mkdir -p vol; mount -t tmpfs none vol; mkdir vol/sub; mount -t tmpfs none vol/sub; echo a >vol/foo
    jqc ".mounts+=[{source:\"$PWD/vol\",destination:\"/m1\",options:[\"rbind\",\"ro\"]},{source:\"$PWD/vol\",destination:\"/m2\",options:[\"rbind\",\"rro\"]},{source:\"$PWD/vol\",destination:\"/m3\",options:[\"rbind\",\"ro\",\"rro\"]}]"
    for w in ratime rnoatime rstrictatime rnostrictatime rrelatime rnorelatime; do
        jqc ".mounts+=[{source:\"$PWD/vol\",destination:\"/$w\",options:[\"rbind\",\"$w\"]}]"
    done
    st q run -d m
    [ $rc = 0 ] || { umount -R vol; die run; }
    umount -R vol
    no q exec m touch /m1/foo
    ok q exec m touch /m1/sub/x
    no q exec m touch /m2/foo
    no q exec m touch /m2/sub/x
    no q exec m touch /m3/foo
    no q exec m touch /m3/sub/x
    opts() { q exec m awk -v p="$1" '$2==p{print $4}' /proc/self/mounts; }
    for d in '' /sub; do
        for w in ratime rnostrictatime rrelatime rnorelatime; do
            [[ $(opts /$w$d) == rw,relatime* ]] || die "$w$d: $(opts /$w$d)"
        done
        [[ $(opts /rnoatime$d) == rw,noatime* ]] || die "rnoatime: $(opts /rnoatime$d)"
        [[ $(opts /rstrictatime$d) != *atime* ]] || die "rstrictatime: $(opts /rstrictatime$d)"
    done
}

t_bind_flags() {
    mkdir -p bv
    mount -t tmpfs -o rw,suid,dev,exec,strictatime tmpfs bv || return
    chmod 755 "$TEST_TMP" .
    flags() { # HOST BIND [userns]: run and leave the options in $got; fails with run
        fresh
        umount bv
        mount -t tmpfs -o rw,suid,dev,exec,strictatime tmpfs bv
        mount --bind -o "remount,$1" bv
        args '["awk","$2==\"/mnt\"{print $4}","/proc/self/mounts"]'
        jqc ".mounts+=[{source:\"$PWD/bv\",destination:\"/mnt\",type:\"bind\",options:$(jq -cRM 'split(",")' <<<"$2")}]"
        [ "${3:-}" ] && jqc '.linux.namespaces+=[{"type":"user"}] | .linux.uidMappings=[{"containerID":0,"hostID":100000,"size":65534}] | .linux.gidMappings=.linux.uidMappings'
        mkdir -p rootfs/mnt
        st q run bf
        got=,$(cat "$out"),
        return $rc
    }
    has() { for w in "$@"; do [[ $got == *,$w,* ]] || die "no $w in $got (${FUNCNAME[1]})"; done; }
    hasnt() { for w in "$@"; do [[ $got != *,$w,* ]] || die "$w in $got"; done; }
    bad() { flags "$1" "$2" u && die "locked flags were changed: $1 by $2"; want 'error mounting.*operation not permitted' "$1 $2"; }
    r=0
    (
        for u in '' u; do
            flags ro,noexec,nosymfollow,nodiratime bind $u || die run
            has ro noexec nosymfollow nodiratime
        done
        flags ro,noexec,nosymfollow,nodiratime bind,dev || die run
        has rw nodiratime; hasnt ro noexec nosymfollow
        flags ro,noexec,nosymfollow,nodiratime bind,dev u || die run
        has ro noexec nodiratime; hasnt rw nosymfollow
        flags ro bind,nosuid,nodev,rprivate || die run
        has rw nosuid nodev; hasnt ro
        flags ro bind,nosuid,nodev,rprivate u || die run
        has ro nosuid nodev
        flags ro bind,rw,nosuid,nodev,rprivate || die run
        has rw nosuid nodev; hasnt ro
        bad ro bind,rw,nosuid,nodev,rprivate
        flags nosuid,nodev,noexec,noatime bind,dev,suid,exec,atime || die run
        has rw noatime; hasnt ro nosuid nodev noexec
        bad nodev,nosuid,noatime bind,dev,suid,exec,atime
        flags rw,nodev,nosuid,noexec,noatime bind,ro || die run
        has ro; hasnt nosuid nodev noexec
        flags rw,nodev,nosuid,noexec,noatime bind,ro u || die run
        has ro nosuid nodev noexec
        flags rw,nodev,nosymfollow bind,ro,symfollow || die run
        has ro; hasnt nodev nosymfollow
        flags rw,nodev,nosymfollow bind,ro,symfollow u || die run
        has ro nodev; hasnt nosymfollow
        flags rw,nodev,nosymfollow bind,rw u || die run
        has rw nodev; hasnt nosymfollow
        flags nodev,nosuid,noatime bind,ro,exec || die run
        has ro noatime; hasnt noexec nosuid nodev
        flags nodev,nosuid,noatime bind,ro,exec u || die run
        has ro nosuid nodev noatime
        for b in bind bind,norelatime bind,atime; do flags noatime $b || die run; has noatime; hasnt relatime; done
        flags noatime bind,relatime || die run; has relatime; hasnt noatime
        flags noatime bind,nodiratime || die run; has nodiratime relatime; hasnt noatime
        flags nodiratime bind,strictatime || die run; hasnt noatime relatime nodiratime
        flags noatime bind,nodiratime,strictatime || die run; has nodiratime; hasnt noatime relatime
        flags noatime bind,nodiratime,norelatime || die run; has nodiratime relatime; hasnt noatime
        flags strictatime bind u || die run; hasnt noatime relatime nodiratime
        flags relatime bind u || die run; has relatime
        flags noatime,nodiratime bind,norelatime u || die run; has noatime nodiratime
        bad relatime bind,strictatime
        bad noatime bind,strictatime
        bad relatime bind,noatime
    ) || r=1
    umount bv
    return $r
}

t_mask() {
    fresh; rm -rf rootfs/td rootfs/td2 rootfs/td3; mkdir rootfs/td rootfs/td2 rootfs/td3; echo F >rootfs/tf
    jqc '.linux.maskedPaths+=["/td","/td2","/td3","/tf"]'
    ok q run -d m
    is "$(q exec m cat /tf)" ""
    st q exec m rm -f /tf; ends 1; want 'Read-only file system|Device or resource busy|Resource busy'
    st q exec m touch /td/foo; ends 1; want 'Read-only file system'
    st q exec m umount /td; ends 1; want 'not permitted'
    is "$(q exec m stat -c %d /td /td2 /td3 | sort -u | wc -l)" 1
    st q exec m touch /td2/foo; ends 1
    fresh; jqc '.linux.maskedPaths+=["/td"] | .root.readonly=true'
    ok q run -d m
    is "$(q exec m ls /td)" ""
}

t_misc() {
    # scheduling, priorities, personality, memory policy, time
    fresh; jqc '.process.scheduler={"policy":"SCHED_BATCH","nice":19}'
    ok q run -d s
    is "$(q exec s sh -c 'cut -d" " -f41 /proc/1/stat; cut -d" " -f41 /proc/self/stat' | tr '\n' ' ')" '3 3 '
    if [ -d $cg/cpuset ]; then
        fresh; jqc '.linux.resources.cpu={"cpus":"0"} | .process.scheduler={"policy":"SCHED_DEADLINE","nice":19,"runtime":42000,"deadline":1000000,"period":1000000}'
        st q run -d s2; ends 1
        want "process scheduler can't be used together with AllowedCPUs|SCHED_DEADLINE"
    fi
    fresh; jqc '.process.ioPriority={"class":"IOPRIO_CLASS_BE","priority":4}'
    ok q run -d io
    ok q exec io ionice -p 1
    want 'best-effort: prio 4'
    ok q exec io sh -c 'ionice -p $$'
    want 'best-effort: prio 4'
    echo '{"ioPriority":{"class":"IOPRIO_CLASS_IDLE"},"args":["/bin/sh","-c","ionice -p $$"],"cwd":"/"}' >p.json
    ok q exec --process p.json io
    want idle
    fresh; jqc '.linux.personality={"domain":"LINUX32","flags":[]}'
    ok q run -d pe
    ok q exec pe uname -m
    want i686
    fresh; jqc '.linux.personality={"domain":"LINUX"} | .linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO"}]}'
    ok q run -d pe2
    ok q exec pe2 uname -m
    mp() { fresh; args '["sh","-c","head -n 1 /proc/self/numa_maps | cut -d \" \" -f 2"]'; jqc ".linux.memoryPolicy=$1"; st q run mp; }
    if [ -e /proc/self/numa_maps ]; then
        mp '{"mode":"MPOL_INTERLEAVE","nodes":"0"}'; want '^interleave:0$'
        mp '{"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]}'; want '^bind.*static.*0$'
        mp '{"mode":"MPOL_DEFAULT"}'; want default
        fresh; jqc '.linux.memoryPolicy={"mode":"MPOL_PREFERRED","nodes":"0","flags":["MPOL_F_RELATIVE_NODES"]}'
        ok q run -d mpx
        ok q exec mpx sh -c 'head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
        want '^prefer.*relative.*0'
    fi
    mp '{"mode":"INTERLEAVE","nodes":"0"}'; ends 1; want 'invalid memory policy'
    mp '{"mode":"MPOL_PREFERRED","nodes":"0","flags":["MPOL_F_RELATIVE_NODES","badflag"]}'; ends 1; want 'invalid memory policy flag'
    mp '{"nodes":"0-7"}'; ends 1; want 'invalid memory policy mode'
    mp '{"mode":"MPOL_BIND","nodes":"0-9876543210","flags":[]}'; ends 1; want 'invalid memory policy node'
    mp '{"mode":"MPOL_DEFAULT","nodes":"0-7","flags":["MPOL_F_NUMA_BALANCING","MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"]}'; ends 1; want 'set_mempolicy.*invalid argument'
    fresh; args '["cat","/proc/self/timens_offsets"]'
    jqc '.linux.timeOffsets={"monotonic":{"secs":7881,"nanosecs":2718281}}'
    no q run t
    jqc '.linux.namespaces+=[{"type":"time"}]'
    ok q run t
    want '^monotonic +7881 +2718281$'
    jqc '.linux.timeOffsets=null'
    ok q run t
    want '^monotonic +0 +0$'
    fresh; jqc '.linux.namespaces+=[{"type":"time"}] | .linux.timeOffsets={"boottime":{"secs":1337,"nanosecs":3141519}}'
    ok q run -d tm
    ok q exec tm cat /proc/self/timens_offsets
    want '^boottime +1337 +3141519$'
    fresh; args '["ls","-l","/dev/tty"]'; jqc '.linux.devices=[{"path":"/dev/tty","type":"c","major":5,"minor":0}]'
    ok q run dv
    want 'crw-rw-rw.*5, +0.*/dev/tty'
    fresh; jqc '.linux.namespaces|=map(select(.type!="network")) | .linux.netDevices={"dummy0":{}}'
    jqc '.mounts|=map(select(.type!="sysfs"))'
    no q run nd
    want 'unable to move network devices without a NET namespace'
    hard=$(ulimit -Hn)
    for l in "$hard" $((hard - 1)); do
        fresh; jqc ".process.rlimits=[{\"type\":\"RLIMIT_NOFILE\",\"soft\":$l,\"hard\":$l}]"
        ok q run -d rl
        is "$(q exec rl sh -c 'ulimit -n; ulimit -H -n' | tr '\n' ' ')" "$l $l "
    done
    # the affinity of who starts it is not the container's
    if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then
        fresh; args '["grep","Cpus_allowed_list","/proc/self/status"]'
        mask=$(awk '/Cpus_allowed_list/{print $2}' /proc/self/status)
        is "$(taskset -c 0 "$TEST_TMP/runc" --root "$state" run af | cut -f2)" "$mask"
        fresh
        ok q run -d af
        is "$(taskset -c 0 "$TEST_TMP/runc" --root "$state" exec af grep Cpus_allowed_list /proc/self/status | cut -f2)" "$mask"
        fresh; place aff; jqc '.linux.resources.cpu={"mems":"0","cpus":"1"}'
        st taskset -c 0 "$TEST_TMP/runc" --root "$state" run -d af2
        [ $rc = 0 ] || die cpuset
        is "$(q exec af2 grep Cpus_allowed_list /proc/self/status | cut -f2)" 1
    fi
}

t_seccomp() {
    sc() { jqc ".linux.seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\"],\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\"$1}]}"; }
    fresh; args '["sh","-c","mkdir /dev/shm/foo"]'; jqc '.process.noNewPrivileges=false'; sc ''
    no q run s
    want 'mkdir:.*/dev/shm/foo.*Operation not permitted'
    sc ',"errnoRet":100'
    no q run s
    want 'Network is down'
    for f in '[]' '["SECCOMP_FILTER_FLAG_TSYNC"]' '["SECCOMP_FILTER_FLAG_LOG"]' '["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]' null; do
        sc ''
        jqc ".linux.seccomp.flags=$f"
        [ "$f" = null ] && jqc 'del(.linux.seccomp.flags)'
        case $f in '[]') v=0 ;; *TSYNC*) v=0 ;; *SPEC*) v=6 ;; *LOG*) v=2 ;; *) v=4 ;; esac
        no q --debug run s
        want "\"seccomp filter flags: $v\""
    done
    fresh; args '["true"]'
    jqc '.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}],"listenerPath":"/x"}'
    no q run s
    want 'SCMP_ACT_NOTIFY cannot be used for the write syscall'
    jqc '.linux.seccomp.syscalls[0].names=["mkdir"]'
    no q run s
    want 'failed to connect with seccomp agent'
    jqc '.linux.seccomp.listenerPath=""'
    no q run s
    jqc '.linux.seccomp.listenerPath="@abstract"'
    no q run s
    fresh; args '["true"]'
    jqc '.linux.seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["close_range","fsopen","fsconfig","fspick","openat2","open_tree","move_mount","mount_setattr"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}'
    ok q run s
}

t_userns() {
    un() {
        fresh
        jqc '.linux.namespaces+=[{"type":"user"}] | .linux.uidMappings=[{"hostID":100000,"containerID":0,"size":65534}] | .linux.gidMappings=[{"hostID":200000,"containerID":0,"size":65534}]'
        chown -R 100000:200000 rootfs; chmod 755 "$TEST_TMP" .
    }
    rm -rf si; mkdir -p si/dir; touch si/dir/foo.txt; chmod 700 si
    un; args '["stat","/tmp/m/foo.txt"]'; jqc '.mounts+=[{"source":"si/dir","destination":"/tmp/m","options":["bind"]}]'
    ok q run u
    un; jqc '.mounts+=[{"source":"si/dir","destination":"/tmp/m","options":["bind"]}]'
    ok q run -d u
    ok q exec u stat /tmp/m/foo.txt
    p=$(cpid u)
    # join it by a name elsewhere
    : >nsfile
    mount --bind /proc/$p/ns/user nsfile
    trap 'umount nsfile 2>/dev/null; cleanup_zone' EXIT
    jqc "(.linux.namespaces[]|select(.type==\"user\")).path=\"$PWD/nsfile\" | del(.linux.uidMappings,.linux.gidMappings)"
    ok q run -d u2
    q exec u2 cat /proc/self/uid_map | grep -Eq '^ +0 +100000 +65534$' || die map
    ok q delete -f u2; ok q delete -f u
    # a network namespace that this user namespace does not own
    jqc '(.linux.namespaces[]|select(.type=="network")).path="/proc/self/ns/net" | .mounts|=map((select(.type=="sysfs")|{"source":"/sys","destination":.destination,"type":"bind","options":["rbind"]})//.)'
    ok q run -d u3
    is "$(q exec u3 readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
    ok q delete -f u3
    umount nsfile
    # no root in the map
    un
    jqc '.linux.uidMappings=[{"hostID":100000,"containerID":1000,"size":1}] | .linux.gidMappings=[{"hostID":200000,"containerID":1000,"size":1}] | .process.user={"uid":1000,"gid":1000} | (.mounts[]|select(.destination=="/dev/pts")|.options)-=["gid=5"] | .process.args=["sh","-c","id -u; id -g; cat /proc/self/uid_map"]'
    ok q run u
    is "$(sed -n 1p "$out") $(sed -n 2p "$out")" "1000 1000"
    args '["sleep","1000"]'
    ok q run -d u
    is "$(q exec u sh -c 'id -u; id -g' | tr '\n' ' ')" "1000 1000 "
    ok q delete -f u
    if [ ! "$v2only" ]; then
        un
        jqc '.linux.namespaces|=map(select(.type!="cgroup"))'
        ok q run -d u
        ok q exec u cat /sys/fs/cgroup/pids/tasks /sys/fs/cgroup/memory/tasks
    fi
    chown -R 0:0 rootfs
}

t_cwd() {
    fresh; mkdir -p rootfs/home/nonroot; chown 42 rootfs/root; chmod 700 rootfs/root
    jqc '.process.cwd="/root" | .process.user.uid=42'
    ok q run -d c
    ok q exec --user 0 c true
    ok q delete -f c
    chown 0 rootfs/root
    args '["ls","/tmp"]'
    ok q run c
    chmod 755 rootfs/root
}

t_host_mntns() {
    fresh; args '["echo","Hello"]'
    jqc '.hooks={"createRuntime":[{"path":"/bin/sh","args":["/bin/sh","-c","touch hook.$$"]}]} | .linux.namespaces|=map(select(.type!="mount")) | .linux.maskedPaths=[] | .linux.readonlyPaths=[]'
    ok q run h
    umount -R --lazy rootfs 2>/dev/null
    is "$(ls hook.* 2>/dev/null | wc -l)" 1
    fresh; args '["true"]'
    ok q run --no-pivot --no-new-keyring h
    fresh
    jqc '.process.args=["unshare","-mrpf","sh","-euxc","mount -t proc none /proc && echo h >/proc/sysrq-trigger"] | .process.capabilities.bounding+=["CAP_SETFCAP"] | .process.capabilities.permitted+=["CAP_SETFCAP"]'
    st q run --no-pivot h; ends 1
    want 'mount:.*[Pp]ermission denied|not permitted'
}

t_pidfd() {
    helper recvpidfd <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
int main(int c, char **v)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = -1;
    char b[64], ctl[CMSG_SPACE(sizeof(int))];
    struct iovec io = {b, sizeof(b)};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl)};
    strcpy(a.sun_path, v[1]);
    if (c < 3 || bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
        return 2;
    int k = accept(s, NULL, NULL);
    if (recvmsg(k, &m, 0) <= 0 || !CMSG_FIRSTHDR(&m))
        return 3;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
    getchar();
    return syscall(SYS_pidfd_send_signal, fd, atoi(v[2]), NULL, 0) ? 4 : 0;
}
C
    for how in create run exec; do
        fresh; args '["/bin/sleep","1000"]'
        rm -f psock go; mkfifo go
        "$TEST_TMP/recvpidfd" psock 9 <go >/dev/null 2>&1 &
        w=$!
        exec 9>go
        wait_for test -S psock
        case $how in
        create) ok q create --pidfd-socket psock pf ;;
        run) ok q run -d --pidfd-socket psock pf ;;
        exec)
            ok q run -d pf
            q exec -d --pidfd-socket psock --pid-file ep pf sleep 1d </dev/null >/dev/null 2>&1 || die exec
            ;;
        esac
        echo >&9
        exec 9>&-
        wait $w || die "$how: pidfd helper ended with $?"
        if [ $how = exec ]; then
            wait_for test ! -d "/proc/$(cat ep)"
            is "$(status pf)" running
        else
            wait_for stopped pf
        fi
    done
}

failed=
[ $# -gt 0 ] || set -- $(sed -n 's/^t_\([a-z_]*\)() .*/\1/p' "$top/test/zone/as_runc.sh")
for t in "$@"; do
    if (trap 'cleanup_zone' EXIT; "t_$t"); then echo "ok: $t"; else failed="$failed $t"; echo "NOT ok: $t"; fi
done
for d in $cg/*/qr$$ $cg/qr$$; do
    [ -d "$d" ] && find "$d" -depth -type d -exec rmdir {} + 2>/dev/null
done
[ ! "$failed" ] || { echo "FAILED:$failed"; exit 1; }
[ -z "$(ls "$state")" ] || die "the state is not empty: $(ls "$state")"
echo "as_runc: ok"
