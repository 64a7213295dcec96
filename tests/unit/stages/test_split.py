"""The deal of locations to training, validation and test."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.layout import SPLITS, DatasetLayout
from seasonet_build.stages.split import read_meta, split_dataset, whole_shares
from tests.unit.helpers import few, modest

PAPER = {"train": 0.7, "val": 0.1, "test": 0.2}

Place = tuple[int, str, str]


def write_meta(folder: Path, rows: Sequence[Place]) -> DatasetLayout:
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=["Grid", "Latitude", "Longitude"])
    frame.insert(0, "Index", range(len(frame)))
    frame["Classes"] = "1,2"
    frame.to_csv(folder / "meta.csv", index=False)
    return DatasetLayout(folder)


def deal(folder: Path, rows: Sequence[Place], shares: Mapping[str, float] = PAPER, seed: int = 2018) -> list[str]:
    """The split of each row."""
    layout = write_meta(folder, rows)
    sizes = split_dataset(layout, shares, seed)
    side: dict[int, str] = {}
    for split in SPLITS:
        lines = layout.split_file(split).read_text(encoding="utf-8").splitlines()
        indices = [int(line) for line in lines]
        assert indices == sorted(indices)
        assert len(indices) == sizes[split]
        assert not side.keys() & indices
        side |= dict.fromkeys(indices, split)
    assert sorted(side) == list(range(len(rows)))
    return [side[i] for i in range(len(rows))]


def places(n: int, grid: int = 1) -> list[Place]:
    return [(grid, f"{50 + i / 1000:.6f}", "9.000000") for i in range(n)]


share_lists = (
    st.lists(st.integers(0, 100), min_size=3, max_size=3)
    .filter(any)
    .map(lambda parts: [Fraction(part, sum(parts)) for part in parts])
)


@modest
@given(st.integers(0, 5000), share_lists)
def test_whole_shares_are_the_largest_remainders(total, shares):
    counts = whole_shares(total, [float(share) for share in shares])
    assert sum(counts) == total
    remainders = [total * share - total * share // 1 for share in shares]
    raised = [count - total * share // 1 for count, share in zip(counts, shares, strict=True)]
    assert set(raised) <= {0, 1}
    # None is rounded down that has more left than one that is rounded up, but for ties.
    ups = [remainder for remainder, up in zip(remainders, raised, strict=True) if up]
    downs = [remainder for remainder, up in zip(remainders, raised, strict=True) if not up]
    if ups and downs:
        assert max(downs) <= min(ups) + Fraction(1, 10**6)


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (100, [0.7, 0.1, 0.2], [70, 10, 20]),
        (9, [0.7, 0.1, 0.2], [6, 1, 2]),
        (1, [0.7, 0.1, 0.2], [1, 0, 0]),
        (0, [0.7, 0.1, 0.2], [0, 0, 0]),
        (7, [1.0, 0.0, 0.0], [7, 0, 0]),
        (7, [0.0, 0.0, 1.0], [0, 0, 7]),
        (260_425, [0.7, 0.1, 0.2], [182_298, 26_042, 52_085]),
    ],
)
def test_whole_shares(total, shares, counts):
    assert whole_shares(total, shares) == counts


@few
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 100), share_lists)
def test_each_grid_is_dealt_by_the_shares(tmp_path_factory, n_first, n_second, seed, shares):
    rows = [*places(n_first), *places(n_second, grid=2)]
    stated = dict(zip(SPLITS, map(float, shares), strict=True))
    sides = deal(tmp_path_factory.mktemp("split"), rows, stated, seed)
    for n, own in ((n_first, sides[:n_first]), (n_second, sides[n_first:])):
        assert [own.count(split) for split in SPLITS] == whole_shares(n, list(stated.values()))


@few
@given(st.lists(st.integers(0, 29), min_size=1, max_size=120), st.integers(0, 5))
def test_all_images_of_a_location_are_on_one_side(tmp_path_factory, images, seed):
    # Grid 1 and 2 have a place of the same coordinates: they are two locations.
    rows = [(1 + i % 2, f"{50 + i // 2 / 1000:.6f}", "9.000000") for i in images]
    sides = deal(tmp_path_factory.mktemp("split"), rows, PAPER, seed)
    side_of: dict[Place, str] = {}
    for row, side in zip(rows, sides, strict=True):
        assert side_of.setdefault(row, side) == side


@few
@given(st.randoms(), st.integers(0, 5))
def test_the_order_of_rows_does_not_matter(tmp_path_factory, random, seed):
    rows = [*places(25), *places(25, grid=2), *places(10)]
    shuffled = list(rows)
    random.shuffle(shuffled)
    one = dict(zip(rows, deal(tmp_path_factory.mktemp("split"), rows, PAPER, seed), strict=True))
    other = dict(zip(shuffled, deal(tmp_path_factory.mktemp("split"), shuffled, PAPER, seed), strict=True))
    assert one == other


def test_the_seed_matters(tmp_path):
    rows = places(200)
    one = deal(tmp_path, rows, seed=1)
    assert deal(tmp_path, rows, seed=1) == one
    assert deal(tmp_path, rows, seed=2) != one


def test_the_two_grids_are_dealt_apart(tmp_path):
    rows = [*places(200), *places(200, grid=2)]
    sides = deal(tmp_path, rows)
    assert sides[:200] != sides[200:]


@pytest.mark.parametrize("split", SPLITS)
def test_one_set_may_have_all(tmp_path, split):
    shares = {name: float(name == split) for name in SPLITS}
    assert set(deal(tmp_path, places(11), shares)) == {split}


def test_a_dataset_without_samples_has_empty_sets(tmp_path):
    layout = DatasetLayout(tmp_path)
    layout.meta_csv.write_text("Index,Grid,Latitude,Longitude\n")
    assert split_dataset(layout, PAPER, 1) == {"train": 0, "val": 0, "test": 0}
    assert all(layout.split_file(split).read_bytes() == b"" for split in SPLITS)


def test_coordinates_are_kept_as_text(tmp_path):
    meta = read_meta(write_meta(tmp_path, [(1, "49.069550", "10.000000")]).meta_csv)
    assert (meta["Latitude"][0], meta["Longitude"][0], meta["Classes"][0]) == ("49.069550", "10.000000", "1,2")


# ------------------------------------------------------------------------------------------------ bad meta.csv

GOOD = "Index,Grid,Latitude,Longitude\n0,1,50.000000,9.000000\n1,1,50.100000,9.000000\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("\n1,1", "\n2,1"), "Index is not the row number"),
        (GOOD.replace("\n0,1", "\n1,1").replace("\n1,1,50.1", "\n0,1,50.1"), "Index is not the row number"),
        (GOOD.replace("\n1,1", "\nx,1"), "Index is not the row number"),
        (GOOD.replace("\n1,1", "\n,1"), "Index is not the row number"),
        (GOOD.replace("Grid", "Raster"), "lacks column Grid"),
        (GOOD.replace("Index", "index"), "lacks column Index"),
        (GOOD.replace("Latitude", "Lat"), "lacks column Latitude"),
        ("", "cannot be read"),
        (GOOD + "2,1,50.2,9.0,more\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, text, said):
    layout = DatasetLayout(tmp_path)
    layout.meta_csv.write_text(text)
    with pytest.raises(DataError) as caught:
        split_dataset(layout, PAPER, 1)
    assert str(layout.meta_csv) in str(caught.value)
    assert said in str(caught.value)
    assert not (tmp_path / "splits").exists()


def test_a_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match=r"meta\.csv: no such file; run 'seasonet-build patchify'"):
        split_dataset(DatasetLayout(tmp_path), PAPER, 1)


def test_a_table_that_is_no_text_is_named(tmp_path):
    (tmp_path / "meta.csv").write_bytes(b"Index,Grid,Latitude,Longitude\n0,1,\xff\xfe,9.0\n")
    with pytest.raises(DataError, match=r"meta\.csv: cannot be read"):
        read_meta(tmp_path / "meta.csv")


def test_shares_need_not_be_round(tmp_path):
    third = 1 / 3
    sides = deal(tmp_path, places(10), dict.fromkeys(SPLITS, third))
    assert sorted(np.unique(sides, return_counts=True)[1].tolist()) == [3, 3, 4]
