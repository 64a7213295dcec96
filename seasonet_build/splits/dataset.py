"""Read what splits are made from: ``meta.csv`` and, where it is there, ``meta.parquet``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.errors import DataError
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.grid import GRIDS, NAME_POINT_M
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.model.tiles import utm_epsg
from seasonet_build.splits.balance import Columns, Locations
from seasonet_build.splits.overlaps import Places
from seasonet_build.storage import file_digest

TYPES = ("SLRAUM", "RTYP3", "KTYP4")
PATCH_PIXELS = 120 * 120

_COLUMNS = ("Index", "Season", "Grid", "Latitude", "Longitude", "Classes", *TYPES, "Path")
_TILE = re.compile(r"(?:^|/)(\d\d[A-Z]{3})_[^/]*$")
_MICRO = 1_000_000

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sampled:
    """The samples of a dataset by location.

    ``key`` is a number for each location that depends on grid, latitude and longitude alone, ascending; ``of_row``
    gives for each row of ``meta.csv`` the position of its location, ``season`` that of its season set in SEASONS.
    """

    locations: Locations
    places: Places
    key: Ints
    of_row: Ints
    season: Ints
    digest: str


def read_samples(layout: DatasetLayout, balance: Sequence[str] = ()) -> Sampled:
    """Read the samples of a dataset.

    Args:
        layout: where it lies.
        balance: what else is to be balanced: ``slraum``, ``rtyp3``, ``ktyp4``, ``levels``.

    Raises:
        DataError: ``meta.csv`` is missing or damaged: its Index is not the row number, a sample is there twice, a class
            is unknown, images of a location have different classes.
    """
    table = _read_csv(layout.meta_csv)
    file = layout.meta_csv
    if not np.array_equal(table["Index"], np.arange(len(table))):
        raise DataError(f"{file}: Index is not the row number; run 'seasonet-build patchify' again")
    season = _positions(file, table, "Season", [s.label for s in SEASONS])
    grid = _positions(file, table, "Grid", [str(g) for g in GRIDS]) + min(GRIDS)
    row_key = location_key(grid, _degrees(file, table, "Latitude", 90), _degrees(file, table, "Longitude", 180))
    key, first, of_row = np.unique(row_key, return_index=True, return_inverse=True)
    images = _images(file, of_row, season, len(key))
    has_class = _classes(file, table["Classes"], first, of_row)
    parquet = _read_parquet(layout, len(table), balance)
    pixels = parquet.pixels[first] if parquet is not None else np.zeros((len(key), N_CLASSES), dtype=np.int32)
    extra = _extra(table.iloc[first], parquet, first, balance)
    locations = Locations(grid[first].astype(np.int8), has_class, pixels, images, extra)
    places = _places(file, table.iloc[first])
    return Sampled(locations, places, key, of_row, season, file_digest(file))


def location_key(grid: Ints, latitude: Ints, longitude: Ints) -> Ints:
    """Return one number for grid and coordinates in millionths of a degree; its order is theirs."""
    key: Ints = (grid * 200 * _MICRO + latitude + 100 * _MICRO) * 400 * _MICRO + longitude + 200 * _MICRO
    return key


def _read_csv(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise DataError(f"{file}: no such file; run 'seasonet-build patchify' first")
    text = {name: pa.string() for name in _COLUMNS} | {"Index": pa.int64()}
    options = pyarrow.csv.ConvertOptions(column_types=text, include_columns=list(_COLUMNS), strings_can_be_null=False)
    try:
        table = pyarrow.csv.read_csv(file, convert_options=options).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DataError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    frame: pd.DataFrame = table
    return frame


def _positions(file: Path, table: pd.DataFrame, column: str, known: Sequence[str]) -> Ints:
    positions: Ints = pd.Index(known).get_indexer(pd.Index(table[column])).astype(np.int64)
    _refuse(file, table, column, positions < 0)
    return positions


def _degrees(file: Path, table: pd.DataFrame, column: str, most: int) -> Ints:
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(float)
    _refuse(file, table, column, ~(abs(values) <= most))
    millionths: Ints = np.rint(values * _MICRO).astype(np.int64)
    return millionths


def _refuse(file: Path, table: pd.DataFrame, column: str, wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{file}: row {row}: {column} is {table[column].iloc[row]!r}; build the table again")


def _images(file: Path, of_row: Ints, season: Ints, n: int) -> NDArray[np.bool_]:
    counts = np.bincount(of_row * len(SEASONS) + season, minlength=n * len(SEASONS)).reshape(n, len(SEASONS))
    if (counts > 1).any():
        location, twice = np.argwhere(counts > 1)[0]
        rows = np.flatnonzero((of_row == location) & (season == twice))
        raise DataError(f"{file}: rows {rows[0]} and {rows[1]} are the same location in the same season set")
    images: NDArray[np.bool_] = counts > 0
    return images


def _classes(file: Path, texts: "pd.Series[str]", first: Ints, of_row: Ints) -> NDArray[np.bool_]:
    """Return which classes each location has, after checking that its images agree."""
    codes, distinct = pd.factorize(texts)
    differ = codes != codes[first][of_row]
    if differ.any():
        row = int(np.argmax(differ))
        raise DataError(f"{file}: row {row}: Classes are {texts.iloc[row]!r}, another image there has others")
    table = np.zeros((len(distinct), N_CLASSES), dtype=bool)
    for number, text in enumerate(distinct):
        for label in text.split(",") if text else ():
            if not label.isdigit() or not 1 <= int(label) <= N_CLASSES:
                row = int(np.argmax(codes == number))
                raise DataError(f"{file}: row {row}: class {label!r} is unknown; classes are 1 to {N_CLASSES}")
            table[number, int(label) - 1] = True
    return table[codes[first]]


@dataclass(frozen=True)
class _Parquet:
    pixels: NDArray[np.int32]
    levels: list["pd.Series[Any]"]


def _read_parquet(layout: DatasetLayout, n: int, balance: Sequence[str]) -> _Parquet | None:
    """Return what ``meta.parquet`` knows beyond ``meta.csv``; None: there is none, as in the published dataset."""
    file = layout.meta_parquet
    levels = ["classes_medium", "classes_easy"] if "levels" in balance else []
    if not file.is_file():
        if levels:
            raise DataError(f"{file}: no such file, which split.balance = 'levels' needs")
        return None
    try:
        table = pq.read_table(file, columns=["class_shares", *levels])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None
    shares = table["class_shares"].combine_chunks().flatten().to_numpy()
    if len(shares) != n * N_CLASSES:
        raise DataError(f"{file}: does not belong to {layout.meta_csv.name}: it has {table.num_rows} rows, not {n}")
    pixels = np.rint(shares * PATCH_PIXELS).astype(np.int32).reshape(n, N_CLASSES)
    return _Parquet(pixels, [table[name].to_pandas() for name in levels])


def _extra(first_rows: pd.DataFrame, parquet: _Parquet | None, first: Ints, balance: Sequence[str]) -> Columns:
    """Return the further columns to balance, shape (locations, k)."""
    columns = [np.zeros((len(first), 0), dtype=np.float32)]
    for name in TYPES:
        if name.lower() in balance:
            values = first_rows[name].to_numpy()
            kinds = sorted({value for value in values if value})
            columns.append((values[:, np.newaxis] == np.array(kinds, dtype=object)).astype(np.float32))
    for level in parquet.levels if parquet is not None else ():
        present = np.zeros((len(first), N_CLASSES), dtype=np.float32)
        for i, labels in enumerate(level.iloc[first]):
            present[i, np.asarray(labels, dtype=int) - 1] = 1
        columns.append(present)
    return np.hstack(columns)


def _places(file: Path, rows: pd.DataFrame) -> Places:
    """Return where patches lie: names hold the tile, coordinates are those of a point of the patch."""
    tiles = rows["Path"].str.extract(_TILE.pattern, expand=False)
    _refuse(file, rows.reset_index(drop=True), "Path", tiles.isna().to_numpy())
    codes, names = pd.factorize(tiles)
    epsg = np.array([utm_epsg(str(name)) for name in names], dtype=np.int64)[codes]
    longitude, latitude = (rows[name].astype(float).to_numpy() for name in ("Longitude", "Latitude"))
    x, y = np.empty(len(rows)), np.empty(len(rows))
    for zone in np.unique(epsg):
        own = epsg == zone
        x[own], y[own] = Transformer.from_crs(4326, int(zone), always_xy=True).transform(longitude[own], latitude[own])
    # Six decimals are a tenth of a metre: corners are whole metres.
    return Places(epsg, np.rint(x - NAME_POINT_M).astype(np.int64), np.rint(y + NAME_POINT_M).astype(np.int64))
