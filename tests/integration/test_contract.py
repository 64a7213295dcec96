"""The dataset read the way its public readers read it: what they rely on, for both builds.

Readers such as torchgeo's SeasoNet look for the folders, take meta.csv as a table, pick rows by position from the
split files, join paths, open files by their suffix, and group by the exact values of Latitude and Longitude.
"""

import csv
import io
import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling

from tests.integration.support import Built

SEASONS = ["spring", "summer", "fall", "winter", "snow"]
SPLITS = {"train": Fraction(7, 10), "val": Fraction(1, 10), "test": Fraction(2, 10)}
CHANNELS = {"10m_RGB": 3, "10m_IR": 1, "20m": 6, "60m": 2}
HEADER = (
    "Index,Season,Grid,Latitude,Longitude,Satellite,Year,Month,Day,Hour,Minute,Second,"
    "Clouds,Snow,Classes,SLRAUM,RTYP3,KTYP4,Path"
)
LINE = re.compile(
    r"\d+,(Spring|Summer|Fall|Winter|Snow),[12],-?\d+\.\d{6},-?\d+\.\d{6},[AB],20\d\d(,\d\d){5},"
    r"\d+\.\d+,\d+\.\d+,"
    r'"(\d+(,\d+)*)?",[12]?,[123]?,[1234]?,'
    r"(spring|summer|fall|winter|snow)/grid[12]/\d\d[A-Z]{3}_\d{8}T\d{6}_\d+_\d{6}_\d+_\d{6}"
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("demo", marks=pytest.mark.xdist_group("demo")),
        pytest.param("kit", marks=pytest.mark.xdist_group("kit")),
    ],
)
def built(request: pytest.FixtureRequest) -> Built:
    build: Built = request.getfixturevalue(f"{request.param}_build")
    return build


@pytest.fixture(scope="module")
def root(built: Built) -> Path:
    return built.dataset


@pytest.fixture(scope="module")
def meta(root: Path) -> pd.DataFrame:
    """As readers load it."""
    return pd.read_csv(root / "meta.csv", index_col="Index")


@pytest.fixture(scope="module")
def raw(root: Path) -> pd.DataFrame:
    """The same with every value as the text in the file."""
    return pd.read_csv(root / "meta.csv", dtype=str, keep_default_na=False)


def read_split(root: Path, split: str) -> "pd.Series[int]":
    rows: pd.Series[int] = pd.read_csv(root / "splits" / f"{split}.csv", header=None)[0]
    return rows


def prefix(root: Path, path: str) -> str:
    """What readers put before a file's suffix."""
    return os.path.join(root, path, os.path.basename(path))  # noqa: PTH118, PTH119 - as readers do it


def read_image(stem: str) -> NDArray[np.int32]:
    """All bands of a patch at 120 x 120, shape (12, 120, 120)."""
    parts = []
    for suffix in CHANNELS:
        with rasterio.open(f"{stem}_{suffix}.tif") as file:
            shape = (file.count, 120, 120)
            parts.append(file.read(out_shape=shape, out_dtype="int32", resampling=Resampling.bilinear))
    return np.concatenate(parts)


def read_target(stem: str) -> NDArray[np.uint8]:
    """Labels that count from 0; no class wraps round to 255."""
    with rasterio.open(f"{stem}_labels.tif") as file:
        labels: NDArray[np.uint8] = file.read() - 1
    return labels


# ------------------------------------------------------------------------------------------------ files


def test_everything_that_readers_look_for_is_there(root):
    for name in (*SEASONS, "splits"):
        assert (root / name).is_dir()
    for name in ("meta.csv", *(f"splits/{split}.csv" for split in SPLITS)):
        assert (root / name).is_file()


def test_the_grid_folders_hold_the_patches_of_meta_and_nothing_else(root, meta):
    assert {path.name for path in root.iterdir() if path.is_dir()} == {*SEASONS, "splits"}
    for season in SEASONS:
        assert {path.name for path in (root / season).iterdir()} == {"grid1", "grid2"}
    folders = {path.relative_to(root).as_posix() for season in SEASONS for path in (root / season).glob("*/*")}
    assert folders == set(meta["Path"])
    assert meta["Path"].is_unique
    others = {"report.json", "classes.png", "sides.parquet"}
    assert {path.name for path in (root / "splits").iterdir()} == {f"{split}.csv" for split in SPLITS} | others


# --------------------------------------------------------------------------------------------- meta.csv


def test_meta_has_the_published_header_and_the_published_form_of_lines(root):
    text = (root / "meta.csv").read_bytes().decode("ascii")
    assert text.endswith("\n")
    assert "\r" not in text
    header, *lines = text.removesuffix("\n").split("\n")
    assert header == HEADER
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    # A csv reader of the standard library agrees with pandas about the number of fields.
    assert {len(row) for row in csv.reader(io.StringIO(text))} == {len(HEADER.split(","))}


def test_index_is_the_row_number(raw):
    assert raw["Index"].tolist() == [str(row) for row in range(len(raw))]


def test_every_season_set_and_both_grids_have_samples(built, meta):
    counts = meta.groupby(["Season", "Grid"]).size()
    stated = built.report["samples"]
    for season in SEASONS:
        for grid in (1, 2):
            assert counts[season.capitalize(), grid] == stated[season][f"grid{grid}"] > 0


def test_rows_agree_with_the_name_of_their_folder(raw):
    for row in raw.itertuples():
        season, grid, name = str(row.Path).split("/")
        _, start, latitude, lat_decimals, longitude, lon_decimals = name.split("_")
        assert (season.capitalize(), grid) == (row.Season, f"grid{row.Grid}")
        assert start == f"{row.Year}{row.Month}{row.Day}T{row.Hour}{row.Minute}{row.Second}"
        assert (f"{latitude}.{lat_decimals}", f"{longitude}.{lon_decimals}") == (row.Latitude, row.Longitude)


def test_satellite_is_that_of_the_product(built, raw):
    products = [name.split("_") for name in built.report["products_used"]]
    satellites = {(tile.removeprefix("T"), start): name[-1] for name, _, start, _, _, tile, _ in products}
    patches = [path.split("/")[-1].split("_") for path in raw["Path"]]
    assert raw["Satellite"].tolist() == [satellites[tile, start] for tile, start, *_ in patches]


def test_coordinates_are_those_of_the_centre_of_pixel_60_60(root, raw):
    """And so they are the same text for every image of a location: readers group by it."""
    for (latitude, longitude), images in raw.groupby(["Latitude", "Longitude"]):
        corners = set()
        for path in images["Path"]:
            with rasterio.open(f"{prefix(root, path)}_10m_RGB.tif") as file:
                corners.add((file.crs.to_epsg(), *(file.transform @ (60.5, 60.5))))
        ((epsg, x, y),) = corners
        lon, lat = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
        assert (f"{lat:.6f}", f"{lon:.6f}") == (latitude, longitude)


def test_a_location_has_at_most_one_image_of_each_season(raw, meta):
    """Grouped by number as readers do, and grouped by text: the same groups."""
    by_number = meta.groupby(["Latitude", "Longitude"])["Season"]
    assert (by_number.size() == by_number.nunique()).all()
    by_text = raw.groupby(["Latitude", "Longitude"])["Season"]
    assert by_number.ngroups == by_text.ngroups
    assert (raw.groupby(["Latitude", "Longitude"])["Grid"].nunique() == 1).all()
    assert by_number.size().max() > 1


def test_concatenated_seasons_have_one_entry_for_each_location(root, meta):
    """What a reader makes of the table when it stacks the seasons of a location."""
    stems = meta.assign(Path=[[prefix(root, path)] for path in meta["Path"]])
    entries = stems.groupby(["Latitude", "Longitude"])["Path"].agg("sum")
    assert sum(map(len, entries)) == len(meta)
    assert max(map(len, entries)) <= len(SEASONS)


def test_clouds_and_snow_are_percent_within_the_limits_of_the_set(meta):
    assert meta[["Clouds", "Snow"]].min().min() >= 0
    assert meta[["Clouds", "Snow"]].max().max() <= 100
    three = meta[meta["Season"].isin(["Spring", "Summer", "Fall"])]
    assert three["Clouds"].max() < 5
    assert three["Snow"].max() < 1
    winter = meta[meta["Season"] == "Winter"]
    assert winter["Clouds"].max() < 10
    assert winter["Snow"].max() < 10
    assert meta.loc[meta["Season"] == "Snow", "Snow"].min() >= 10


def test_region_types_are_numbers_in_range_and_belong_together(raw):
    """Urban space is what large cities and urban districts make up."""
    stated = raw[raw["KTYP4"] != ""]
    assert len(stated) > 0
    assert (stated["SLRAUM"] == np.where(stated["KTYP4"].isin(["1", "2"]), "1", "2")).all()
    assert (raw[["SLRAUM", "RTYP3", "KTYP4"]].eq("").sum(axis=1).isin([0, 3])).all()


# ----------------------------------------------------------------------------------------------- pixels


def test_images_and_labels_read_as_readers_read_them(root, raw):
    for path, classes in zip(raw["Path"], raw["Classes"], strict=True):
        stem = prefix(root, path)
        image, target = read_image(stem), read_target(stem)
        assert image.shape == (sum(CHANNELS.values()), 120, 120)
        assert image.dtype == np.int32
        assert image.min() > 0, path
        assert target.shape == (1, 120, 120)
        present = np.unique(target)
        assert set(present.tolist()) <= {*range(33), 255}, path
        stated = [int(label) - 1 for label in classes.split(",") if label]
        assert stated == present[present != 255].tolist(), path


# ----------------------------------------------------------------------------------------------- splits


def test_splits_take_every_row_once(root, meta):
    parts = [read_split(root, split) for split in SPLITS]
    assert all(part.is_monotonic_increasing for part in parts)
    assert sorted(pd.concat(parts)) == list(range(len(meta)))
    assert sum(len(meta.iloc[part]) for part in parts) == len(meta)


def test_split_files_have_an_index_on_each_line_and_no_header(root):
    for split in SPLITS:
        text = (root / "splits" / f"{split}.csv").read_bytes()
        assert re.fullmatch(rb"(\d+\n)+", text), split


def test_all_images_of_a_location_are_on_one_side(root, raw):
    sides = pd.concat(raw.iloc[read_split(root, split)].assign(side=split) for split in SPLITS)
    assert (sides.groupby(["Latitude", "Longitude"])["side"].nunique() == 1).all()


def test_each_grid_is_dealt_70_to_10_to_20_by_locations(root, raw):
    place = ["Grid", "Latitude", "Longitude"]
    dealt = {split: raw.iloc[read_split(root, split)][place].drop_duplicates() for split in SPLITS}
    for grid in ("1", "2"):
        counts = [int((locations["Grid"] == grid).sum()) for locations in dealt.values()]
        assert counts in allowed_shares(sum(counts), list(SPLITS.values()))


def allowed_shares(total: int, shares: Sequence[Fraction]) -> list[list[int]]:
    """Whole numbers by largest remainder, in exact arithmetic; several answers where remainders are equal."""
    exact = [total * share for share in shares]
    floors = [int(part) for part in exact]
    remainders = [part - floor for part, floor in zip(exact, floors, strict=True)]
    left = total - sum(floors)
    answers = []
    for choice in range(1 << len(shares)):
        up = [bool(choice >> i & 1) for i in range(len(shares))]
        kept = [r for r, more in zip(remainders, up, strict=True) if not more]
        raised = [r for r, more in zip(remainders, up, strict=True) if more]
        if len(raised) == left and (not kept or not raised or min(raised) >= max(kept)):
            answers.append([floor + more for floor, more in zip(floors, up, strict=True)])
    return answers


# ----------------------------------------------------------------------------------------- meta.parquet


@pytest.fixture(scope="module")
def table(root: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_parquet(root / "meta.parquet")


def numbers(column: "pd.Series[Any]") -> list[float]:
    return [float(value) for value in column]


def test_meta_parquet_has_the_same_rows(table, raw):
    assert list(table.columns)[: len(HEADER.split(","))] == HEADER.split(",")
    for name in ("Season", "Satellite", "Classes", "Path"):
        assert table[name].tolist() == raw[name].tolist(), name
    for name in ("Index", "Grid", "Latitude", "Longitude", "Year", "Month", "Day", "Hour", "Minute", "Second"):
        assert numbers(table[name]) == numbers(raw[name]), name
    for name in ("Clouds", "Snow"):
        assert numbers(table[name]) == numbers(raw[name]), name
    for name in ("SLRAUM", "RTYP3", "KTYP4"):
        assert table[name].astype("string").fillna("").tolist() == raw[name].tolist(), name
    assert [",".join(map(str, classes)) for classes in table["classes"]] == raw["Classes"].tolist()


def test_footprints_hold_the_point_that_the_patch_is_named_after(table, root):
    assert table.crs.to_epsg() == 4326
    assert table.geometry.is_valid.all()
    points = shapely.points(table["Longitude"], table["Latitude"])
    assert shapely.contains(table.geometry.to_numpy(), points).all()
    assert numbers(table.to_crs(3035).area) == pytest.approx([1200**2] * len(table), rel=0.002)


def test_class_shares_are_those_of_the_label_files(table, root):
    shares = np.stack(table["class_shares"].tolist())
    assert shares.shape == (len(table), 33)
    assert shares.min() >= 0
    assert (shares.sum(axis=1) <= 1 + 1e-9).all()
    for path, own in zip(table["Path"], shares, strict=True):
        labels = read_target(prefix(root, path)).ravel() + np.uint8(1)
        counts = np.bincount(labels, minlength=34)[1:]
        np.testing.assert_allclose(own, counts / 14_400, rtol=0, atol=1e-9, err_msg=path)
