"""What is read of meta.csv and meta.parquet, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.dataset import read_samples
from tests.unit.helpers import few
from tests.unit.splits.maps import (
    ONE_TILE,
    SEASONS,
    TWO_ZONES,
    make_spots,
    maps,
    read_map,
    sampled_order,
    table_rows,
    write_dataset,
)


@few
@given(spots=maps, shuffle=st.integers(0, 99))
def test_locations_are_read_whatever_the_order_of_rows(tmp_path_factory, spots, shuffle):
    sampled = read_samples(write_dataset(tmp_path_factory.mktemp("map"), spots, shuffle))
    order, (frame, of_row) = sampled_order(spots), table_rows(spots, shuffle)
    assert (np.diff(sampled.key) > 0).all()
    assert sampled.locations.grid.tolist() == [spot.grid for spot in order]
    assert sampled.places.epsg.tolist() == [spot.epsg for spot in order]
    # Corners are the very metres, though coordinates have six decimals.
    assert list(zip(sampled.places.x, sampled.places.y, strict=True)) == [(spot.x, spot.y) for spot in order]
    assert sampled.locations.images.tolist() == [[s in spot.seasons for s in SEASONS] for spot in order]
    assert sampled.locations.pixels.tolist() == [[spot.pixels.get(k, 0) for k in range(1, 34)] for spot in order]
    assert (sampled.locations.has_class == (sampled.locations.pixels > 0)).all()
    assert [order[i] for i in sampled.of_row] == of_row
    assert [SEASONS[i] for i in sampled.season] == frame["Season"].tolist()


def test_shares_are_read_in_batches(tmp_path, monkeypatch):
    spots = make_spots(ONE_TILE)
    whole = read_map(tmp_path, spots, ["levels"])
    monkeypatch.setattr("seasonet_build.splits.parquet._BATCH", 7)
    parts = read_map(tmp_path, spots, ["levels"])
    assert (parts.locations.pixels == whole.locations.pixels).all()
    assert (parts.locations.extra == whole.locations.extra).all()


def test_the_published_dataset_has_no_parquet(tmp_path):
    sampled = read_samples(write_dataset(tmp_path, make_spots(TWO_ZONES), parquet=False))
    assert not sampled.locations.pixels.any()
    with pytest.raises(DataError, match=r"meta\.parquet: no such file, which split\.balance = 'levels' needs"):
        read_samples(DatasetLayout(tmp_path), ["levels"])


def test_further_columns(tmp_path):
    spots = make_spots(ONE_TILE, seed=4)
    order = sampled_order(spots)
    extra = read_map(tmp_path, spots, ["slraum", "rtyp3", "ktyp4"]).locations.extra
    # KTYP4 is empty or 4: locations without a type count for none.
    expected = [
        [*(x == kind for kind in (0, 1)), *(y == kind for kind in (0, 1, 2)), spot.x % 7200 != 0]
        for spot, x, y in ((spot, spot.x // 1200 % 2, spot.y // 1200 % 3) for spot in order)
    ]
    assert extra.astype(bool).tolist() == expected
    levels = read_map(tmp_path, spots, ["levels"]).locations.extra
    big = [[spot.pixels.get(k, 0) > 3000 for k in range(1, 34)] for spot in order]
    assert levels.astype(bool).tolist() == [[*row, *row] for row in big]


def test_a_table_without_rows(tmp_path):
    sampled = read_samples(write_dataset(tmp_path, []), ["slraum", "levels"])
    assert (len(sampled.key), len(sampled.of_row), len(sampled.places)) == (0, 0, 0)


# ------------------------------------------------------------------------------------------------ damaged tables


def frame_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "meta.csv", dtype=str, keep_default_na=False)


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_samples(DatasetLayout(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("Season", value) for value in ("spring", "", "Autumn")],
        *[("Grid", value) for value in ("0", "3", "one", "")],
        *[("Latitude", value) for value in ("north", "", "nan", "91.0", "inf")],
        *[("Longitude", value) for value in ("east", "-181.0", "95.0")],
        *[("Classes", value) for value in ("0", "34", "1,x", "1,,2", "²", "1.0")],
        *[("Path", value) for value in ("", "x", "spring/grid1/32U", "spring/grid1/00UNA_1", "spring/grid1/32UZZ_1")],
    ],
)
def test_a_wrong_value_is_named_with_file_row_and_column(tmp_path, column, value):
    write_dataset(tmp_path, [replace(spot, seasons=("Fall",)) for spot in make_spots(ONE_TILE, reach=2)])
    frame = frame_of(tmp_path)
    frame.loc[5, column] = value
    frame.to_csv(tmp_path / "meta.csv", index=False)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'meta.csv'}: row 5: ")
    # A longitude far from the tile shows in its path.
    said = {"Classes": "class ", "Longitude": "Longitude is " if value != "95.0" else "Path is "}
    assert said.get(column, f"{column} is ") in message
    if value not in ("95.0", "1,x", "1,,2"):
        assert repr(value) in message


def change_index(frame: pd.DataFrame) -> Any:
    frame.loc[3, "Index"] = "4"
    return frame


def other_classes(frame: pd.DataFrame) -> Any:
    point = frame["Grid"] + frame["Latitude"] + frame["Longitude"]
    frame.loc[point.duplicated().idxmax(), "Classes"] = "33"
    return frame


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_index, "Index is not the row number"),
        (lambda frame: frame.iloc[::-1], "Index is not the row number"),
        (lambda frame: frame.assign(Index="x"), "cannot be read: .*x"),
        (lambda frame: frame.drop(columns="Grid"), "cannot be read: .*Grid"),
        (lambda frame: frame.drop(columns="Path"), "cannot be read: .*Path"),
        (other_classes, r"row \d+: Classes are '33', another image there has others"),
        (
            lambda frame: pd.concat([frame, frame.iloc[[2]].assign(Index=str(len(frame)))]),
            r"rows 2 and \d+ are the same location in the same season set",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, change, said):
    write_dataset(tmp_path, make_spots(ONE_TILE, reach=2))
    change(frame_of(tmp_path)).to_csv(tmp_path / "meta.csv", index=False)
    assert re.search(rf"meta\.csv: {said}", refusal(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"Index,Grid\n0,1,2,3\n", b"Index,Season\n0,\xff\xff\n"])
def test_a_file_that_is_no_table_is_named(tmp_path, content):
    (tmp_path / "meta.csv").write_bytes(content)
    assert f"{tmp_path / 'meta.csv'}: cannot be read" in refusal(tmp_path)


def test_a_parquet_of_other_rows_is_named(tmp_path):
    write_dataset(tmp_path, make_spots(ONE_TILE))
    n = len(frame_of(tmp_path))
    table = pq.read_table(tmp_path / "meta.parquet")
    pq.write_table(table.slice(1), tmp_path / "meta.parquet")
    assert f"meta.parquet: does not belong to meta.csv: it has {n - 1} rows, not {n}" in refusal(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "column", "lengths", "text"])
def test_a_damaged_parquet_is_named(tmp_path, damage):
    write_dataset(tmp_path, make_spots(ONE_TILE))
    file = tmp_path / "meta.parquet"
    n = pq.read_table(file).num_rows
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        shares: Any = {"column": [0] * n, "lengths": [[0.0]] * n, "text": [["x"] * 33] * n}[damage]
        pq.write_table(pa.table({"other" if damage == "column" else "class_shares": shares}), file)
    assert f"{file}: cannot be read: " in refusal(tmp_path)
