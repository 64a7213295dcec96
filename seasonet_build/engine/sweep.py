"""Removing what a dataset and its workspace no longer have a use for."""

import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from seasonet_build.model.layout import DatasetLayout


def remove_strays(layout: DatasetLayout, paths: Collection[str]) -> int:
    """Remove the folders of patches that are not among ``paths`` (relative to the dataset); return how many."""
    wanted = set(paths)
    strays = []
    for grid in layout.grid_folders():
        prefix = grid.relative_to(layout.root).as_posix()
        if grid.is_dir():
            # Plain strings: there may be millions.
            with os.scandir(grid) as entries:
                strays += [e.path for e in entries if f"{prefix}/{e.name}" not in wanted and e.is_dir()]
    for stray in sorted(strays):
        shutil.rmtree(stray)
    return len(strays)


def remove_unnamed(folders: Iterable[Path], named: Collection[Path]) -> None:
    """Remove the files below some folders that are not among ``named``: no manifest tells what they are."""
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file not in named and not file.is_dir():
                file.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what is left of files that were being written when a run was killed."""
    for file in sorted(folder.rglob("*.part.json")):
        file.unlink(missing_ok=True)
