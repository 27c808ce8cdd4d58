#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# 1,000 idle zones at once: no process but their own, what the one host process takes for each, what this
# host's memory pays for each, how long a start and a clone take.
# test-alone: it measures
# test-long: it starts a thousand zones
# test-timeout: 900
set -u
. test/lib/zone.sh
n=${ZONES:-1000}
export QUAD_DATA_DIR="$TEST_TMP/data" QUAD_RUN_DIR="$TEST_TMP/qrun" NO_COLOR=1
quad() { "$QUAD" "$@"; }
trap 'quad rm -f $(quad ls -q) >/dev/null 2>&1; cleanup_zone' EXIT
[ "$(awk '/MemAvailable/ {print $2}' /proc/meminfo)" -gt $((n * 800)) ] || skip "too little memory for $n zones"
bundle zones
ok quad image import rootfs bb
avail() { awk '/MemAvailable/ {print $2}' /proc/meminfo; }
m0=$(avail) t0=$(date +%s%N)
for i in $(seq 1 "$n"); do
    quad run -d --name "z$i" bb --mode zone --net none -- sleep 100000 >"$out" 2>&1 || die "zone $i"
done
t1=$(date +%s%N) m1=$(avail)
is "$(quad ls -q --running | wc -l)" "$n"
pid=$(quad stat z1 | sed -n 's/^pid: //p')
is "$(ps -o pid= --ppid "$pid" | wc -l)" "$n" "no process but the zones' own"
is "$(ps -o comm= --ppid "$pid" | sort -u)" sleep
rss=$(awk '/VmRSS/ {print $2}' "/proc/$pid/status")
echo "zones: $n; start of one $(((t1 - t0) / n / 1000)) us; host process $rss KiB, $((rss * 1024 / n)) bytes each; this host's memory $(((m0 - m1) / n)) KiB each"
t0=$(awk '{print $14 + $15}' "/proc/$pid/stat")
sleep 5
echo "idle for 5 s: $(($(awk '{print $14 + $15}' "/proc/$pid/stat") - t0)) ticks of processor time"
[ $((rss / n)) -le 40 ] || die "more than 40 KiB a zone in the host process"
# a clone of a stopped zone, and of a running one
ok quad run -d --name c bb --mode zone --net none -- sh -c 'head -c 10000000 /dev/zero >/big; sleep 100000'
wait_for quad exec c -- test -s /big
ok quad zone snapshot c one
t0=$(date +%s%N)
for i in 1 2 3 4 5 6 7 8 9 10; do quad zone clone c@one "k$i" || die "clone"; done
echo "clone: $((($(date +%s%N) - t0) / 10000)) us"
echo "zones: ok"
