#!/usr/bin/env bash
# The checks of tools/, formatting, and clang-tidy over what changed since main's last commit (or all, with --all).
set -euo pipefail
cd "$(dirname "$0")/.."
for check in tools/lint_*.py; do
    /usr/bin/python3 "$check" .
done
git ls-files '*.cpp' '*.hpp' | xargs clang-format-14 --dry-run -Werror
if [ "${1:-}" = --all ]; then
    files=$(git ls-files '*.cpp' ':!tests')
else
    files=$(git diff --name-only --diff-filter=d HEAD~1 -- '*.cpp' ':!tests')
fi
[ -n "$files" ] || exit 0
cmake --preset clang >/dev/null
echo "$files" | xargs -n 1 -P "$(nproc)" clang-tidy-14 --quiet -p build/clang
