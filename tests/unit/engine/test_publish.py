"""New tables and splits take the place of old ones as a whole, whenever the program ends."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seasonet_build import storage
from seasonet_build.engine import publish as publishing
from seasonet_build.engine.changes import kept_changes, read_changes
from seasonet_build.engine.publish import finish, publish, refuse_unfinished, renew_sums
from seasonet_build.errors import DataError
from seasonet_build.model.checksums import parse_sums
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout
from seasonet_build.storage import file_digest, write_text
from tests.unit.engine.editions import write_sums
from tests.unit.helpers import contents

TABLES = ("checksums.parquet", "meta.csv", "meta.parquet")
SPLITS = (Path("splits/sides.parquet"), Path("splits/subsets/grid1/train.csv"), Path("splits/train.csv"))


@dataclass(frozen=True)
class Place:
    """A workspace and its dataset."""

    root: Path

    @property
    def workspace(self) -> WorkspaceLayout:
        return WorkspaceLayout(self.root / "work")

    @property
    def dataset(self) -> DatasetLayout:
        return DatasetLayout(self.root / "dataset")

    def prepare(self, version: int, splits: int | None = None) -> list[Path]:
        """Write an edition; return its split files, of a version of their own, or none at all if that is None."""
        edition = self.workspace.edition
        shutil.rmtree(edition.root, ignore_errors=True)
        write_sums(edition.root, {("spring/grid1", "32UME", "1_2_3_4"): ("20180418T104021", version, 0)})
        write_text(edition.meta_csv, f"meta {version}\n")
        write_text(edition.meta_parquet, f"geometry {version}\n")
        for file in SPLITS if splits is not None else ():
            write_text(edition.root / file, f"{file} {splits}\n")
        return list(SPLITS) if splits is not None else []

    def publish(self, version: int, splits: int | None = None) -> list[Path]:
        return publish(self.workspace, self.dataset, self.prepare(version, splits), "small")

    def finish(self) -> None:
        finish(self.dataset, self.workspace.changes)

    def files(self) -> dict[str, bytes]:
        """All files of the dataset; the hidden ones are not published yet."""
        return {path: data for path, data in contents(self.dataset.root).items() if not path.startswith(".")}

    def copy(self, root: Path) -> "Place":
        shutil.copytree(self.root, root)
        return Place(root)


@pytest.fixture
def place(tmp_path) -> Place:
    """A dataset of the first edition; a patch is there too."""
    made = Place(tmp_path / "place")
    write_text(made.dataset.root / "spring/grid1/a/a_labels.tif", "pixels")
    made.publish(1, splits=1)
    return made


def assert_sums_fit(dataset: DatasetLayout) -> None:
    """Check that the list has all files but those of patches, with their check sums."""
    files = [file for file in dataset.root.rglob("*") if file.is_file()]
    names = {file.relative_to(dataset.root).as_posix(): file for file in files}
    listed = {n for n in names if n != "SHA256SUMS" and not n.startswith(("spring", "."))}
    assert parse_sums(dataset.sums.read_text()) == {name: file_digest(names[name]) for name in listed}
    if shutil.which("sha256sum") is not None:
        command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        checked = subprocess.run(command, cwd=dataset.root, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def marks(dataset: DatasetLayout) -> dict[str, tuple[int, int]]:
    """Which file it is, and when it was last written."""
    files = [file for file in dataset.root.rglob("*") if file.is_file() and file != dataset.sums]
    return {str(file): (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


# -------------------------------------------------------------------------------------------------------- as it ends


def test_a_first_edition_is_published(tmp_path):
    place = Place(tmp_path)
    found = place.publish(1, splits=1)
    edition = contents(place.workspace.edition.root)
    assert {n: data for n, data in place.files().items() if n != "SHA256SUMS"} == edition
    assert sorted(edition) == sorted([*TABLES, *map(str, SPLITS)])
    assert {file.relative_to(place.dataset.root).as_posix() for file in found} == {*edition, "SHA256SUMS"}
    assert all(folder.is_dir() for folder in place.dataset.grid_folders())
    assert [path.name for path in place.dataset.root.iterdir() if path.name.startswith(".")] == []
    assert_sums_fit(place.dataset)
    (file,) = kept_changes(place.workspace.changes)
    told = read_changes(file)
    assert (told["dataset"], told["first"], told["counts"]["new"]) == ("small", True, 1)


def test_a_later_edition_takes_the_place_of_the_first(place):
    before = kept_changes(place.workspace.changes)
    shutil.rmtree(place.workspace.changes)
    place.publish(2, splits=2)
    edition = contents(place.workspace.edition.root)
    patch = {"spring/grid1/a/a_labels.tif": b"pixels"}
    assert {n: data for n, data in place.files().items() if n != "SHA256SUMS"} == {**edition, **patch}
    assert_sums_fit(place.dataset)
    assert len(before) == 1
    (file,) = kept_changes(place.workspace.changes)
    assert read_changes(file)["counts"] == {"new": 0, "replaced": 1, "removed": 0}


def test_what_is_the_same_is_not_written_again(place):
    before, told = marks(place.dataset), kept_changes(place.workspace.changes)
    place.publish(1, splits=1)
    assert marks(place.dataset) == before
    assert kept_changes(place.workspace.changes) == told
    assert_sums_fit(place.dataset)


def test_only_what_differs_is_written(place):
    before = marks(place.dataset)
    place.publish(1, splits=2)
    after = marks(place.dataset)
    assert {Path(name).relative_to(place.dataset.root) for name in after if after[name] != before[name]} == {*SPLITS}
    place.publish(2, splits=2)
    assert {Path(name).name for name, mark in marks(place.dataset).items() if after[name] != mark} == {*TABLES}


def test_without_split_files_the_sides_stay(place):
    place.publish(2)
    names = {n: data for n, data in place.files().items() if n.startswith("splits/")}
    assert names == {"splits/sides.parquet": b"splits/sides.parquet 1\n"}
    assert_sums_fit(place.dataset)


def test_without_split_files_a_dataset_that_had_none_has_none(tmp_path):
    place = Place(tmp_path)
    found = place.publish(1)
    assert {file.name for file in found} == {*TABLES, "SHA256SUMS"}
    assert sorted(place.files()) == sorted([*TABLES, "SHA256SUMS"])
    assert_sums_fit(place.dataset)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_was_taken_away_or_changed_comes_back(place, name):
    whole = place.files()
    (place.dataset.root / name).unlink()
    place.publish(1, splits=1)
    assert place.files() == whole
    (place.dataset.root / name).write_bytes(whole[name][:-1] + b"?")
    place.publish(1, splits=1)
    assert place.files() == whole


def test_a_damaged_table_of_an_edition_is_not_published(place):
    before = place.files()
    files = place.prepare(2, 2)
    place.workspace.edition.checksums.write_bytes(b"junk")
    with pytest.raises(DataError, match=str(place.workspace.edition.checksums)):
        publish(place.workspace, place.dataset, files, "small")
    assert place.files() == before


# ----------------------------------------------------------------------------------------------------- interruptions


class Killed(BaseException):
    """Stands for the end of the process; nobody handles it."""


_STEPS = ("rename", "replace", "rmdir", "unlink")


@contextmanager
def killed_at(step: int, exchange: bool) -> Iterator[list[str]]:
    """End the program in the place of the n-th step that copies, moves or removes; give the steps that were taken.

    ``exchange`` tells whether the file system can let two folders change places.
    """
    taken: list[str] = []

    def counted(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if len(taken) == step:
                raise Killed
            taken.append(name)
            return act(*args, **kwargs)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        change_places = storage.exchange if exchange else (lambda *_: False)
        patch.setattr(publishing, "exchange", counted("exchange", change_places))
        patch.setattr(shutil, "copyfile", counted("copyfile", shutil.copyfile))
        for name in _STEPS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield taken


def splits_of(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.startswith("splits/")}


def assert_readable(place: Place, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Check what readers see at any moment: whole files, and a list that fits unless a run says it is at work."""
    for name, data in place.files().items():
        assert data in (before.get(name), after.get(name)), f"{name} is half written"
    assert set(place.files()) >= {name for name in TABLES if name in before}
    assert splits_of(place.files()) in ({}, splits_of(before), splits_of(after))
    if not place.dataset.publishing.exists():
        assert place.files() in (before, after)


SCENARIOS = {
    "all": ((1, 1), (2, 2)),
    "splits alone": ((1, 1), (1, 2)),
    "tables alone": ((1, 1), (2, 1)),
    "splits go": ((1, 1), (2, None)),
    "splits come": ((1, None), (2, 2)),
    "first": (None, (1, 1)),
}


@pytest.fixture(params=[*SCENARIOS, "all, no exchange", "splits go, no exchange"])
def pair(request: pytest.FixtureRequest, tmp_path) -> tuple[Place, Place, tuple[int, int | None], bool]:
    """A dataset before an edition is published, the same afterwards, the edition, and what the file system can do."""
    scenario, _, without = request.param.partition(", ")
    first, edition = SCENARIOS[scenario]
    before = Place(tmp_path / "before")
    before.dataset.root.mkdir(parents=True)
    if first is not None:
        before.publish(*first)
        shutil.rmtree(before.workspace.changes)
    after = before.copy(tmp_path / "after")
    after.publish(*edition)
    return before, after, edition, not without


def told(place: Place) -> list[dict[str, object]]:
    """What changed, without the time."""
    return [{**read_changes(file), "time": ""} for file in kept_changes(place.workspace.changes)]


def test_an_interruption_at_any_step_is_made_good(pair, tmp_path):
    before, after, edition, exchange = pair
    old, new = before.files(), after.files()
    changes, steps = told(after), 0
    while True:
        place = before.copy(tmp_path / "now")
        with killed_at(steps, exchange):
            try:
                place.publish(*edition)
            except Killed:
                pass
            else:
                break
        assert_readable(place, old, new)
        # As a run does: first the rest of the last one, then its own.
        pending = (place.dataset.publishing / "SHA256SUMS").exists()
        place.finish()
        if not pending:
            assert place.files() in (old, new)
            place.publish(*edition)
        assert place.files() == new
        assert told(place) == changes
        assert [path for path in place.dataset.root.iterdir() if path.name.startswith(".")] == []
        shutil.rmtree(place.root)
        steps += 1
    assert steps > 10
    assert place.files() == new
    assert told(place) == changes


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "no-exchange"])
def test_what_is_pending_may_be_interrupted_again_and_again(place, tmp_path, exchange):
    shutil.rmtree(place.workspace.changes)
    after = place.copy(tmp_path / "after")
    after.publish(2, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "finish", lambda *_: None)
        place.publish(2, 2)
    assert {n: d for n, d in place.files().items() if n in TABLES} != {n: after.files()[n] for n in TABLES}
    # What was done must not have to be done again: else a few steps at a time would never lead to the end.
    for _ in range(100):
        with killed_at(3, exchange):
            try:
                place.finish()
            except Killed:
                continue
            break
    assert place.files() == after.files()
    assert not place.dataset.publishing.exists()
    assert told(place) == told(after)


def test_with_nothing_pending_nothing_is_done(place, tmp_path):
    before = marks(place.dataset)
    with killed_at(0, exchange=True):
        finish(DatasetLayout(tmp_path / "none"), tmp_path / "changes")
        place.finish()
    assert marks(place.dataset) == before
    assert not (tmp_path / "none").exists()


def pend(place: Place) -> Path:
    """Let a run end when all is gathered and nothing moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "finish", lambda *_: None)
        place.publish(2, 2)
    return place.dataset.publishing


def test_a_dataset_that_is_being_published_is_told(place):
    refuse_unfinished(place.dataset)
    pend(place)
    with pytest.raises(DataError, match=rf"{place.dataset.root}: .*run it again"):
        refuse_unfinished(place.dataset)
    place.finish()
    refuse_unfinished(place.dataset)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[:-9],
    "another digit": lambda data: (b"1" if data[:1] == b"0" else b"0") + data[1:],
    "a line less": lambda data: data.partition(b"\n")[2],
    "no text": lambda _: b"\xff\xfe" * 30,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_list_that_is_pending_is_named_and_nothing_is_moved(place, how):
    sums = pend(place) / "SHA256SUMS"
    sums.write_bytes(DAMAGE[how](sums.read_bytes()))
    before = place.files()
    with pytest.raises(DataError, match=rf"{sums}: .*delete {sums.parent} and run again"):
        place.finish()
    assert place.files() == before
    # As the message says:
    shutil.rmtree(sums.parent)
    place.finish()
    place.publish(2, 2)
    assert_sums_fit(place.dataset)
    assert (place.dataset.root / "meta.csv").read_text() == "meta 2\n"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff\xfe"])
def test_damaged_changes_that_are_pending_are_named(place, data):
    file = pend(place) / "changes.json"
    file.write_bytes(data)
    with pytest.raises(DataError, match=rf"{file}: .*delete it and run again"):
        place.finish()
    file.unlink()
    place.finish()
    assert_sums_fit(place.dataset)
    assert (place.dataset.root / "meta.csv").read_text() == "meta 2\n"


def test_pending_splits_that_vanished_are_named(place):
    folder = pend(place)
    shutil.rmtree(folder / "splits")
    with pytest.raises(DataError, match=str(folder / "splits")):
        place.finish()
    assert (place.dataset.splits / "train.csv").is_file()


# --------------------------------------------------------------------------------------------------- splits in place


def test_the_list_is_brought_up_to_date_after_a_new_split(place):
    write_text(place.dataset.splits / "train.csv", "0\n")
    write_text(place.dataset.splits / "subsets/grid2/train.csv", "")
    (place.dataset.splits / "sides.parquet").unlink()
    before = marks(place.dataset)
    renew_sums(place.dataset)
    assert_sums_fit(place.dataset)
    assert marks(place.dataset) == before


def test_a_dataset_without_a_list_gets_none(place):
    place.dataset.sums.unlink()
    renew_sums(place.dataset)
    assert not place.dataset.sums.exists()


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_list_is_not_renewed(place, how):
    damaged = DAMAGE[how](place.dataset.sums.read_bytes())
    place.dataset.sums.write_bytes(damaged)
    with pytest.raises(DataError, match=str(place.dataset.sums)):
        renew_sums(place.dataset)
    assert place.dataset.sums.read_bytes() == damaged
