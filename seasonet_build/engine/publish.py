"""Putting new tables and splits in the place of old ones.

Everything is first gathered in a hidden folder of the dataset, which takes its final name when it is complete. From
then on the files are moved to their places, one rename each, the list of check sums last. If that is interrupted, the
next run begins by doing the rest.
"""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from seasonet_build.engine.changes import compare, keep_changes
from seasonet_build.errors import DataError
from seasonet_build.model.checksums import parse_sums, sums_text
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.splits.store import SIDES
from seasonet_build.storage import exchange, file_digest, write_text

_CHANGES = "changes.json"


def publish(workspace: WorkspaceLayout, dataset: DatasetLayout, split_files: Sequence[Path], name: str) -> list[Path]:
    """Publish the tables of the edition, and its split files, given relative to it.

    Without split files those of the dataset go, for they number the rows of another table; which side each location was
    on stays.

    Returns:
        All files of the dataset but those of patches.

    Raises:
        DataError: a table is damaged.
    """
    edition = workspace.edition
    for folder in dataset.grid_folders():
        folder.mkdir(parents=True, exist_ok=True)
    part = dataset.root / f"{dataset.publishing.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    (part / "splits").mkdir(parents=True)
    tables = [path.relative_to(edition.root) for path in (edition.meta_parquet, edition.checksums, edition.meta_csv)]
    for file in (*tables, *split_files):
        (part / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(edition.root / file, part / file)
    if not split_files and (dataset.splits / SIDES).is_file():
        shutil.copyfile(dataset.splits / SIDES, part / "splits" / SIDES)
    _complete(part, dataset, edition, name)
    part.rename(dataset.publishing)
    finish(dataset, workspace.changes)
    return [dataset.sums, *(dataset.root / path for path in _read_sums(dataset.sums, dataset.sums))]


def finish(dataset: DatasetLayout, changes: Path) -> None:
    """Move what is complete to its place, if there is anything; what changed is told in the folder ``changes``.

    Raises:
        DataError: what was gathered is damaged.
    """
    folder = dataset.publishing
    sums = folder / dataset.sums.name
    if sums.is_file():  # it goes last: without it, all is done
        wanted = _read_sums(sums, folder)
        splits_differ = _digests(dataset.splits, dataset.root) != {p: d for p, d in wanted.items() if "/" in p}
        for target in (dataset.meta_parquet, dataset.checksums, dataset.meta_csv):
            if (folder / target.name).exists():
                (folder / target.name).replace(target)
        if splits_differ:
            _replace_folder(folder / "splits", dataset.splits)
        dataset.splits.mkdir(exist_ok=True)
        if (folder / _CHANGES).is_file():
            keep_changes(folder / _CHANGES, changes)
        sums.replace(dataset.sums)
    shutil.rmtree(folder, ignore_errors=True)


def renew_sums(dataset: DatasetLayout) -> None:
    """Bring the list of check sums up to date after its splits were changed in place, if it has such a list.

    Raises:
        DataError: the list is damaged.
    """
    if dataset.sums.is_file():
        tables = {p: d for p, d in _read_sums(dataset.sums, dataset.sums).items() if "/" not in p}
        write_text(dataset.sums, sums_text({**tables, **_digests(dataset.splits, dataset.root)}))


def refuse_unfinished(dataset: DatasetLayout) -> None:
    """Check that no run was interrupted while it put tables into a dataset.

    Raises:
        DataError: one was.
    """
    if dataset.publishing.exists():
        raise DataError(f"{dataset.root}: a run was interrupted while it published tables here; run it again first")


def _read_sums(file: Path, cause: Path) -> dict[str, str]:
    """Read a list of check sums; ``cause`` is what has to go if it is damaged."""
    try:
        return parse_sums(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, DataError) as error:
        raise DataError(f"{file}: {error}; delete {cause} and run again") from None


def _complete(part: Path, dataset: DatasetLayout, edition: DatasetLayout, name: str) -> None:
    """Add the list of check sums and what changes; tables that are in their place as they are need not be moved."""
    digests = _digests(part, part)
    changes = compare(dataset, edition)
    if changes.any:
        write_text(part / _CHANGES, changes.text(name, datetime.now(UTC)))
    write_text(part / dataset.sums.name, sums_text(digests))
    for path, digest in digests.items():
        target = dataset.root / path
        if "/" not in path and target.is_file() and file_digest(target) == digest:
            (part / path).unlink()


def _digests(folder: Path, root: Path) -> dict[str, str]:
    """Return the check sums of all files below a folder, by path relative to ``root``."""
    return {path.relative_to(root).as_posix(): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def _replace_folder(new: Path, target: Path) -> None:
    if not new.is_dir():
        raise DataError(f"{new} has vanished; run again")
    if target.is_dir():
        if exchange(new, target):
            return
        target.rename(new.with_name("splits.old"))
    new.rename(target)
