# Sourced by the other scripts: messages, and packages.

say() { printf '* %s\n' "$*"; }

fail() { # what is wrong, then how to mend it
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

quietly() { # runs a command; shows the end of its output where it fails
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status -eq 0 ] || tail -n 20 "$log" >&2
    rm -f "$log"
    return $status
}

pip_install() { # installs Python packages into .venv
    quietly .venv/bin/python -m pip --disable-pip-version-check --no-input install "$@"
}

as_root() { # runs a command as root; false where we are not allowed to
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt_install() { # installs Debian packages, starting no service; false where that is impossible
    command -v apt-get >/dev/null && as_root true || return 1
    say "installing with apt-get: $*"
    as_root bash scripts/apt-install "$@"
}
