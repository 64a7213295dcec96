"""Check what lies where in a dataset: the folders, and files and folders that belong to nothing."""

import os
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.verify.files import LEFTOVERS, OWN, files_below, listing
from seasonet_build.verify.findings import Findings
from seasonet_build.verify.values import MASK_SUFFIXES, NEEDED_SUFFIXES

_LOOKED_AT = 200
"""Patches that are looked at to tell whether those of a dataset have masks."""


def require_dataset(layout: DatasetLayout) -> None:
    """Check that a folder is a dataset at all.

    Raises:
        DataError: it is not there, cannot be listed, or has neither a ``meta.csv`` nor the folder of a season set.
    """
    try:
        names = os.listdir(layout.root)  # noqa: PTH208
    except OSError as error:
        raise DataError(f"{layout.root}: {error.strerror}; name the folder of a dataset") from None
    if not {layout.meta_csv.name, *SEASONS} & set(names):
        raise DataError(f"{layout.root}: is not a dataset: it has neither meta.csv nor a folder of a season set")


def check_top(layout: DatasetLayout, listed: Collection[str] | None, findings: Findings) -> None:
    """Check the folders that every dataset has, and that nothing else lies beside them.

    Args:
        layout: the dataset.
        listed: the files that are recorded; None: there is no list of them.
        findings: what is found.
    """
    for folder in (*layout.grid_folders(), layout.splits):
        if not folder.is_dir():
            findings.missing(f"{folder.relative_to(layout.root).as_posix()}/")
    tables = {layout.meta_csv.name, layout.checksums.name, layout.sums.name}
    if listed is None:
        tables.add(layout.meta_parquet.name)
    folders = {*(season.value for season in SEASONS), layout.splits.name}
    for name in listing(str(layout.root)) or []:
        if name in LEFTOVERS:
            findings.notes.append(
                f"a run is at work here, or was interrupted: {name} is there; "
                "wait for it or run it again, then verify again"
            )
        elif name not in (folders | tables | set(OWN) | set(listed or ())):
            findings.extra(files_below(layout.root, name))
    for season in SEASONS:
        grids = {folder.name for folder in layout.grid_folders()}
        for name in listing(str(layout.root / season.value)) or []:
            if name not in grids:
                findings.extra(files_below(layout.root, f"{season.value}/{name}"))


def check_extra_patches(layout: DatasetLayout, paths: pa.Array, findings: Findings) -> None:
    """Name what lies in the folders of grids and is not among the patches of a dataset."""
    for folder in layout.grid_folders():
        prefix = f"{folder.relative_to(layout.root).as_posix()}/"
        wanted = set(pc.filter(paths, pc.starts_with(paths, prefix)).to_pylist())
        for name in listing(str(folder)) or []:
            if prefix + name not in wanted:
                findings.extra(files_below(layout.root, prefix + name))


def list_patches(layout: DatasetLayout) -> pa.Array:
    """Return the paths of everything that lies in the folders of grids, for want of a table of patches."""
    return pa.array(_all_names(layout), type=pa.string())


def suffixes_there(layout: DatasetLayout, paths: pa.Array) -> tuple[str, ...]:
    """Return the suffixes of the files that most patches have: masks belong to them if most have them."""
    counts, looked_at = dict.fromkeys(MASK_SUFFIXES, 0), 0
    rows = sorted({row * len(paths) // _LOOKED_AT for row in range(_LOOKED_AT if len(paths) else 0)})
    for row in rows:
        path = paths[row].as_py()
        found = set(listing(f"{layout.root}/{path}") or ())
        looked_at += bool(found)
        for suffix in MASK_SUFFIXES:
            counts[suffix] += f"{path.rpartition('/')[2]}_{suffix}.tif" in found
    return (*NEEDED_SUFFIXES, *(suffix for suffix in MASK_SUFFIXES if 2 * counts[suffix] > looked_at))


def _all_names(layout: DatasetLayout) -> Iterator[str]:
    for folder in layout.grid_folders():
        prefix = f"{folder.relative_to(layout.root).as_posix()}/"
        for name in listing(str(folder)) or []:
            try:
                name.encode("utf-8")
            except UnicodeEncodeError:
                continue
            yield prefix + name
