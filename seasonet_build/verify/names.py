"""What the paths of patches say: season set, grid, tile, time and place."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyproj import Transformer

from seasonet_build.errors import ConfigError
from seasonet_build.model.grid import NAME_POINT_M
from seasonet_build.model.tiles import square_of, utm_epsg
from seasonet_build.splits.overlaps import Places

_PATH = (
    r"\A(?P<season>spring|summer|fall|winter|snow)/grid(?P<grid>[12])/(?P<tile>[0-9]{2}[A-Z]{3})_"
    r"(?P<date>[0-9]{8})T(?P<time>[0-9]{6})_"
    r"(?P<latitude>-?[0-9]{1,2})_(?P<latitude6>[0-9]{6})_(?P<longitude>-?[0-9]{1,3})_(?P<longitude6>[0-9]{6})\z"
)
MICRO = 1_000_000
_MIDDLE_M = 500_000
"""Easting of the middle of a UTM zone."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PatchNames:
    """The parts of some paths, arrays of length n.

    Attributes:
        valid: whether it is the path of a patch, in a tile that exists, at a place that the tile's zone has.
        parts: ``season``, ``grid``, ``tile``, ``date`` and ``time`` as texts; null where the path has another form.
        latitude: millionths of a degree; 0 where the path has another form.
        longitude: likewise.
        places: where the patches lie; at (0, 0) where not valid.
    """

    valid: Flags
    parts: dict[str, pa.Array]
    latitude: Ints
    longitude: Ints
    places: Places


def read_names(paths: pa.Array) -> PatchNames:
    """Take paths of patches, relative to a dataset, apart; ``paths`` is an array of strings without nulls."""
    found = pc.extract_regex(paths, _PATH)
    names = ("season", "grid", "tile", "date", "time", "latitude", "latitude6", "longitude", "longitude6")
    parts = {name: pc.struct_field(found, name) for name in names}
    parts = {name: pc.if_else(pc.is_valid(found), part, None) for name, part in parts.items()}
    latitude = _millionths(parts.pop("latitude"), parts.pop("latitude6"))
    longitude = _millionths(parts.pop("longitude"), parts.pop("longitude6"))
    places, valid = _places(parts["tile"], latitude, longitude)
    return PatchNames(valid, parts, latitude, longitude, places)


def _millionths(whole: pa.Array, decimals: pa.Array) -> Ints:
    degrees = pc.cast(pc.binary_join_element_wise(whole, decimals, "."), pa.float64())
    values: Ints = np.rint(pc.fill_null(degrees, 0.0).to_numpy(zero_copy_only=False) * MICRO).astype(np.int64)
    return values


def _places(tiles: pa.Array, latitude: Ints, longitude: Ints) -> tuple[Places, Flags]:
    """Return where patches lie that are named after these points, and which of them can be."""
    codes = pc.dictionary_encode(pc.fill_null(tiles, ""))
    zones = np.array([_zone(name) for name in codes.dictionary.to_pylist()], dtype=np.int64)
    epsg = zones[codes.indices.to_numpy()] if len(tiles) else np.zeros(0, dtype=np.int64)
    x, y = np.full(len(epsg), np.inf), np.full(len(epsg), np.inf)
    for zone in np.unique(epsg[epsg > 0]):
        own = epsg == zone
        x[own], y[own] = _from_degrees(int(zone)).transform(longitude[own] / MICRO, latitude[own] / MICRO)
    valid: Flags = (abs(x - _MIDDLE_M) < _MIDDLE_M) & np.isfinite(y)
    # Six decimals are a tenth of a metre: corners are whole metres.
    corner_x = np.where(valid, np.rint(x - NAME_POINT_M), 0).astype(np.int64)
    corner_y = np.where(valid, np.rint(y + NAME_POINT_M), 0).astype(np.int64)
    return Places(epsg, corner_x, corner_y), valid


@cache
def _zone(tile: str) -> int:
    """Return the EPSG code of a tile's zone, 0 if there is no such tile."""
    try:
        square_of(tile)
    except ConfigError:
        return 0
    return utm_epsg(tile)


@cache
def _from_degrees(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)
