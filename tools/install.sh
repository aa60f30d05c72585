#!/bin/bash
# Installs the Debian packages of tools/packages.txt that are missing: tools/install.sh [GROUP...]
# (all groups when none is named). Silent and quick when nothing is missing. Server packages are
# installed without starting a service and without making a PostgreSQL cluster on this machine.
set -euo pipefail

list="$(dirname "$(readlink -f "$0")")/packages.txt"
policy=/usr/sbin/policy-rc.d
saved_policy=/usr/sbin/policy-rc.d.before-leasehold
no_cluster=/etc/postgresql-common/createcluster.d/leasehold-install.conf
mark="made by leasehold tools/install.sh"

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

wanted_packages() {
    local group package rest
    while read -r group package rest; do
        case "$group" in ''|'#'*) continue ;; esac
        if [ $# -gt 0 ] && [[ " $* " != *" $group "* ]]; then continue; fi
        case "$package" in
            # A newer node from elsewhere conflicts with Debian's npm, and any npm will do.
            nodejs|npm) if command -v npm >/dev/null; then continue; fi ;;
        esac
        echo "$package"
    done <"$list"
}

missing_packages() {
    # One call for all: this runs at the head of every `make demo` and `make test`.
    local wanted installed
    wanted="$(wanted_packages "$@" | sort -u)"
    # It fails when it does not know one of them, which is what we want to find out.
    # shellcheck disable=SC2086 # one argument per package
    installed="$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null || true; } |
        sed -n 's/^installed //p' | sort -u)"
    comm -23 <(echo "$wanted") <(echo "$installed")
}

# Puts back what an install changed for its duration; also what a killed install left behind.
restore() {
    if [ -e "$saved_policy" ]; then
        mv -f "$saved_policy" "$policy"
    elif [ -e "$policy" ] && grep -qF "$mark" "$policy"; then
        rm -f "$policy"
    fi
    if [ -e "$no_cluster" ]; then
        rm -f "$no_cluster"
        rmdir --ignore-fail-on-non-empty "$(dirname "$no_cluster")"
        if [ -d "$(dirname "$(dirname "$no_cluster")")" ]; then
            rmdir --ignore-fail-on-non-empty "$(dirname "$(dirname "$no_cluster")")"
        fi
    fi
}

leftovers() { [ -e "$saved_policy" ] || [ -e "$no_cluster" ] || { [ -e "$policy" ] && grep -qF "$mark" "$policy"; }; }

# As root: "$@" are the packages.
install_packages() {
    local bouncer_was_there=no
    exec 9>/run/leasehold-install.lock
    flock 9  # two installs at once would restore each other's changes
    restore
    if [ $# -eq 0 ]; then return; fi
    if is_installed pgbouncer; then bouncer_was_there=yes; fi

    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved_policy"; fi
    # 101 = "forbidden by policy": invoke-rc.d and deb-systemd-invoke then start nothing.
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
    mkdir -p "$(dirname "$no_cluster")"
    printf '# %s\ncreate_main_cluster = false\n' "$mark" >"$no_cluster"

    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt-get -o DPkg::Lock::Timeout=300 -q update
    apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
        -q -y --no-install-recommends install "$@"

    # Installed only to be measured against: it shall not start with the next boot either.
    if [ "$bouncer_was_there" = no ] && is_installed pgbouncer; then
        if command -v systemctl >/dev/null; then
            systemctl disable pgbouncer >/dev/null 2>&1 || true
        else
            update-rc.d pgbouncer disable >/dev/null 2>&1 || true
        fi
    fi
}

if [ "${1:-}" = --as-root ]; then
    shift
    install_packages "$@"
    exit 0
fi

found="$(missing_packages "$@")"  # on its own: a failure in it must not look like "nothing is missing"
missing=()
if [ -n "$found" ]; then mapfile -t missing <<<"$found"; fi
if [ ${#missing[@]} -eq 0 ] && ! leftovers; then exit 0; fi

if [ ${#missing[@]} -gt 0 ]; then echo "installing Debian packages: ${missing[*]}" >&2; fi
if [ "$(id -u)" -eq 0 ]; then
    install_packages "${missing[@]}"
elif command -v sudo >/dev/null; then
    sudo -- /bin/bash "$(readlink -f "$0")" --as-root "${missing[@]}"
else
    echo "error: packages are missing and this user is neither root nor has sudo" >&2
    echo "fix: as root run: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
