"""The files of a split: written as a whole, so that the old split stays until the new one is complete."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seasonet_build.config.split import SplitSection
from seasonet_build.errors import DataError
from seasonet_build.model.grid import GRIDS
from seasonet_build.model.layout import SPLITS, DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.splits.balance import NO_SIDE, Sides
from seasonet_build.splits.dataset import Ints, Sampled
from seasonet_build.storage import exchange, write_text

REPORT, FIGURE, SIDES, ASIDE = "report.json", "classes.png", "sides.parquet", "none.csv"
_HISTORY = ("kept", "moved")


@dataclass(frozen=True)
class Remembered:
    """The sides of an earlier split: location keys, ascending, and sides; ``rule`` is what they were made by."""

    key: Ints
    sides: Sides
    rule: str


def rule_of(options: SplitSection) -> str:
    """Return a text for all that decides sides but the dataset: where it changes, no side is kept."""
    return json.dumps(options.model_dump(mode="json", exclude={"keep", "subsets"}), sort_keys=True)


def write_split(
    layout: DatasetLayout,
    sampled: Sampled,
    sides: Sides,
    report: Mapping[str, Any],
    options: SplitSection,
    rule: str,
    others: Mapping[str, Callable[[Path], None]],
) -> list[Path]:
    """Write all files of a split; return them, sorted.

    They are written to a folder beside the old split, which they then replace. ``rule`` is what the sides were made by
    (see :func:`rule_of`), ``others`` writes further files by name.
    """
    folder, fresh, old = layout.splits, layout.root / ".splits.new", layout.root / ".splits.old"
    shutil.rmtree(fresh, ignore_errors=True)
    for name, indices in _index_files(sampled, sides, options).items():
        write_text(fresh / name, "".join(f"{i}\n" for i in indices))
    # How the sides came about is not in the file: the same samples and sides give the same files, whatever was before.
    lasting = {name: value for name, value in report.items() if name not in _HISTORY}
    write_text(fresh / REPORT, json.dumps(lasting, indent=1) + "\n")
    _write_sides(fresh / SIDES, Remembered(sampled.key, sides, rule))
    for name, write in others.items():
        write(fresh / name)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists() and not exchange(fresh, folder):
        folder.rename(old)
    if not folder.exists():
        fresh.rename(folder)
    for gone in (fresh, old):
        shutil.rmtree(gone, ignore_errors=True)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def recover(layout: DatasetLayout) -> None:
    """Put an old split back whose replacement was interrupted between two renames."""
    old = layout.root / ".splits.old"
    if old.is_dir() and not layout.splits.exists():
        old.rename(layout.splits)
    for gone in (old, layout.root / ".splits.new"):
        shutil.rmtree(gone, ignore_errors=True)


def read_sides(layout: DatasetLayout) -> Remembered | None:
    """Return the sides of the last split; None: there is none that can be read."""
    try:
        table = pq.read_table(layout.splits / SIDES)
        rule = (table.schema.metadata or {})[b"rule"].decode()
        return Remembered(table["key"].to_numpy(), table["side"].to_numpy(), rule)
    except (OSError, KeyError, pa.ArrowException):
        return None


def compare_sides(before: Remembered | None, after: Remembered | None) -> dict[str, int]:
    """Return how many locations had a side by the same rule before (``kept``), and how many of them ``moved``."""
    if before is None or after is None or before.rule != after.rule:
        return {"kept": 0, "moved": 0}
    _, old, new = np.intersect1d(before.key, after.key, assume_unique=True, return_indices=True)
    return {"kept": len(old), "moved": int((before.sides[old] != after.sides[new]).sum())}


def sides_from_files(folder: Path, sampled: Sampled) -> Sides:
    """Return the sides that split files give to the locations of the ``meta.csv`` that they belong to.

    Raises:
        DataError: a file is missing or damaged, or images of a location are on two sides.
    """
    sides = np.full(len(sampled.key), NO_SIDE, dtype=np.int8)
    for side, name in enumerate(SPLITS):
        file = folder / f"{name}.csv"
        locations = np.unique(sampled.of_row[_read_indices(file, len(sampled.of_row))])
        twice = locations[sides[locations] != NO_SIDE]
        if len(twice):
            other = SPLITS[int(sides[twice[0]])]
            row = int(np.flatnonzero(sampled.of_row == twice[0])[0])
            raise DataError(f"{file}: the location of row {row} is in {other}.csv too")
        sides[locations] = side
    return sides


def _read_indices(file: Path, n: int) -> Ints:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{file}: is no text") from None
    wrong = next((number for number, line in enumerate(lines, 1) if not _is_index(line, n)), None)
    if wrong is not None:
        raise DataError(f"{file}, line {wrong}: {lines[wrong - 1]!r} is not an index of meta.csv, which has {n} rows")
    return np.array(lines, dtype=np.int64)


def _is_index(text: str, n: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19 and int(text) < n


def _index_files(sampled: Sampled, sides: Sides, options: SplitSection) -> dict[str, Ints]:
    """Return the indices of each file, ascending."""
    of_sample = sides[sampled.of_row]
    files = {f"{name}.csv": np.flatnonzero(of_sample == side) for side, name in enumerate(SPLITS)}
    if (sides == NO_SIDE).any():
        files[ASIDE] = np.flatnonzero(of_sample == NO_SIDE)
    for subset, members in _subsets(sampled, options.subsets).items():
        for side, name in enumerate(SPLITS):
            files[f"subsets/{subset}/{name}.csv"] = np.flatnonzero((of_sample == side) & members)
    return files


def _subsets(sampled: Sampled, wanted: Sequence[str]) -> dict[str, Any]:
    """Return which samples each subset has, shape (samples,)."""
    subsets: dict[str, Any] = {}
    if "full-season" in wanted:
        four = np.asarray(sampled.locations.images[:, : len(SEASONS) - 1].all(axis=1))
        subsets["full-season"] = four[sampled.of_row] & (sampled.season < len(SEASONS) - 1)
    if "season" in wanted:
        subsets |= {season.value: sampled.season == i for i, season in enumerate(SEASONS)}
    if "grid" in wanted:
        subsets |= {f"grid{g}": (sampled.locations.grid == g)[sampled.of_row] for g in GRIDS}
    return subsets


def _write_sides(path: Path, remembered: Remembered) -> None:
    table = pa.table({"key": remembered.key, "side": remembered.sides.astype(np.int8)})
    pq.write_table(table.replace_schema_metadata({"rule": remembered.rule}), path, compression="zstd")
