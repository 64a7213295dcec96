#!/usr/bin/env bash
# Prepares the real servers that tests of downloading talk to: a STAC API on PostgreSQL with PostGIS, and S3.
#
#   scripts/test-services.sh [DIR]      DIR: .services in the repository root unless named
#
# Makes in DIR an environment from requirements-services.lock, installs PostgreSQL and PostGIS from Debian's packages
# where they are missing and we may, and leaves in DIR/postgresql a link to PostgreSQL's programs. Starts nothing: that
# is for the fixtures in tests/download/conftest.py. Returns at once when nothing has changed.
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
root, services = sys.argv[1:]
digest = hashlib.sha256()
for name in ("requirements-services.lock", "scripts/test-services.sh", "scripts/setup.sh"):
    with open(f"{root}/{name}", "rb") as file:
        digest.update(hashlib.sha256(file.read()).digest())
digest.update(f"{sys.implementation.cache_tag}{sys.abiflags}\0{services}".encode("utf-8", "surrogateescape"))
print(digest.hexdigest())
' "$ROOT" "$2"
}

# Prints the folder of PostgreSQL's programs, of the newest version that has PostGIS.
find_postgresql() {
    local bin share
    for bin in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr) "$(dirname -- "$(command -v initdb || echo /)")"; do
        [[ -x $bin/initdb && -x $bin/postgres ]] || continue
        # Debian keeps pg_config in another package, but its folders are known.
        share=/usr/share/postgresql/$(basename -- "$(dirname -- "$bin")")
        [[ -d $share ]] || share=$("$bin/pg_config" --sharedir 2>/dev/null) || continue
        if [[ -e $share/extension/postgis.control ]]; then
            printf '%s\n' "$bin"
            return
        fi
    done
    return 1
}

install_postgresql() {
    local package
    command -v apt-get >/dev/null || die "no PostgreSQL with PostGIS here, and no apt-get to install it: install both"
    [[ $EUID -eq 0 ]] || die "no PostgreSQL with PostGIS here: install Debian's postgresql-NN-postgis-3, or run this as root"
    apt-get update -q >&2 || die "no PostgreSQL with PostGIS here, and apt-get update failed: see above"
    package=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | awk '{ print $1 }' | sort -Vr | head -n 1)
    [[ -n $package ]] || die "no PostgreSQL with PostGIS here, and apt knows no postgresql-NN-postgis-3"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
        "${package%-postgis-3}" "$package" >&2 || die "apt-get could not install $package: see above"
}

install_python_packages() {
    (
        cd -- "$ROOT" &&
            "$UV" pip sync --quiet --python "$1/bin/python" --require-hashes requirements-services.lock
    ) >&2 || die "could not install requirements-services.lock in $1: see above"
}

# Brings the claimed folder $1 up to date.
prepare() {
    local services=$1 stamp known bin
    known=$(<"$services/$STAMP_NAME")
    : >"$services/$STAMP_NAME"
    stamp=$(fingerprint "$BASE_PYTHON" "$services")
    # First what most likely cannot be had.
    find_postgresql >/dev/null || install_postgresql
    bin=$(find_postgresql) || die "PostgreSQL with PostGIS was installed but is not where it should be"
    if [[ -z $known || $stamp != "$(fingerprint "$services/bin/python" "$services" 2>/dev/null)" ]]; then
        make_venv "$services"
    fi
    # "sync" would remove a uv of this environment's own, so the one of the tests' environment is preferred.
    PATH=$PATH:$(venv_path)/bin find_uv "$services"
    install_python_packages "$services"
    ln -sfn -- "$bin" "$services/postgresql"
    printf '%s\n' "$stamp" >"$services/$STAMP_NAME"
}

main() {
    if [[ $# -gt 1 || ${1:-} == -* ]]; then
        echo "usage: scripts/test-services.sh [DIR]" >&2
        exit 2
    fi
    # Whatever else fails, callers get the promised status and a reason.
    trap 'status=$?; if ((status != 0 && status != 4)); then echo "the services could not be prepared (status $status)" >&2; exit 4; fi' EXIT
    unset PYTHONHOME PYTHONPATH
    local services
    services=$(venv_path "${1:-$ROOT/.services}")
    [[ -f $ROOT/requirements-services.lock ]] || die "requirements-services.lock is missing: make it with scripts/lock.sh"
    find_python
    if ! is_current "$services" || [[ ! -x $services/postgresql/initdb ]]; then
        claim_dir "$services"
        # Another run may have done the work while this one waited for the lock.
        if ! is_current "$services" || [[ ! -x $services/postgresql/initdb ]]; then prepare "$services"; fi
    fi
    printf '%s\n' "$services" >&2
}

main "$@"
