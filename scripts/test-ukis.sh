#!/usr/bin/env bash
# Prepares the packages of the extra "ukis" for the tests that need them.
#
#   scripts/test-ukis.sh [DIR]      DIR: .venv-ukis in the repository root unless named
#
# Puts into DIR, for PYTHONPATH, those packages of requirements-ukis.lock that the tests' environment does not have: some
# 200 MB. Returns at once when nothing has changed.
#
# Exit status 4: it cannot be done here; the last line on standard error is the reason.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

# The functions of setup.sh are used with these in place of its own.
die() {
    printf '%s\n' "$1" >&2
    exit 4
}

fingerprint() {
    "$1" -I -c '
import hashlib, sys
root, target = sys.argv[1:]
digest = hashlib.sha256()
for name in ("requirements-ukis.lock", "requirements-dev.lock", "scripts/test-ukis.sh"):
    with open(f"{root}/{name}", "rb") as file:
        digest.update(hashlib.sha256(file.read()).digest())
digest.update(f"{sys.implementation.cache_tag}{sys.abiflags}\0{target}".encode("utf-8", "surrogateescape"))
print(digest.hexdigest())
' "$ROOT" "$2"
}

# Prints the entries of requirements-ukis.lock, with their hashes, of packages that requirements-dev.lock lacks.
missing_requirements() {
    awk '
        /^[A-Za-z0-9]/ { split($1, entry, "=="); name = entry[1] }
        FNR == NR { known[name] = 1; next }
        /^[A-Za-z0-9]/ { wanted = !(name in known) }
        wanted && /^[A-Za-z0-9 ]/ && !/^ *#/
    ' "$ROOT/requirements-dev.lock" "$ROOT/requirements-ukis.lock"
}

# Brings the claimed folder $1 up to date, for the environment $2.
prepare() {
    local target=$1 venv=$2 stamp
    : >"$target/$STAMP_NAME"
    stamp=$(fingerprint "$venv/bin/python" "$target")
    find "$target/" -mindepth 1 -maxdepth 1 ! -name "$STAMP_NAME" -exec rm -rf -- {} +
    PATH=$PATH:$venv/bin find_uv "$venv"
    missing_requirements >"$target/requirements.txt"
    (
        cd -- "$ROOT" &&
            "$UV" pip install --quiet --python "$venv/bin/python" --target "$target" --no-deps --only-binary :all: \
                --require-hashes -r "$target/requirements.txt"
    ) >&2 || die "could not install the packages of requirements-ukis.lock in $target: see above"
    printf '%s\n' "$stamp" >"$target/$STAMP_NAME"
}

is_ready() {
    [[ -s $1/$STAMP_NAME && $(<"$1/$STAMP_NAME") == "$(fingerprint "$2/bin/python" "$1")" ]]
}

main() {
    if [[ $# -gt 1 || ${1:-} == -* ]]; then
        echo "usage: scripts/test-ukis.sh [DIR]" >&2
        exit 2
    fi
    # Whatever else fails, callers get the promised status and a reason.
    trap 'status=$?; if ((status != 0 && status != 4)); then echo "the packages could not be prepared (status $status)" >&2; exit 4; fi' EXIT
    unset PYTHONHOME PYTHONPATH
    local target venv
    target=$(venv_path "${1:-$ROOT/.venv-ukis}")
    venv=$(venv_path)
    [[ -f $ROOT/requirements-ukis.lock ]] || die "requirements-ukis.lock is missing: make it with scripts/lock.sh"
    # Whether that environment is up to date does not matter here: only its Python and its uv are used.
    if [[ ! -x $venv/bin/python ]]; then
        "$ROOT/scripts/setup.sh" || die "the tests' environment could not be made: run scripts/setup.sh"
    fi
    if ! is_ready "$target" "$venv"; then
        claim_dir "$target"
        # Another run may have done the work while this one waited for the lock.
        if ! is_ready "$target" "$venv"; then prepare "$target" "$venv"; fi
    fi
    printf '%s\n' "$target" >&2
}

main "$@"
