#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# quad exec and quad cp against a stand-in for the guest's agent: codes, output, input, refusals, an
# agent that says nothing or nonsense.
#
# test-timeout: 120
. "$TEST_LIB/boot.sh"
command -v python3 >/dev/null || skip "no python3"
export QUAD_DATA_DIR="$TEST_TMP/data"
mkdir -p "$QUAD_DATA_DIR/guests/g"
cd "$QUAD_DATA_DIR/guests/g" || exit 1
case $QUAD in /*) ;; *) QUAD=$OLDPWD/$QUAD ;; esac

cat >"$TEST_TMP/agent.py" <<'PY'
import base64, json, os, socket, subprocess
s = socket.socket(socket.AF_UNIX)
s.bind("agent.sock")
s.listen(1)
print("ready", flush=True)
files, jobs = {}, {}
def answer(q):
    a = q.get("arguments", {})
    c = q["execute"]
    if c == "guest-exec":
        try:
            p = subprocess.run([a["path"]] + a["arg"], input=base64.b64decode(a.get("input-data", "")), capture_output=True)
        except OSError as e:
            return {"error": {"class": "GenericError", "desc": str(e)}}
        jobs[7] = p
        return {"return": {"pid": 7}}
    if c == "guest-exec-status":
        p = jobs[a["pid"]]
        r = {"exited": True, "out-data": base64.b64encode(p.stdout).decode(), "err-data": base64.b64encode(p.stderr).decode()}
        r["signal" if p.returncode < 0 else "exitcode"] = abs(p.returncode)
        return {"return": r}
    if c == "guest-file-open":
        try:
            files[3] = open(a["path"], a["mode"] + "b")
        except OSError as e:
            return {"error": {"class": "GenericError", "desc": str(e)}}
        return {"return": 3}
    if c == "guest-file-write":
        return {"return": {"count": files[3].write(base64.b64decode(a["buf-b64"])[:1000]), "eof": False}}
    if c == "guest-file-read":
        b = files[3].read(a["count"])
        return {"return": {"count": len(b), "buf-b64": base64.b64encode(b).decode(), "eof": len(b) < a["count"]}}
    if c == "guest-file-close":
        files[3].close()
        return {"return": {}}
    return {"error": {"class": "CommandNotFound", "desc": "no " + c}}
mode = os.environ.get("MODE")
while True:
    f, _ = s.accept()
    if mode == "silent":
        f.recv(100)
        continue
    if mode == "nonsense":
        f.sendall(b"{{{\n\x00\xff\n" * 1000)
        f.close()
        continue
    r = f.makefile("rb")
    for line in r:
        if b"\xff" in line:
            f.sendall(b'{"return": "old"}\n\xff' + json.dumps({"return": json.loads(line.split(b"\xff")[-1])["arguments"]["id"]}).encode() + b"\n")
        else:
            f.sendall(json.dumps(answer(json.loads(line))).encode() + b"\n")
PY
start() {
    rm -f agent.sock "$TEST_TMP/ready"
    MODE=$1 python3 "$TEST_TMP/agent.py" >"$TEST_TMP/ready" 2>"$TEST_TMP/agent.err" &
    agent=$!
    while [ ! -s "$TEST_TMP/ready" ]; do sleep 0.05; done
}
trap 'kill $agent 2>/dev/null' EXIT
start
"$QUAD" exec g -- sh -c 'echo one; echo two >&2; exit 9' >"$TEST_TMP/o" 2>"$TEST_TMP/e"
[ $? = 9 ] && [ "$(cat "$TEST_TMP/o")" = one ] && [ "$(cat "$TEST_TMP/e")" = two ] || die "exec"
"$QUAD" exec g sh -c 'kill -9 $$'
[ $? = 137 ] || die "a signal"
head -c 300000 /dev/urandom >"$TEST_TMP/blob"
"$QUAD" exec -i g cat <"$TEST_TMP/blob" | cmp - "$TEST_TMP/blob" || die "input"
fails 1 'refuses guest-exec: .*nosuch' exec g nosuch
"$QUAD" cp "$TEST_TMP/blob" "g:$TEST_TMP/there" || die "cp in"
cmp "$TEST_TMP/blob" "$TEST_TMP/there" || die "cp in: content"
mkdir "$TEST_TMP/d"
"$QUAD" cp "g:$TEST_TMP/there" "$TEST_TMP/d" || die "cp out"
cmp "$TEST_TMP/blob" "$TEST_TMP/d/there" || die "cp out: content"
fails 1 'No such file' cp g:/nosuch "$TEST_TMP/x"
[ ! -e "$TEST_TMP/x" ] || die "a file of nothing"
fails 2 'one side is GUEST:PATH' cp a b
fails 2 'exec wants a GUEST' exec g
fails 3 'no guest is called .h.' exec h true
kill $agent; wait $agent 2>/dev/null
fails 4 'does not run' exec g true
start silent
fails 7 'does not answer' exec --timeout 1 g true
kill $agent; wait $agent 2>/dev/null
start nonsense
fails 4 'has gone' exec --timeout 5 g true
exit 0
