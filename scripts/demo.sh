#!/usr/bin/env bash
# Builds the small demonstration dataset in DIR (demo-output in the current directory by default).
#
#   scripts/demo.sh [DIR] [seasonet-build demo args...]
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

dir=demo-output
if [[ $# -gt 0 && $1 != -* ]]; then
    dir=$1
    shift
fi
venv=$(venv_path)
"$ROOT/scripts/setup.sh" "$venv"
exec "$venv/bin/seasonet-build" demo "$dir" "$@"
