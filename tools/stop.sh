#!/usr/bin/env bash
# Ends what tools/start.sh started: asks it to drain, and waits.
set -euo pipefail
file=build/run/leasehold.pid
[ -f "$file" ] || { echo "leasehold is not running"; exit 0; }
pid=$(cat "$file")
if kill -TERM "$pid" 2>/dev/null; then
    for _ in $(seq 200); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    if kill -0 "$pid" 2>/dev/null; then
        echo "error: pid $pid did not end within 40 s" >&2
        exit 1
    fi
fi
rm -f "$file"
echo "leasehold has stopped"
