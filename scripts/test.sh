#!/usr/bin/env bash
# Runs the tests in the project's environment, which it makes first if need be.
#
#   scripts/test.sh [pytest args...]      for example -k grid, or -n 0 --pdb
#
# Paths among the arguments are relative to the repository root, where pytest runs.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

venv=$(venv_path)
"$ROOT/scripts/setup.sh" "$venv"
cd -- "$ROOT"
# A few workers at most: on a large machine, starting one per core takes longer than the tests. Tests that share a
# dataset are one group, so that it is built once.
exec "$venv/bin/python" -m pytest -n auto --maxprocesses 4 --dist loadgroup "$@"
