"""Whether there is room for what is going to be written, told before it is."""

import os
from pathlib import Path

import numpy as np

from seasonet_build.config.models import OutputSection
from seasonet_build.errors import DataError, DiskFullError
from seasonet_build.model.bands import BAND_RESOLUTION, PATCH_FILES
from seasonet_build.model.grid import PATCH_M
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.stages.records import SIZE, read_record
from seasonet_build.storage import free_room

_BLOCK = 4096
"""What a file takes at least, and the step in which it grows: the block of common file systems."""

_COMPRESSED = {"zstd": 0.5, "deflate": 0.5, "none": 1.0}
"""Least share of the raw size that real images take; a guess on the low side must not refuse what would fit."""

_MASKS = 4


def check_room(dataset: DatasetLayout, workspace: WorkspaceLayout, n_patches: int, output: OutputSection) -> None:
    """Check that some more patches have room in the dataset's file system: bytes and inodes.

    What a patch takes is the mean of those that are there, else a guess.

    Raises:
        DiskFullError: they have not; names what is needed and what is free.
    """
    n_files = len(PATCH_FILES) + 1 + (_MASKS if output.masks else 0)
    size = _mean_size(workspace) or _guessed_size(output)
    needed, free = n_patches * (size + (n_files / 2 + 1) * _BLOCK), free_room(dataset.root)
    if needed > free:
        raise DiskFullError(
            f"{dataset.root}: {n_patches} patches need about {_amount(needed)}, {_amount(free)} are free: "
            "free some space, or set paths.dataset to another disk"
        )
    inodes, free_inodes = n_patches * (n_files + 1), _free_inodes(dataset.root)
    if free_inodes is not None and inodes > free_inodes:
        raise DiskFullError(
            f"{dataset.root}: {n_patches} patches are {inodes} files and folders, the file system has inodes for "
            f"{free_inodes} more: use one that was made with more (mkfs.ext4 -N), or XFS"
        )


def _mean_size(workspace: WorkspaceLayout) -> float | None:
    """Return the mean size in bytes of the patches on record, None if there are none."""
    for path in sorted((workspace.root / "patches").glob("*.parquet")):
        try:
            record = read_record(path)
        except DataError:
            continue
        columns = [record[name].to_numpy() for name in record.column_names if name.endswith(SIZE.format(""))]
        if len(record):
            return float(np.sum(columns) / len(record))
    return None


def _guessed_size(output: OutputSection) -> float:
    pixels = {metres: (PATCH_M // metres) ** 2 for metres in set(BAND_RESOLUTION.values())}
    images = sum(2 * pixels[file.resolution] * len(file.bands) for file in PATCH_FILES)
    return images * _COMPRESSED[output.compression]


def _free_inodes(folder: Path) -> int | None:
    """Return how many files may be made, None where the file system does not count them."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    found = os.statvfs(there)
    return found.f_favail if found.f_files else None


def _amount(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
