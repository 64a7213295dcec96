"""Whose a dataset folder is."""

import json

from seasonet_build.errors import ConfigError
from seasonet_build.model.layout import DatasetLayout
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
    if layout.root.exists() and _holds_foreign_files(layout):
        raise ConfigError(f"{layout.root} exists and is not a dataset of this program: set another paths.dataset")


def _holds_foreign_files(layout: DatasetLayout) -> bool:
    """Tell whether there is anything but what is left of a marker that was being written, or what a disk comes with."""
    known = {f"{layout.marker.stem}.part{layout.marker.suffix}", "lost+found"}
    return not layout.root.is_dir() or any(path.name not in known for path in layout.root.iterdir())


def _owner(layout: DatasetLayout) -> str | None:
    try:
        return str(json.loads(layout.marker.read_text(encoding="utf-8"))["dataset"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{layout.marker} cannot be read: is {layout.root} a dataset of this program?") from None
