#!/usr/bin/env bash
# Which test programs run under ThreadSanitizer: those of what crosses threads. With --pattern, as a ctest name pattern.
set -euo pipefail
targets=(unit_base unit_database unit_vault_client unit_router unit_relay integration_database integration_relay)
cd "$(dirname "$0")/.."
there=()
for target in "${targets[@]}"; do
    folder=tests/${target%%_*}/$(echo "${target#*_}" | tr _ -)
    [ -d "$folder" ] && there+=("$target")
done
if [ "${1:-}" = --pattern ]; then
    # Names of the suites, read from the sources: ctest knows tests by them, not by program. The stack is their fixture.
    pattern='^(stack_up|stack_down'
    for target in "${there[@]}"; do
        folder=tests/${target%%_*}/$(echo "${target#*_}" | tr _ -)
        for suite in $(grep -rhoE '^TEST(_F|_P)?\([A-Za-z0-9_]+' "$folder" | sed -E 's/.*\(//' | sort -u); do
            pattern+="|$suite\\."
        done
    done
    echo "$pattern)"
else
    echo "${there[@]}"
fi
