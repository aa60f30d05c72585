#!/usr/bin/env bash
# Starts `leasehold serve` in the background and waits until it is ready.   tools/start.sh BINARY CONFIG
set -euo pipefail
binary=$1
config=$2
source "$(dirname "$0")/running.sh"
mkdir -p "$run"
chmod 700 "$run"
if is_running; then
    echo "leasehold is already running, pid $pid"
    exit 0
fi
[ -f "$config" ] || { echo "error: $config is missing; start from deploy/leasehold.example.yaml" >&2; exit 2; }
setsid nohup "$binary" serve --config "$config" ${LEASEHOLD_SERVE_ARGS:-} >"$run/leasehold.log" 2>&1 </dev/null &
pid=$!
echo "$pid $(started_at "$pid")" >"$pid_file"
for _ in $(seq 150); do
    if "$binary" health --config "$config" >/dev/null 2>&1; then
        echo "leasehold is serving, pid $pid, log $run/leasehold.log"
        exit 0
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
        rm -f "$pid_file"
        status=0
        wait "$pid" || status=$?
        tail -n 20 "$run/leasehold.log" >&2
        exit "$status"
    fi
    sleep 0.2
done
echo "error: leasehold is running (pid $pid) but not ready after 30 s; see $run/leasehold.log" >&2
exit 1
