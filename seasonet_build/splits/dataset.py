"""Read what splits are made from: ``meta.csv`` and, where it is there, ``meta.parquet``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.errors import ConfigError, DataError
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.grid import GRIDS, NAME_POINT_M
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.model.tiles import square_of, utm_epsg
from seasonet_build.splits.balance import Columns, Locations
from seasonet_build.splits.overlaps import Places
from seasonet_build.splits.parquet import read_parquet
from seasonet_build.stages.meta import require_meta
from seasonet_build.storage import file_digest

TYPES = ("SLRAUM", "RTYP3", "KTYP4")

_COLUMNS = ("Index", "Season", "Grid", "Latitude", "Longitude", "Classes", *TYPES, "Path")
_TILE = re.compile(r"(?:^|/)(\d\d[A-Z]{3})_[^/]*$")
_MICRO = 1_000_000
_LABELS = frozenset(str(label) for label in range(1, N_CLASSES + 1))
_MIDDLE_M = 500_000
"""Easting of the middle of a UTM zone."""

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
    file = layout.meta_csv
    table = _read_csv(file)
    if not np.array_equal(table["Index"].to_numpy(), np.arange(len(table))):
        raise DataError(f"{file}: Index is not the row number; run 'seasonet-build patchify' again")
    season = _positions(file, table, "Season", [s.label for s in SEASONS])
    grid = _positions(file, table, "Grid", [str(g) for g in GRIDS]) + min(GRIDS)
    latitude, longitude = _degrees(file, table, "Latitude", 90), _degrees(file, table, "Longitude", 180)
    key, first, of_row = np.unique(location_key(grid, latitude, longitude), return_index=True, return_inverse=True)
    images = _images(file, of_row, season, len(key))
    has_class = _classes(file, table["Classes"], first, of_row)
    places = _places(file, table["Path"].take(first), first, latitude[first] / _MICRO, longitude[first] / _MICRO)
    types = [_kinds(table[name].take(first)) for name in TYPES if name.lower() in balance]
    del table
    pixels, levels = read_parquet(layout, len(of_row), first, balance)
    extra = np.hstack([np.zeros((len(key), 0), dtype=np.float32), *types, *levels], dtype=np.float32)
    locations = Locations(grid[first].astype(np.int8), has_class, pixels, images, extra)
    return Sampled(locations, places, key, of_row, season, file_digest(file))


def location_key(grid: Ints, latitude: Ints, longitude: Ints) -> Ints:
    """Return one number for grid and coordinates in millionths of a degree; its order is theirs."""
    key: Ints = (grid * 200 * _MICRO + latitude + 100 * _MICRO) * 400 * _MICRO + longitude + 200 * _MICRO
    return key


def _read_csv(file: Path) -> pa.Table:
    require_meta(file)
    # Columns stay in Arrow's memory: as Python's texts they would need more than a gigabyte.
    text = {name: pa.dictionary(pa.int32(), pa.string()) for name in ("Season", "Grid", "Classes", *TYPES)}
    text |= {name: pa.string() for name in ("Latitude", "Longitude", "Path")}
    options = pyarrow.csv.ConvertOptions(
        column_types={"Index": pa.int64(), **text}, include_columns=list(_COLUMNS), strings_can_be_null=False
    )
    try:
        return pyarrow.csv.read_csv(file, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DataError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from None


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return the distinct texts of a dictionary column, and for each row the position of its own."""
    whole = column.unify_dictionaries().combine_chunks()
    return whole.indices.to_numpy().astype(np.int64), whole.dictionary.to_pylist()


def _positions(file: Path, table: pa.Table, column: str, known: Sequence[str]) -> Ints:
    codes, texts = _codes(table[column])
    position = np.array([known.index(text) if text in known else -1 for text in texts], dtype=np.int64)
    positions: Ints = position[codes]
    _refuse(file, table[column], column, positions < 0)
    return positions


def _degrees(file: Path, table: pa.Table, column: str, most: int) -> Ints:
    try:
        values = pc.cast(table[column], pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        values = pd.to_numeric(table[column].to_pandas(), errors="coerce").to_numpy(float)
    _refuse(file, table[column], column, ~(abs(values) <= most))
    millionths: Ints = np.rint(values * _MICRO).astype(np.int64)
    return millionths


def _refuse(
    file: Path, texts: pa.ChunkedArray, column: str, wrong: NDArray[np.bool_], rows: Ints | None = None
) -> None:
    """Refuse a table with wrong texts in a column; ``rows`` says where they stand, if not each in its own row."""
    if wrong.any():
        place = int(np.argmax(wrong))
        row = place if rows is None else int(rows[place])
        raise DataError(f"{file}: row {row}: {column} is {texts[place].as_py()!r}; build the table again")


def _images(file: Path, of_row: Ints, season: Ints, n: int) -> NDArray[np.bool_]:
    counts = np.bincount(of_row * len(SEASONS) + season, minlength=n * len(SEASONS)).reshape(n, len(SEASONS))
    if (counts > 1).any():
        location, twice = np.argwhere(counts > 1)[0]
        rows = np.flatnonzero((of_row == location) & (season == twice))
        raise DataError(f"{file}: rows {rows[0]} and {rows[1]} are the same location in the same season set")
    images: NDArray[np.bool_] = counts > 0
    return images


def _classes(file: Path, texts: pa.ChunkedArray, first: Ints, of_row: Ints) -> NDArray[np.bool_]:
    """Return which classes each location has, after checking that its images agree."""
    codes, distinct = _codes(texts)
    differ = codes != codes[first][of_row]
    if differ.any():
        row = int(np.argmax(differ))
        raise DataError(f"{file}: row {row}: Classes are {distinct[codes[row]]!r}, another image there has others")
    table = np.zeros((len(distinct), N_CLASSES), dtype=bool)
    for number, text in enumerate(distinct):
        for label in text.split(",") if text else ():
            if label not in _LABELS:
                row = int(np.argmax(codes == number))
                raise DataError(f"{file}: row {row}: class {label!r} is unknown; classes are 1 to {N_CLASSES}")
            table[number, int(label) - 1] = True
    return table[codes[first]]


def _kinds(column: pa.ChunkedArray) -> Columns:
    """Return a column for each distinct text but the empty one, 1 where a row has it."""
    codes, texts = _codes(column)
    kinds = [texts.index(text) for text in sorted(texts) if text]
    columns: Columns = (codes[:, np.newaxis] == np.array(kinds, dtype=np.int64)).astype(np.float32)
    return columns


def _places(
    file: Path, paths: pa.ChunkedArray, rows: Ints, latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> Places:
    """Return where patches lie: names hold the tile, coordinates are those of a point of the patch."""
    codes, names = pd.factorize(paths.to_pandas().str.extract(_TILE.pattern, expand=False), use_na_sentinel=False)
    zones = np.array([_zone_of_tile(name) for name in names], dtype=np.int64)
    epsg = zones[codes] if len(codes) else np.zeros(0, dtype=np.int64)
    x, y = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    for zone in set(zones.tolist()) - {0}:
        own = epsg == zone
        x[own], y[own] = Transformer.from_crs(4326, zone, always_xy=True).transform(longitude[own], latitude[own])
    # In a tile of another zone the place makes no sense either.
    _refuse(file, paths, "Path", ~((abs(x - _MIDDLE_M) < _MIDDLE_M) & np.isfinite(y)), rows)
    # Six decimals are a tenth of a metre: corners are whole metres.
    return Places(epsg, np.rint(x - NAME_POINT_M).astype(np.int64), np.rint(y + NAME_POINT_M).astype(np.int64))


def _zone_of_tile(name: object) -> int:
    """Return the EPSG code of a tile's zone, 0 if there is no such tile."""
    try:
        square_of(str(name))
    except ConfigError:
        return 0
    return utm_epsg(str(name))
