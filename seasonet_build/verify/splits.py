"""Check the files of a split: each sample in one set, all images of a location on one side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seasonet_build.model.layout import SPLITS, DatasetLayout
from seasonet_build.splits.store import ASIDE, FIGURE, REPORT, SIDES
from seasonet_build.storage import file_digest
from seasonet_build.verify.files import files_below, listing, unreadable
from seasonet_build.verify.findings import Findings
from seasonet_build.verify.names import Ints
from seasonet_build.verify.record import check_regular
from seasonet_build.verify.table import Meta

_SETS = [f"{name}.csv" for name in SPLITS]


def split_files(layout: DatasetLayout) -> list[str]:
    """Return the paths of all files below ``splits``, relative to the dataset, sorted."""
    folder = layout.splits.name
    names = listing(str(layout.splits)) or []
    return sorted(path for name in names for path in files_below(layout.root, f"{folder}/{name}"))


def expected_files(files: Sequence[str], listed: frozenset[str] | None) -> set[str]:
    """Return the paths in ``splits`` that there should be: those recorded, else by their names."""
    if listed is not None:
        return {path for path in listed if path.startswith("splits/")}
    wanted = {f"splits/{name}" for name in (*_SETS, ASIDE, REPORT, FIGURE, SIDES)}
    return {path for path in files if path in wanted or _is_of_subset(path)}


def check_splits(
    layout: DatasetLayout, files: Sequence[str], listed: frozenset[str] | None, meta: Meta | None, findings: Findings
) -> None:
    """Check what the split files say.

    Args:
        layout: the dataset.
        files: what there is in ``splits``.
        listed: the files that are recorded, if there is a record.
        meta: the rows, if ``meta.csv`` is what it was and sound.
        findings: what is found; nothing more is said of files that are named in it.
    """
    aside = f"splits/{ASIDE}"
    there = [path for path in expected_files(files, listed) if path in set(files)]
    if not set(_paths(_SETS)) & (set(there) | (listed or frozenset())):
        findings.notes.append("there are no splits yet")
        return
    for path in _paths(_SETS):
        if path not in files and listed is None:
            findings.missing(path)
    named = findings.named()
    sound = [path for path in sorted(there) if path not in named and check_regular(layout.root, path, findings)]
    if meta is None:
        return
    indices = {path: _read(layout.root, path, len(meta), findings) for path in sound if path.endswith(".csv")}
    read = {path: rows for path, rows in indices.items() if rows is not None}
    whole = all(path in read for path in _paths(_SETS)) and (aside in read or aside not in there)
    _check_sides(read, meta, whole and aside not in named, findings)
    _check_subsets(read, findings)
    if f"splits/{REPORT}" in sound:
        _check_report(layout, findings)


def _paths(names: Sequence[str]) -> list[str]:
    return [f"splits/{name}" for name in names]


def _is_of_subset(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 4 and parts[1] == "subsets" and parts[3] in _SETS


def _read(root: Path, path: str, n: int, findings: Findings) -> Ints | None:
    """Return the indices in a file; None: it is no list of indices, ascending."""
    try:
        lines = (root / path).read_bytes().decode("ascii").splitlines()
    except UnicodeDecodeError:
        findings.wrong(path, "is no text")
        return None
    except OSError as error:
        findings.altered(path, unreadable(error))
        return None
    for number, line in enumerate(lines, 1):
        if not line.isdigit() or len(line) > 18 or int(line) >= n:
            findings.wrong(path, f"line {number}: {line[:40]!r} is no row of meta.csv, which has {n}")
            return None
    rows = np.array(lines, dtype=np.int64)
    falling = np.flatnonzero(np.diff(rows) <= 0)
    if len(falling):
        findings.wrong(path, f"line {falling[0] + 2}: indices do not ascend")
        return None
    return rows


def _check_sides(read: Mapping[str, Ints], meta: Meta, whole: bool, findings: Findings) -> None:
    """Check that sets share no row and no location, and, if they are all there, have all rows between them."""
    side = np.full(len(meta), -1, dtype=np.int8)
    sets = _paths([*_SETS, ASIDE])
    for number, path in enumerate(sets):
        rows = read.get(path)
        if rows is None:
            continue
        taken = rows[side[rows] >= 0]
        if len(taken):
            findings.wrong(path, f"row {taken[0]} is in {sets[side[taken[0]]]} too" + _more(len(taken)))
        side[rows[side[rows] < 0]] = number
    left = np.flatnonzero(side < 0)
    if whole and len(left):
        findings.wrong("splits/", f"row {left[0]} is in none of {', '.join(_SETS)} and {ASIDE}" + _more(len(left)))
    dealt = np.flatnonzero(side >= 0)
    _, first, of_row = np.unique(meta.key[dealt], return_index=True, return_inverse=True)
    apart = np.flatnonzero(side[dealt] != side[dealt][first][of_row])
    if len(apart):
        row, other = int(dealt[apart[0]]), int(dealt[first[of_row[apart[0]]]])
        text = f"row {row} is of the location of row {other}, which is in {sets[side[other]]}"
        findings.wrong(sets[side[row]], text + _more(len(apart)))


def _check_subsets(read: Mapping[str, Ints], findings: Findings) -> None:
    for path, rows in sorted(read.items()):
        whole = read.get(f"splits/{path.rpartition('/')[2]}")
        if not _is_of_subset(path) or whole is None:
            continue
        strange = np.setdiff1d(rows, whole)
        if len(strange):
            findings.wrong(path, f"row {strange[0]} is not in splits/{path.rpartition('/')[2]}" + _more(len(strange)))


def _check_report(layout: DatasetLayout, findings: Findings) -> None:
    path = f"splits/{REPORT}"
    try:
        report = json.loads((layout.root / path).read_bytes())
        stated = report.get("meta_csv_sha256")
    except (OSError, ValueError, AttributeError):
        findings.wrong(path, "cannot be read")
        return
    if stated is not None and stated != file_digest(layout.meta_csv):
        findings.wrong(path, "the split was made of another meta.csv (meta_csv_sha256)")


def _more(n: int) -> str:
    return f", and {n - 1} rows more" if n > 1 else ""
