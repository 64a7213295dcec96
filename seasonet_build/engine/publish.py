"""The dataset folder as a whole: whose it is, and what does not belong there any more."""

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from seasonet_build.errors import ConfigError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.store import SIDES, recover
from seasonet_build.storage import write_text


def claim(layout: DatasetLayout, name: str) -> None:
    """Mark the dataset folder as that of a dataset.

    Raises:
        ConfigError: see :func:`check_owner`.
    """
    check_owner(layout, name)
    if _owner(layout) is None:
        write_text(layout.marker, json.dumps({"dataset": name, "program": "seasonet-build"}, sort_keys=True) + "\n")


def check_owner(layout: DatasetLayout, name: str) -> None:
    """Check that a dataset may be written to its folder.

    Raises:
        ConfigError: the folder holds a dataset of another name, or files of somebody else.
    """
    owner = _owner(layout)
    if owner == name:
        return
    if owner is not None:
        raise ConfigError(
            f"{layout.root} holds the dataset {owner!r}, the configuration builds {name!r}: "
            "set another paths.workspace or paths.dataset"
        )
    if layout.root.exists() and (not layout.root.is_dir() or any(layout.root.iterdir())):
        raise ConfigError(f"{layout.root} exists and is not a dataset of this program: set another paths.dataset")


def remove_strays(layout: DatasetLayout, paths: Collection[str]) -> int:
    """Remove the folders of patches that are not among ``paths`` (relative to the dataset); return how many."""
    wanted = {layout.root / path for path in paths}
    strays = [
        folder
        for grid in layout.grid_folders()
        if grid.is_dir()
        for folder in sorted(grid.iterdir())
        if folder not in wanted and folder.is_dir()
    ]
    for stray in strays:
        shutil.rmtree(stray)
    return len(strays)


def remove_splits(layout: DatasetLayout) -> None:
    """Remove split files: they number the rows of a ``meta.csv`` that has been replaced.

    Which side each location was on is kept.
    """
    recover(layout)
    for path in sorted(layout.splits.iterdir()) if layout.splits.is_dir() else []:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != SIDES:
            path.unlink()


def _owner(layout: DatasetLayout) -> str | None:
    try:
        return str(json.loads(layout.marker.read_text(encoding="utf-8"))["dataset"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{layout.marker} cannot be read: is {layout.root} a dataset of this program?") from None


def remove_files(files: Collection[Path]) -> None:
    """Remove files that may be gone already."""
    for file in files:
        file.unlink(missing_ok=True)
