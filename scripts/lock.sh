#!/usr/bin/env bash
# Regenerates requirements.lock, requirements-dev.lock and requirements-ukis.lock from pyproject.toml, and
# requirements-services.lock from tests/services/requirements.in: the servers that tests talk to, in an environment of
# their own.
#
#   scripts/lock.sh [uv pip compile args...]      for example --upgrade, or --upgrade-package numpy
#
# Without arguments the pins that still fit are kept.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

unset PYTHONHOME PYTHONPATH
venv=$(venv_path)
find_python
UV=$(command -v uv || true)
if [[ -z $UV ]] || ! uv_is_usable "$UV"; then
    # No complete environment is needed, which could not be had before the first lock: one that can hold uv will do.
    if [[ ! -x $venv/bin/uv ]] || ! uv_is_usable "$venv/bin/uv"; then
        claim_dir "$venv"
        : >"$venv/$STAMP_NAME"
        make_venv "$venv"
    fi
    find_uv "$venv"
fi

cd -- "$ROOT"
# The locks are to be the same wherever they are made: no settings file and no extra source of packages counts.
unset UV_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONSTRAINT UV_OVERRIDE UV_BUILD_CONSTRAINT \
    UV_EXCLUDE_NEWER UV_PRERELEASE UV_RESOLUTION
compile() {
    "$UV" --no-config pip compile --quiet --python "$BASE_PYTHON" --universal --python-version 3.11 \
        --fork-strategy requires-python --generate-hashes --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "scripts/lock.sh" "$@"
}
# Not the extra ukis: what every check installs does without its heavy packages.
compile --extra dev --extra dhus --extra clouds --output-file requirements-dev.lock "$@" pyproject.toml
# The other locks take their versions from this one, so that what is tested is what users get.
compile --constraint requirements-dev.lock --output-file requirements.lock "$@" pyproject.toml
compile --extra ukis --constraint requirements-dev.lock --output-file requirements-ukis.lock "$@" pyproject.toml
compile --output-file requirements-services.lock "$@" tests/services/requirements.in

if grep -n -E '://|^-|^ *--(index|extra-index|find-links|trusted-host)| @ ' requirements{,-dev,-ukis,-services}.lock >&2; then
    die "the locks name a source of packages (above): they must not"
fi
