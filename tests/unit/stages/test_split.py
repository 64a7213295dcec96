"""Splits of datasets on disk: made, kept, taken over and compared."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.layout import SPLITS, DatasetLayout
from seasonet_build.splits.shares import whole_shares
from seasonet_build.stages import split as stage
from seasonet_build.stages.split import adopt_split, compare_splits, sizes_of, split_dataset
from tests.unit.helpers import contents, few
from tests.unit.splits.maps import ONE_TILE, TWO_ZONES, make_spots, maps, options, write_dataset

BLOCKS: dict[str, Any] = {"method": "blocks", "block_m": 2400}
METHODS = [{"method": "official"}, BLOCKS]
SPOTS = make_spots(ONE_TILE, seed=9, reach=5)

Place = tuple[str, str, str]


@pytest.fixture(autouse=True)
def _quick_figures(monkeypatch):
    """Figures take long to draw."""
    monkeypatch.setattr(stage, "draw_distribution", lambda sampled, sides, path: path.write_text("drawn"))


def places_of(layout: DatasetLayout) -> dict[str, set[Place]]:
    """The locations in each split, read as users do; checks that rows are parted and no location is on two sides."""
    meta = pd.read_csv(layout.meta_csv, dtype=str)
    names = [*SPLITS, "none"] if layout.split_file("none").exists() else list(SPLITS)
    rows = {name: [int(line) for line in layout.split_file(name).read_text().splitlines()] for name in names}
    assert sorted(row for own in rows.values() for row in own) == list(range(len(meta)))
    places = {
        name: set(meta.iloc[own][["Grid", "Latitude", "Longitude"]].itertuples(index=False, name=None))
        for name, own in rows.items()
    }
    assert sum(map(len, places.values())) == len(set().union(*places.values()))
    return places


@few
@given(spots=maps, shuffle=st.integers(0, 99), how=st.sampled_from(METHODS))
def test_locations_are_whole_whatever_the_order_of_rows(tmp_path_factory, spots, shuffle, how):
    folder = tmp_path_factory.mktemp("split")
    one, other = write_dataset(folder / "a", spots), write_dataset(folder / "b", spots, shuffle)
    how = {**how, "train": 0.4, "val": 0.3, "test": 0.3, "block_m": 1800}
    try:
        _, report = split_dataset(one, options(**how))
    except DataError as error:
        # On so small a map clearing the borders may leave a set empty: both orders are refused alike.
        with pytest.raises(DataError, match=re.escape(str(error))):
            split_dataset(other, options(**how))
        return
    split_dataset(other, options(**how))
    places = places_of(one)
    assert places == places_of(other)
    assert sizes_of(report) == {name: len(one.split_file(name).read_text().splitlines()) for name in SPLITS}
    if how["method"] == "official":
        for grid in ("1", "2"):
            counts = [sum(place[0] == grid for place in places[name]) for name in SPLITS]
            assert counts == whole_shares(sum(counts), (0.4, 0.3, 0.3))


@pytest.mark.parametrize("how", METHODS)
def test_the_same_seed_gives_the_same_bytes(tmp_path, how, monkeypatch):
    monkeypatch.undo()
    chosen = options(**how, subsets=["full-season", "season", "grid"], balance=["slraum", "levels"])
    layouts = [write_dataset(tmp_path / name, SPOTS) for name in "ab"]
    for layout in layouts:
        split_dataset(layout, chosen)
    one, other = (contents(layout.splits) for layout in layouts)
    assert one == other
    assert set(one) > {"train.csv", "report.json", "classes.png", "sides.parquet", "subsets/full-season/test.csv"}
    # Once more, from the sides that are there.
    split_dataset(layouts[0], chosen)
    again = contents(layouts[0].splits)
    assert {name: again[name] for name in one if name != "report.json"} == {
        name: data for name, data in one.items() if name != "report.json"
    }


@pytest.mark.parametrize("how", METHODS)
@pytest.mark.parametrize("keep", [True, False])
def test_another_seed_or_share_deals_anew(tmp_path, how, keep):
    layout = write_dataset(tmp_path, SPOTS)
    split_dataset(layout, options(**how, keep=keep))
    first = places_of(layout)
    for changed in ({"seed": 1}, {"train": 0.6, "val": 0.2}, {"method": "official", "balance": ["rtyp3"]}):
        _, report = split_dataset(layout, options(**{**how, **changed}, keep=keep))
        assert (report["kept"], report["moved"]) == (0, 0)
        assert places_of(layout) != first


@pytest.mark.parametrize("how", METHODS)
def test_locations_keep_their_sides_and_new_ones_are_added(tmp_path, how):
    known, later = SPOTS[::2], SPOTS
    split_dataset(write_dataset(tmp_path, known), options(**how))
    before = places_of(DatasetLayout(tmp_path))
    layout = write_dataset(tmp_path, later, shuffle=1)
    _, report = split_dataset(layout, options(**how))
    after = places_of(layout)
    had_side = sum(len(before[name]) for name in SPLITS)
    assert (report["kept"], report["moved"]) == (had_side, 0)
    for name in SPLITS:
        assert before[name] <= after[name]
    assert sum(map(len, after.values())) == len(SPOTS)
    if how["method"] == "official":
        counts = [len(after[name]) for name in SPLITS]
        assert counts == [sum(part) for part in zip(*2 * [whole_shares(len(SPOTS) // 2, (0.7, 0.1, 0.2))], strict=True)]
    # Without keep, they are dealt anew.
    _, report = split_dataset(layout, options(**how, keep=False))
    assert report["kept"] == 0
    fresh = write_dataset(tmp_path / "fresh", later)
    split_dataset(fresh, options(**how))
    assert places_of(layout) == places_of(fresh)


def test_the_report_tells_method_seed_shares_and_input(tmp_path):
    layout = write_dataset(tmp_path, SPOTS)
    files, report = split_dataset(layout, options(**BLOCKS, seed=5))
    assert report == {**json.loads((layout.splits / "report.json").read_text()), "kept": 0, "moved": 0}
    assert (report["method"], report["seed"]) == ("blocks", 5)
    assert report["shares"] == {"train": 0.7, "val": 0.1, "test": 0.2}
    assert len(report["meta_csv_sha256"]) == 64
    assert report["leakage"]["test_train"]["overlap_pct"] == 0
    assert {file.relative_to(layout.root).as_posix() for file in files} == {
        *(f"splits/{name}.csv" for name in (*SPLITS, "none")),
        *("splits/report.json", "splits/classes.png", "splits/sides.parquet"),
    }


def test_a_dataset_without_samples_has_empty_sets(tmp_path):
    layout = write_dataset(tmp_path, [])
    for how in METHODS:
        assert sizes_of(split_dataset(layout, options(**how))[1]) == {"train": 0, "val": 0, "test": 0}
        assert all(layout.split_file(split).read_bytes() == b"" for split in SPLITS)


# ------------------------------------------------------------------------------------------- import and comparison


def test_a_split_is_taken_over(tmp_path):
    theirs = write_dataset(tmp_path / "theirs", SPOTS[:150], shuffle=3, parquet=False)
    split_dataset(theirs, options())
    for extra in ("report.json", "sides.parquet", "classes.png"):
        (theirs.splits / extra).unlink()  # the published files are three
    # Ours lacks some locations and images, and has others.
    fewer = [replace(spot, seasons=spot.seasons[:1]) if i % 2 else spot for i, spot in enumerate(SPOTS[50:])]
    ours = write_dataset(tmp_path / "ours", fewer)
    _, report = adopt_split(ours, theirs, options())
    samples = {(spot.point, spot.grid, season) for spot in SPOTS[:150] for season in spot.seasons}
    own = {(spot.point, spot.grid, season) for spot in fewer for season in spot.seasons}
    assert report["method"] == "import"
    assert report["samples_taken_over"] == len(samples & own)
    assert report["samples_without_counterpart"] == len(own - samples)
    assert report["their_samples_without_counterpart"] == len(samples - own)
    published, taken = places_of(theirs), places_of(ours)
    shared = {(str(spot.grid), *spot.point) for spot in SPOTS[50:150]}
    for name in SPLITS:
        assert taken[name] == published[name] & shared
    assert taken["none"] == {(str(spot.grid), *spot.point) for spot in SPOTS[150:]}


def test_a_split_of_other_places_has_no_counterparts(tmp_path):
    theirs, ours = write_dataset(tmp_path / "a", SPOTS), write_dataset(tmp_path / "b", make_spots(TWO_ZONES))
    split_dataset(theirs, options())
    _, report = adopt_split(ours, theirs, options())
    assert report["samples_taken_over"] == 0
    assert sizes_of(report) == {"train": 0, "val": 0, "test": 0}
    _, report = adopt_split(write_dataset(tmp_path / "c", []), theirs, options())
    assert report["samples_without_counterpart"] == 0


def test_a_split_that_cannot_be_taken_over_leaves_ours(tmp_path):
    theirs, ours = write_dataset(tmp_path / "a", SPOTS), write_dataset(tmp_path / "b", SPOTS)
    split_dataset(ours, options())
    before = contents(ours.splits)
    with pytest.raises(DataError, match=r"a/splits/train\.csv: no such file"):
        adopt_split(ours, theirs, options())
    assert contents(ours.splits) == before


def test_a_comparison_tells_what_the_reports_tell(tmp_path):
    layout, folders = write_dataset(tmp_path, SPOTS), []
    reports = []
    for i, how in enumerate(METHODS):
        reports.append(split_dataset(layout, options(**how))[1])
        folders.append(layout.splits.rename(Path(tmp_path, f"split{i}")))
    found = compare_splits(layout, (folders[0], folders[1]), options(block_m=2400))
    assert list(found) == [str(folder) for folder in folders]
    for figures, report in zip(found.values(), reports, strict=True):
        assert figures["leakage"] == report["leakage"]
        assert figures["images"] == report["images"]
        assert figures["mean_class_pct"] == report["mean_class_pct"]
    official, blocks = found.values()
    assert official["leakage"]["test_train"]["overlap_pct"] > 50
    assert blocks["leakage"]["test_train"]["overlap_pct"] == 0
    assert blocks["leakage"]["test_to_train_m"]["p0"] == pytest.approx(1200, abs=5)
    assert not layout.splits.exists()
