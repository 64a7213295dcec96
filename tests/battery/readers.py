"""What somebody who reads a dataset may rely on at any moment, a run killed halfway included."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.battery.crash_build import Tree, is_dated, is_lock

TABLES = ("meta.csv", "meta.parquet", "checksums.parquet", "SHA256SUMS")


@dataclass
class Sight:
    """What a reader finds: problems that must not be, and states that may be between two runs.

    ``two_editions``: some tables are those of before and some those of after the run; ``mixed_patches``: patches with
    some files of before and some of after; ``no_table``: there were tables before, and there is no ``meta.csv`` now.
    """

    problems: list[str] = field(default_factory=list)
    two_editions: bool = False
    mixed_patches: int = 0
    no_table: bool = False


def look(now: Tree, before: Tree, after: Tree) -> Sight:
    """Look at a workspace that a run has left on its way from one state to another."""
    sight = Sight()
    for name in sorted(now):
        if is_final(name) and not _is_of_either(name, now, before, after):
            sight.problems.append(f"{name}: is neither that of before nor that of after")
    tables = [name for name in sorted(before.keys() | after.keys()) if _is_table(name)]
    moved = [name for name in tables if before.get(name) != after.get(name)]
    states = {now.get(name) == after.get(name) for name in moved}
    sight.two_editions = len(states) > 1
    meta = now.get("dataset/meta.csv")
    if meta is None:
        sight.no_table = "dataset/meta.csv" in before
        return sight
    rows = list(csv.DictReader(io.StringIO(meta.decode())))
    for row in rows:
        _look_at_patch(row["Path"], now, before, after, sight)
    _look_at_splits(now, len(rows), sight)
    return sight


def is_final(name: str) -> bool:
    """Tell whether a file has a name that readers, or later runs, go by: not one of a file being written."""
    if is_lock(name):
        return False
    parts = PurePosixPath(name).parts
    hidden = [part for part in parts if part.startswith(".") and part != ".seasonet-build.json"]
    return not hidden and ".part" not in parts[-1]


def _is_of_either(name: str, now: Tree, before: Tree, after: Tree) -> bool:
    if is_dated(name) or name.startswith("state/agenda/"):  # the latter tells of failures, and decides nothing
        return _is_json(now[name])
    return now[name] in (before.get(name), after.get(name))


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _is_table(name: str) -> bool:
    path = name.removeprefix("dataset/")
    return path != name and (path in TABLES or path.startswith("splits/"))


def _look_at_patch(path: str, now: Tree, before: Tree, after: Tree, sight: Sight) -> None:
    folder = f"dataset/{path}/"
    found, old, new = ({n: c for n, c in tree.items() if n.startswith(folder)} for tree in (now, before, after))
    if not any(version and version.keys() <= found.keys() for version in (old, new)):
        sight.problems.append(f"{path}: is named by meta.csv and has only {len(found)} files")
    elif found not in (old, new):
        sight.mixed_patches += 1


def _look_at_splits(now: Tree, rows: int, sight: Sight) -> None:
    for name, indices in _splits(now):
        wrong = [index for index in indices if not (index.isdigit() and int(index) < rows)]
        if wrong:
            sight.problems.append(f"{name}: has {wrong[0]!r}, and meta.csv has {rows} rows")


def _splits(now: Tree) -> Iterator[tuple[str, list[str]]]:
    for name in sorted(now):
        if name.startswith("dataset/splits/") and name.endswith(".csv"):
            yield name, now[name].decode().split()
