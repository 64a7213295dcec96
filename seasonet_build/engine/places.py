"""Folders of a workspace or dataset that are links to somewhere else: a run would write there."""

import os
from collections.abc import Iterable
from pathlib import Path

from seasonet_build.config import BuildConfig
from seasonet_build.errors import ConfigError
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout


def check_places(config: BuildConfig) -> None:
    """Check that a run would write nowhere but in its workspace and dataset.

    The workspace and the dataset themselves may be links. Files may be too: they are replaced, not written to.

    Raises:
        ConfigError: a folder that is written to, or the lock file, is a link that leads out.
    """
    workspace, dataset = WorkspaceLayout(config.workspace), DatasetLayout(config.dataset_root)
    own = [*workspace.output_folders, workspace.state, workspace.changes, workspace.lock]
    _check(workspace.root, own, "paths.workspace")
    published = [dataset.splits, dataset.staging, dataset.publishing]
    seasons = [folder.parent for folder in dataset.grid_folders()]
    _check(dataset.root, [*published, *seasons, *dataset.grid_folders()], "paths.dataset")


def _check(root: Path, places: Iterable[Path], key: str) -> None:
    for place in places:
        for path in (place, *_folders_in(place)):
            if path.is_symlink() and not _target(path).is_relative_to(_target(root)):
                raise ConfigError(
                    f"{key}: {path} is a link to {_target(path)}, outside {root}: results would be written there; "
                    f"remove the link, or set {key} to another folder"
                )


def _folders_in(place: Path) -> list[Path]:
    """Return the folders in a folder of the workspace or of split files; of patches there are too many."""
    if place.name.startswith("grid") or not place.is_dir():
        return []
    return sorted(path for path in place.iterdir() if path.is_dir())


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))
