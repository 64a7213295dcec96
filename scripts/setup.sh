#!/usr/bin/env bash
# Makes the project's virtual environment from requirements-dev.lock, with the project itself in it (editable).
#
#   scripts/setup.sh [DIR]      DIR: $SEASONET_VENV if that is set, otherwise .venv in the repository root
#
# Needs only Python >= 3.11 with its venv module, and a package index. Returns at once when nothing has changed.
# The environment's path goes to standard error. The other scripts source this file for its functions.
set -euo pipefail

readonly MIN_UV="0.6.0" # Older ones lack options that these scripts use, or were never tried.
readonly STAMP_NAME=".seasonet-stamp"
ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly ROOT

die() {
    printf '%s: error: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# The environment's absolute path: the argument, else $SEASONET_VENV, else .venv in the repository root.
venv_path() {
    local dir=${1:-${SEASONET_VENV:-$ROOT/.venv}}
    case $dir in
        /*) ;;
        *) dir=$PWD/$dir ;;
    esac
    while [[ $dir == */ && $dir != / ]]; do dir=${dir%/}; done
    printf '%s\n' "$dir"
}

# Sets BASE_PYTHON to the interpreter that environments are made with.
find_python() {
    # The base interpreter is asked for: inside an activated environment "python3" is that environment's own, which
    # must not be the parent of another one, least of all when it is about to be rebuilt.
    local probe='
import sys
if sys.version_info < (3, 11):
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)
print(getattr(sys, "_base_executable", None) or sys.executable)
'
    local name status without_venv=""
    # A name on PATH proves nothing (version managers put stubs there), so each candidate has to run.
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        status=0
        BASE_PYTHON=$("$name" -I -c "$probe" 2>/dev/null) || status=$?
        if [[ $status -eq 0 && -n $BASE_PYTHON ]]; then return; fi
        if [[ $status -eq 4 && -z $without_venv ]]; then without_venv=$name; fi
    done
    if [[ -n $without_venv ]]; then
        die "$without_venv lacks the venv module: install it (Debian and Ubuntu: apt install python3-venv), then run this again"
    fi
    die "no Python >= 3.11 on PATH: install one (or put its directory on PATH), then run this again"
}

# Prints what the environment in $2 depends on, as seen by the interpreter $1: the locks, the project's metadata, this
# script, the Python version, and both places (neither an environment nor an editable install can be moved).
fingerprint() {
    "$1" -I -c '
import hashlib, sys
root, venv = sys.argv[1:]
digest = hashlib.sha256()
for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml", "scripts/setup.sh"):
    with open(f"{root}/{name}", "rb") as file:
        digest.update(hashlib.sha256(file.read()).digest())
digest.update(f"{sys.implementation.cache_tag}{sys.abiflags}\0{root}\0{venv}".encode("utf-8", "surrogateescape"))
print(digest.hexdigest())
' "$ROOT" "$2"
}

# Succeeds if the environment in $1 is complete and current. Its own interpreter has to answer as well, as the Python
# that it was made with may be gone or have been replaced by another version.
is_current() {
    local stamp
    [[ -s $1/$STAMP_NAME ]] || return 1
    stamp=$(<"$1/$STAMP_NAME")
    [[ $stamp == "$(fingerprint "$BASE_PYTHON" "$1")" ]] || return 1
    [[ $stamp == "$(fingerprint "$1/bin/python" "$1" 2>/dev/null)" ]]
}

# Makes $1 ours to fill: refuses a directory with somebody's files in it, and holds a lock until this process ends.
claim_dir() {
    # The default is in the repository, ignored by git, and named for just this; unless it leads elsewhere.
    if [[ ($1 != "$ROOT/.venv" || -L $1) && -e $1 && ! -e $1/$STAMP_NAME ]]; then
        [[ -d $1 && -z $(ls -A -- "$1") ]] || die "$1 was not made by this script: remove it or name another directory"
    fi
    mkdir -p -- "$1"
    # The stamp exists from here on, so that whatever an interrupted run leaves is known to be ours.
    exec 9>>"$1/$STAMP_NAME"
    if command -v flock >/dev/null; then flock 9; fi # macOS has none; there two runs at once are not kept apart.
}

# Leaves an empty environment (pip only) in the claimed directory $1.
make_venv() {
    find "$1/" -mindepth 1 -maxdepth 1 ! -name "$STAMP_NAME" -exec rm -rf -- {} +
    # venv refuses symbolic links, hence the physical path.
    "$BASE_PYTHON" -m venv "$(CDPATH='' cd -P -- "$1" && pwd)" || die "could not make an environment in $1 with $BASE_PYTHON"
}

uv_is_usable() {
    local version have want i
    version=$("$1" --version 2>/dev/null) || return 1
    version=${version#uv }
    version=${version%% *}
    IFS=. read -r -a have <<<"$version"
    IFS=. read -r -a want <<<"$MIN_UV"
    for i in 0 1 2; do
        [[ ${have[i]:-} =~ ^([0-9]+) ]] || return 1
        if ((10#${BASH_REMATCH[1]} != want[i])); then
            ((10#${BASH_REMATCH[1]} > want[i]))
            return
        fi
    done
}

# Sets UV to a usable uv: the one on PATH, else the one in the environment $1, where it is installed if need be.
find_uv() {
    local candidate pin
    for candidate in "$(command -v uv || true)" "$1/bin/uv"; do
        UV=$candidate
        if [[ -n $UV ]] && uv_is_usable "$UV"; then return; fi
    done
    # The lock's own entry goes through a pipe, so that pip checks the hashes of uv too.
    pin=$(awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' "$ROOT/requirements-dev.lock" 2>/dev/null) || true
    if [[ -n $pin ]]; then
        PIP_USER=0 "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r /dev/stdin <<<"$pin" >&2
    else
        PIP_USER=0 "$1/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=$MIN_UV" >&2
    fi || die "could not install uv with pip in $1: see above"
    UV=$1/bin/uv
}

install_all() {
    # From the root, as uv reads settings from the directories above the current one. "sync" also removes what a
    # former lock had. The project's build runs in the environment, where the lock has put its build tools.
    (
        cd -- "$ROOT" &&
            "$UV" pip sync --quiet --python "$1/bin/python" --require-hashes requirements-dev.lock &&
            "$UV" pip install --quiet --python "$1/bin/python" --no-deps --no-build-isolation --editable .
    ) >&2 || die "could not install the locked packages in $1: see above"
}

main() {
    if [[ $# -gt 1 || ${1:-} == -* ]]; then
        echo "usage: scripts/setup.sh [DIR]" >&2
        exit 2
    fi
    # Either of them would make the interpreters below load another one's modules.
    unset PYTHONHOME PYTHONPATH
    local venv stamp known
    venv=$(venv_path "${1:-}")
    [[ -f $ROOT/requirements.lock && -f $ROOT/requirements-dev.lock ]] || die "a lock is missing: make it with scripts/lock.sh"
    find_python
    if ! is_current "$venv"; then
        claim_dir "$venv"
        # Another run may have done the work while this one waited for the lock.
        if ! is_current "$venv"; then
            known=$(<"$venv/$STAMP_NAME")
            : >"$venv/$STAMP_NAME"
            stamp=$(fingerprint "$BASE_PYTHON" "$venv")
            # A complete environment of the same Python is brought up to date; any other is made afresh.
            if [[ -z $known || $stamp != "$(fingerprint "$venv/bin/python" "$venv" 2>/dev/null)" ]]; then
                make_venv "$venv"
            fi
            find_uv "$venv"
            install_all "$venv"
            printf '%s\n' "$stamp" >"$venv/$STAMP_NAME"
        fi
    fi
    printf '%s\n' "$venv" >&2
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
