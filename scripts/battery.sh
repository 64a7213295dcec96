#!/usr/bin/env bash
# Runs the whole battery: builds that are killed, disks that are full, hostile inputs, and what else must not matter.
#
#   scripts/battery.sh [ROW...]      numbers of rows of docs/reliability.md (default: all)
#
# It takes hours; with SEASONET_BATTERY_MINUTES=M, a test that does many cases ends after M minutes, and its counts say how
# far it has come. The tests do a small part of it in every run. Without root or strace some of it is skipped, with a word.
# Counts go to standard output, and to the file that SEASONET_BATTERY_RESULTS names, a line of JSON each.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

venv=$(venv_path)
"$ROOT/scripts/setup.sh" "$venv"
cd -- "$ROOT"

# Which tests do a row is told by the counts that they record.
targets=()
for row in "$@"; do
    [[ $row =~ ^[0-9]+$ ]] || die "$row is not the number of a row"
    mapfile -t found < <(grep -lE "\brecord\($row," tests/battery/test_*.py)
    [[ ${#found[@]} -gt 0 ]] || die "no tests do row $row"
    targets+=("${found[@]}")
done
[[ ${#targets[@]} -gt 0 ]] || targets=(tests/battery tests/damage tests/download/test_transfer.py tests/download/test_download_kit.py)

kept=${SEASONET_BATTERY_RESULTS:-}
results=$(mktemp)
trap 'rm -f -- "$results"' EXIT
export SEASONET_BATTERY=full SEASONET_BATTERY_RESULTS=$results
status=0
"$venv/bin/python" -m pytest -n 2 --dist loadgroup "${targets[@]}" || status=$?

"$venv/bin/python" -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
for line in sorted(lines, key=lambda line: (line["row"], line["what"])):
    counts = ", ".join(f"{name} {value}" for name, value in line.items() if name not in ("row", "what"))
    print("{row:>3}  {what}".format(**line) + f": {counts}")
' "$results"
if [[ -n $kept ]]; then cat -- "$results" >>"$kept"; fi
exit "$status"
