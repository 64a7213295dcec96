"""Compare two datasets, file by file; neither needs a record."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seasonet_build.engine.dealing import Progress, deal
from seasonet_build.interrupts import stop_requested
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.verify.files import LEFTOVERS, OWN, files_below, listing, odd_kind, shown, unreadable
from seasonet_build.verify.findings import Mode
from seasonet_build.verify.structure import require_dataset
from seasonet_build.verify.values import CannotDecodeError, Decoded, decode, quiet_gdal

BATCH = 100
"""Folders that a worker takes at a time."""

_CHUNK = 1 << 20


@dataclass
class Difference:
    """What two datasets, or parts of them, differ in; paths are relative to both, those of empty folders end in ``/``.

    ``files`` counts those that are on both sides, ``different`` has paths and reasons.
    """

    files: int = 0
    only_here: list[str] = field(default_factory=list)
    only_there: list[str] = field(default_factory=list)
    different: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison, sorted; ``patches`` is the number of patch folders that either dataset has."""

    dataset: str
    against: str
    mode: Mode
    patches: int
    files: int
    only_here: Sequence[str]
    only_there: Sequence[str]
    different: Sequence[tuple[str, str]]
    notes: Sequence[str]

    @property
    def same(self) -> bool:
        """Tell whether there is no difference."""
        return not (self.only_here or self.only_there or self.different)

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {
            "dataset": self.dataset,
            "against": self.against,
            "mode": self.mode.value,
            "patches": self.patches,
            "files": self.files,
            "ok": self.same,
            "only_here": list(self.only_here),
            "only_there": list(self.only_there),
            "different": [{"path": path, "reason": reason} for path, reason in self.different],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Batch:
    """Things that two datasets may have, relative to both: patch folders, or files in other places."""

    here: str
    there: str
    paths: Sequence[str]
    mode: Mode


def compare_datasets(here: Path, there: Path, mode: Mode, workers: int, progress: Progress) -> Comparison:
    """Compare two datasets by the sizes, the bytes or the pixels of files of patches, and all other files by bytes.

    By pixels, tables in Parquet are compared by what they hold, and records of bytes are left out.

    Raises:
        DataError: one of them is not a dataset.
    """
    roots = DatasetLayout(here), DatasetLayout(there)
    for layout in roots:
        require_dataset(layout)
    notes = [
        f"{name} is there in {layout.root}: a run is at work, or was interrupted"
        for layout in roots
        for name in LEFTOVERS
        if (layout.root / name).exists()
    ]
    left_out = {*OWN, *LEFTOVERS}
    if mode is Mode.PIXELS:
        left_out |= {roots[0].checksums.name, roots[0].sums.name}
        notes.append("the records of check sums were left out: they are of bytes")
    patches = list(_patches(roots))
    others = _others(roots, left_out)
    batches = [_Batch(str(here), str(there), patches[i : i + BATCH], mode) for i in range(0, len(patches), BATCH)]
    total = _compare_batch(_Batch(str(here), str(there), others, Mode.PIXELS if mode is Mode.PIXELS else Mode.BYTES))
    dealt = deal(_compare_batch, batches, min(workers, max(1, len(batches))))
    with progress("compare", len(batches)) as advance, closing(dealt):
        for part in dealt:
            total.files += part.files
            total.only_here += part.only_here
            total.only_there += part.only_there
            total.different += part.different
            advance()
    return Comparison(
        str(here),
        str(there),
        mode,
        len(patches),
        total.files,
        sorted(map(shown, total.only_here)),
        sorted(map(shown, total.only_there)),
        sorted((shown(path), shown(reason)) for path, reason in total.different),
        notes,
    )


def _patches(roots: tuple[DatasetLayout, DatasetLayout]) -> Iterator[str]:
    """Give everything that lies in the folders of grids."""
    for folders in zip(*(layout.grid_folders() for layout in roots), strict=True):
        prefix = folders[0].relative_to(roots[0].root).as_posix()
        for name in sorted({name for folder in folders for name in listing(str(folder)) or []}):
            yield f"{prefix}/{name}"


def _others(roots: tuple[DatasetLayout, DatasetLayout], left_out: set[str]) -> list[str]:
    """Return everything else: what lies at the top, below splits, and beside the folders of grids."""
    found: set[str] = set()
    for layout in roots:
        grids = {folder.relative_to(layout.root).as_posix() for folder in layout.grid_folders()}
        seasons = {path.partition("/")[0] for path in grids}
        for name in listing(str(layout.root)) or []:
            if name in seasons:
                found |= {f"{name}/{own}" for own in listing(str(layout.root / name)) or []} - grids
            elif name not in left_out:
                found.add(name)
        found |= {f"{path}/" for path in grids if not (layout.root / path).is_dir()}
    return sorted(found)


def _compare_batch(batch: _Batch) -> Difference:
    result = Difference()
    with gdal_env(), quiet_gdal():
        for path in batch.paths:
            if stop_requested.is_set():
                raise KeyboardInterrupt
            _compare_path(batch, path, result)
    return result


def _compare_path(batch: _Batch, path: str, result: Difference) -> None:
    """Compare what two datasets have at a path: files below a folder, or a file."""
    here, there = (_below(root, path) for root in (batch.here, batch.there))
    result.only_here += sorted(here - there)
    result.only_there += sorted(there - here)
    for file in sorted(here & there):
        if file.endswith("/"):
            continue
        result.files += 1
        try:
            reason = _difference(f"{batch.here}/{file}", f"{batch.there}/{file}", batch.mode)
        except OSError as error:
            reason = unreadable(error)
        except CannotDecodeError as error:
            reason = str(error)
        if reason is not None:
            result.different.append((file, reason))


def _below(root: str, path: str) -> set[str]:
    full = f"{root}/{path}"
    if path.endswith("/"):
        return {path} if os.path.isdir(full) else set()  # noqa: PTH112 - see files_below
    return set(files_below(Path(root), path)) if os.path.lexists(full) else set()


def _difference(one: str, other: str, mode: Mode) -> str | None:
    """Return how two files differ; None: they do not."""
    status, other_status = (os.lstat(path) for path in (one, other))
    odd, other_odd = odd_kind(status.st_mode), odd_kind(other_status.st_mode)
    if odd or other_odd:
        return f"here it {odd or 'is a file'}, there it {other_odd or 'is a file'}"
    same_size = status.st_size == other_status.st_size
    if mode is not Mode.PIXELS and not same_size:
        return f"has {status.st_size} bytes, there {other_status.st_size}"
    if mode is Mode.QUICK or (same_size and _same_bytes(one, other)):
        return None
    if mode is Mode.PIXELS and one.endswith(".tif"):
        return _other_raster(decode(one, None), decode(other, None))
    if mode is Mode.PIXELS and one.endswith(".parquet"):
        return _other_table(one, other)
    return "its bytes differ"


def _same_bytes(one: str, other: str) -> bool:
    with open(one, "rb") as first, open(other, "rb") as second:  # noqa: PTH123
        while True:
            piece = first.read(_CHUNK)
            if piece != second.read(_CHUNK):
                return False
            if not piece:
                return True


def _other_raster(one: Decoded, other: Decoded) -> str | None:
    assert one.pixels is not None
    assert other.pixels is not None
    if one.crs != other.crs or not np.array_equal(one.transform, other.transform):
        return "its coordinate system or transform differs"
    if one.pixels.dtype != other.pixels.dtype or one.pixels.shape != other.pixels.shape:
        return "its bands, size or type differ"
    n = np.count_nonzero(one.pixels != other.pixels)
    return f"{n} of {one.pixels.size} values differ" if n else None


def _other_table(one: str, other: str) -> str | None:
    try:
        same = pq.read_table(one).equals(pq.read_table(other))
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"cannot be read: {(str(error) or repr(error)).splitlines()[0]}"
    return None if same else "its rows differ"
