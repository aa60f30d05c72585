#!/usr/bin/env bash
# Runs the tests of one build folder; a test that was skipped or did not run is a failure.
#   tools/run_tests.sh BUILD_FOLDER [ctest arguments]
set -euo pipefail
folder=$1
shift
log=$folder/tests.log
set +e
ctest --test-dir "$folder" --no-tests=error --output-on-failure -j "$(nproc)" "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e
if grep -Eq '\*\*\*(Skipped|Not Run)' "$log" || grep -Eq '^The following tests did not run' "$log"; then
    echo "error: tests were skipped or did not run" >&2
    exit 1
fi
exit "$status"
