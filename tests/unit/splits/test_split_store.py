"""The files of a split: whole or not at all, and read back."""

import json
from pathlib import Path

import numpy as np
import pytest

from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits import store
from seasonet_build.splits.balance import NO_SIDE, Sides
from seasonet_build.splits.dataset import Sampled, read_samples
from seasonet_build.splits.store import read_sides, recover, sides_from_files, write_split
from tests.unit.helpers import contents
from tests.unit.splits.maps import ONE_TILE, SEASONS, make_spots, options, sampled_order, write_dataset

SPOTS = make_spots(ONE_TILE, reach=2)


@pytest.fixture
def layout(tmp_path: Path) -> DatasetLayout:
    return write_dataset(tmp_path / "dataset", SPOTS)


@pytest.fixture
def sampled(layout: DatasetLayout) -> Sampled:
    return read_samples(layout)


def some_sides(sampled: Sampled, seed: int = 0, aside: bool = True) -> Sides:
    return np.random.default_rng(seed).integers(-1 if aside else 0, 3, len(sampled.key)).astype(np.int8)


def write(layout: DatasetLayout, sampled: Sampled, sides: Sides, **changes: object) -> list[Path]:
    return write_split(layout, sampled, sides, {"a": 1}, options(**changes), "rule", {"note.txt": write_note})


def write_note(path: Path) -> None:
    path.write_text("x")


def indices(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()]


def test_the_files_part_the_rows(layout, sampled):
    sides = some_sides(sampled)
    files = write(layout, sampled, sides)
    names = {"train.csv", "val.csv", "test.csv", "none.csv", "report.json", "sides.parquet", "note.txt"}
    assert {file.name for file in files} == names == set(contents(layout.splits))
    seen = []
    for side, name in ((0, "train"), (1, "val"), (2, "test"), (NO_SIDE, "none")):
        rows = indices(layout.split_file(name))
        assert rows == sorted(rows)
        assert all(sides[sampled.of_row[row]] == side for row in rows)
        seen += rows
    assert sorted(seen) == list(range(len(sampled.of_row)))
    assert json.loads((layout.splits / "report.json").read_text()) == {"a": 1}


def test_a_split_without_anything_set_aside_has_no_such_file(layout, sampled):
    write(layout, sampled, some_sides(sampled))
    write(layout, sampled, some_sides(sampled, aside=False))
    assert not (layout.splits / "none.csv").exists()


def test_subsets(layout, sampled):
    sides = some_sides(sampled)
    write(layout, sampled, sides, subsets=["full-season", "season", "grid"])
    order = sampled_order(SPOTS)
    folder = layout.splits / "subsets"
    subsets = {"full-season", *(season.lower() for season in SEASONS), "grid1", "grid2"}
    assert {path.name for path in folder.iterdir()} == subsets
    for side, name in enumerate(("train", "val", "test")):
        own = [
            (row, order[location], SEASONS[season])
            for row, (location, season) in enumerate(zip(sampled.of_row, sampled.season, strict=True))
            if sides[location] == side
        ]
        for season in SEASONS:
            assert indices(folder / season.lower() / f"{name}.csv") == [row for row, _, its in own if its == season]
        for grid in (1, 2):
            assert indices(folder / f"grid{grid}" / f"{name}.csv") == [row for row, s, _ in own if s.grid == grid]
        # All four seasons, and no images with snow.
        full = [row for row, s, its in own if set(SEASONS[:4]) <= set(s.seasons) and its != "Snow"]
        assert indices(folder / "full-season" / f"{name}.csv") == full


def test_sides_are_read_back(layout, sampled):
    sides = some_sides(sampled)
    write(layout, sampled, sides)
    remembered = read_sides(layout)
    assert remembered is not None
    assert (remembered.key == sampled.key).all()
    assert (remembered.sides == sides).all()
    assert remembered.rule == "rule"
    assert (sides_from_files(layout.splits, sampled) == sides).all()


@pytest.mark.parametrize("damage", [None, b"", b"PAR1 and no more"])
def test_sides_that_cannot_be_read_are_none(layout, sampled, damage):
    write(layout, sampled, some_sides(sampled))
    file = layout.splits / "sides.parquet"
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    assert read_sides(layout) is None


class Stopped(BaseException):
    """The power went."""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_an_interruption_leaves_an_old_or_a_new_split(layout, sampled, monkeypatch, renames):
    """On a file system where two folders cannot take each other's place in one step."""
    monkeypatch.setattr(store, "exchange", lambda _one, _other: False)
    write(layout, sampled, some_sides(sampled))
    before = contents(layout.splits)
    done: list[Path] = []
    rename = Path.rename

    def stop_after_some(path: Path, target: Path) -> Path:
        if path.parent == layout.root:
            if len(done) == renames:
                raise Stopped
            done.append(path)
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stop_after_some)
        if renames < 2:
            with pytest.raises(Stopped):
                write(layout, sampled, some_sides(sampled, seed=1))
        else:
            write(layout, sampled, some_sides(sampled, seed=1))
    recover(layout)
    assert (contents(layout.splits) == before) == (renames < 2)
    write(layout, sampled, some_sides(sampled, seed=1))
    assert {path.name for path in layout.root.iterdir()} == {"meta.csv", "meta.parquet", "splits"}
    assert contents(layout.splits) != before


def test_a_failure_while_writing_leaves_the_old_split(layout, sampled):
    write(layout, sampled, some_sides(sampled))
    before = contents(layout.splits)

    def fail(path: Path) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_split(layout, sampled, some_sides(sampled, 1), {}, options(), "rule", {"classes.png": fail})
    assert contents(layout.splits) == before


@pytest.mark.parametrize("line", ["x", "-1", "1.5", "1 2", "999999", "9" * 5000, "²", "", "Index"])
def test_a_wrong_line_is_named(layout, sampled, line):
    write(layout, sampled, some_sides(sampled))
    file = layout.split_file("val")
    text = file.read_text().splitlines()
    file.write_text("\n".join([*text[:2], line, *text[2:]]), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        sides_from_files(layout.splits, sampled)
    n = len(sampled.of_row)
    assert str(caught.value) == f"{file}, line 3: {line!r} is not an index of meta.csv, which has {n} rows"


def test_lines_may_end_as_on_windows(layout, sampled):
    sides = some_sides(sampled)
    write(layout, sampled, sides)
    file = layout.split_file("train")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert (sides_from_files(layout.splits, sampled) == sides).all()


def test_files_that_are_missing_or_contradict_are_named(layout, sampled):
    write(layout, sampled, some_sides(sampled))
    layout.split_file("test").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"test\.csv: is no text"):
        sides_from_files(layout.splits, sampled)
    layout.split_file("test").unlink()
    with pytest.raises(DataError, match=r"test\.csv: no such file"):
        sides_from_files(layout.splits, sampled)
    layout.split_file("test").write_bytes(layout.split_file("train").read_bytes())
    with pytest.raises(DataError, match=r"test\.csv: the location of row \d+ is in train\.csv too"):
        sides_from_files(layout.splits, sampled)
