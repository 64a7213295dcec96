"""Places in a configuration that must not meet: what is written to, what is read, and what is not ours."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seasonet_build.model.layout import WorkspaceLayout


@dataclass(frozen=True)
class Places:
    """The places of a configuration, absolute.

    ``inputs`` are keys and what they name, files or folders; ``downloads`` is where products are put, with its key;
    None: nothing is downloaded.
    """

    workspace: Path
    dataset: Path
    inputs: Sequence[tuple[str, Path]]
    downloads: tuple[str, Path] | None = None

    def check(self) -> None:
        """Check that no place is one that can never be meant.

        Links are followed: what counts is where files would be written.

        Raises:
            ValueError: one is; the text names its key and value.
        """
        found = self._find_forbidden() or self._find_meeting_of_outputs() or self._find_meeting_with_inputs()
        if found is not None:
            raise ValueError(found)

    def _find_forbidden(self) -> str | None:
        forbidden = {Path("/"): "the root folder", _real(Path("~").expanduser()): "the home folder"}
        for key, place in self._outputs():
            if _real(place) in forbidden:
                return f"{key}: {place} is {forbidden[_real(place)]}; name a folder of its own"
        return None

    def _find_meeting_of_outputs(self) -> str | None:
        if _lies_in(self.workspace, self.dataset):
            what = "is" if _real(self.workspace) == _real(self.dataset) else "lies around"
            return f"paths.dataset: {self.dataset} {what} the workspace (paths.workspace); name a folder of its own"
        for place in _own_folders(self.workspace):
            if _lies_in(self.dataset, place):
                return f"paths.dataset: {self.dataset} lies in {place}, which belongs to the workspace"
            if self.downloads is not None and _lies_in(self.downloads[1], place):
                key, folder = self.downloads
                return f"{key}: {folder} lies in {place}, which belongs to the workspace"
        return None

    def _find_meeting_with_inputs(self) -> str | None:
        for key, source in self.inputs:
            for output_key, place in self._outputs():
                if _lies_in(place, source):
                    return f"{output_key}: {place} lies in {source}, which is read ({key}); name a place outside"
            if _lies_in(source, self.dataset):
                return f"{key}: {source} lies in the dataset ({self.dataset}), where only results belong"
        return None

    def _outputs(self) -> Sequence[tuple[str, Path]]:
        return (("paths.workspace", self.workspace), ("paths.dataset", self.dataset))


def _own_folders(workspace: Path) -> list[Path]:
    """Return the folders of a workspace that belong to the program; the dataset is a folder beside them."""
    layout = WorkspaceLayout(workspace)
    return [*layout.output_folders, layout.state, layout.changes]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _lies_in(path: Path, folder: Path) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return _real(path).is_relative_to(_real(folder))
