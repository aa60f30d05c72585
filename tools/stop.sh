#!/usr/bin/env bash
# Ends what tools/start.sh started: asks it to drain, and waits.
set -euo pipefail
source "$(dirname "$0")/running.sh"
if ! is_running; then
    rm -f "$pid_file"
    echo "leasehold is not running"
    exit 0
fi
kill -TERM "$pid"
for _ in $(seq 200); do
    is_running || break
    sleep 0.2
done
if is_running; then
    echo "error: pid $pid did not end within 40 s" >&2
    exit 1
fi
rm -f "$pid_file"
echo "leasehold has stopped"
