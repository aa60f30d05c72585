#!/usr/bin/env bash
# Starts `leasehold serve` in the background and waits until it is ready.   tools/start.sh BINARY CONFIG
set -euo pipefail
binary=$1
config=$2
run=build/run
mkdir -p "$run"
chmod 700 "$run"
if [ -f "$run/leasehold.pid" ] && kill -0 "$(cat "$run/leasehold.pid")" 2>/dev/null; then
    echo "leasehold is already running, pid $(cat "$run/leasehold.pid")"
    exit 0
fi
[ -f "$config" ] || { echo "error: $config is missing; start from deploy/leasehold.example.yaml" >&2; exit 2; }
setsid nohup "$binary" serve --config "$config" ${LEASEHOLD_SERVE_ARGS:-} >"$run/leasehold.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$run/leasehold.pid"
for _ in $(seq 150); do
    if "$binary" health --config "$config" >/dev/null 2>&1; then
        echo "leasehold is serving, pid $pid, log $run/leasehold.log"
        exit 0
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
        rm -f "$run/leasehold.pid"
        status=0
        wait "$pid" || status=$?
        tail -n 20 "$run/leasehold.log" >&2
        exit "$status"
    fi
    sleep 0.2
done
echo "error: leasehold is running (pid $pid) but not ready after 30 s; see $run/leasehold.log" >&2
exit 1
