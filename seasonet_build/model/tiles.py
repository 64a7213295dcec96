"""Sentinel-2 tiles: their names, their 100 km squares and their extent.

A tile is named after a 100 km square of the Military Grid Reference System (MGRS) and reaches beyond it: its side is
109.8 km and its upper-left corner is the square's, moved outwards to a multiple of 60 m.
"""

import re
from dataclasses import dataclass
from functools import cache

from pyproj import Transformer
from pyproj.enums import TransformDirection

from seasonet_build.errors import ConfigError

SQUARE_M = 100_000
TILE_SIZE_M = 109_800
CORNER_STEP_M = 60
"""Tile corners are multiples of this: the coarsest pixel."""

_COLUMN_SETS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_BAND_LETTERS = "CDEFGHJKLMNPQRSTUVWX"
_ROW_CYCLE_M = len(_ROW_LETTERS) * SQUARE_M
_EVEN_ZONE_ROW_SHIFT = 5
_FALSE_NORTHING_M = 10_000_000
_ODD_ZONES = {
    **{(31, "V"): (0, 3), (32, "V"): (3, 12)},
    **{(31, "X"): (0, 9), (33, "X"): (9, 21), (35, "X"): (21, 33), (37, "X"): (33, 42)},
    **{(zone, "X"): (0, 0) for zone in (32, 34, 36)},
}
"""Longitudes, west and east, of zones that are not six degrees wide (Norway, Svalbard); three are not there."""

_TILE_NAME = re.compile(r"([0-9]{2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])")


@dataclass(frozen=True)
class Square:
    """A 100 km square in its UTM zone: west and south edge in metres."""

    west: int
    south: int

    @property
    def east(self) -> int:
        """Return the east edge in metres."""
        return self.west + SQUARE_M

    @property
    def north(self) -> int:
        """Return the north edge in metres."""
        return self.south + SQUARE_M


@dataclass(frozen=True, order=True)
class Tile:
    """Where a tile lies: name, EPSG code of its UTM zone, upper-left corner and side length in metres."""

    name: str
    epsg: int
    ulx: int
    uly: int
    size_m: int = TILE_SIZE_M

    @property
    def zone(self) -> int:
        """Return the UTM zone, 1..60."""
        return zone_of(self.name)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Return west, south, east, north in metres."""
        return (self.ulx, self.uly - self.size_m, self.ulx + self.size_m, self.uly)

    def pixels(self, resolution: int) -> int:
        """Return the number of pixels along a side at ``resolution`` metres."""
        return self.size_m // resolution


def zone_of(name: str) -> int:
    """Return the UTM zone in a tile's name, 1..60."""
    return int(name[:2])


def utm_epsg(name: str) -> int:
    """Return the EPSG code of the tile's UTM zone (WGS 84): 326zz north, 327zz south of the equator."""
    return (32600 if name[2] >= "N" else 32700) + zone_of(name)


def square_of(name: str) -> Square:
    """Return the 100 km square that a tile is named after.

    The letters repeat: columns every three zones, rows every 2000 km with a shift in even zones; the latitude band
    tells which of the repeats is meant (NGA.SIG.0012, the MGRS definition).

    Raises:
        ConfigError: there is no such square.
    """
    match = _TILE_NAME.fullmatch(name)
    if match is None or not 1 <= int(match[1]) <= 60:
        raise ConfigError(f"tile {name!r} does not exist: a tile is named like 32ULV (zone 01-60, band, column, row)")
    zone, band, column, row = int(match[1]), match[2], match[3], match[4]
    columns = _COLUMN_SETS[zone % 3]
    if column not in columns:
        raise ConfigError(f"tile {name!r} does not exist: columns of zone {zone:02d} are {columns[0]} to {columns[-1]}")
    west = (columns.index(column) + 1) * SQUARE_M
    low, high = _band_northings(zone, band)
    shift = _EVEN_ZONE_ROW_SHIFT if zone % 2 == 0 else 0
    south = (_ROW_LETTERS.index(row) - shift) % len(_ROW_LETTERS) * SQUARE_M
    while south + SQUARE_M <= low:
        south += _ROW_CYCLE_M
    if south >= high:
        raise ConfigError(f"tile {name!r} does not exist: row {row} of zone {zone:02d} is not in latitude band {band}")
    square = Square(west, south)
    if not _meets_zone(square, zone, band):
        raise ConfigError(f"tile {name!r} does not exist: column {column} lies wholly outside zone {zone:02d} there")
    return square


def nominal_tile(name: str) -> Tile:
    """Return where a full-size tile lies by the rule that Sentinel-2 tiles follow.

    The corner is that of the 100 km square, moved west and north to the next multiple of 60 m, counted from the
    equator. Products state their own corner; this rule serves for tiles of which no product is at hand.

    Raises:
        ConfigError: there is no such tile.
    """
    square = square_of(name)
    origin = 0 if name[2] >= "N" else _FALSE_NORTHING_M
    ulx = square.west // CORNER_STEP_M * CORNER_STEP_M
    uly = -((origin - square.north) // CORNER_STEP_M) * CORNER_STEP_M + origin
    return Tile(name, utm_epsg(name), ulx, uly)


@cache
def _to_utm(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)


def _band_northings(zone: int, band: str) -> tuple[float, float]:
    """Return the lowest and the highest northing of a latitude band within its zone, in metres."""
    south_latitude = -80 + 8 * _BAND_LETTERS.index(band)
    north_latitude = 84 if band == "X" else south_latitude + 8
    epsg = (32600 if band >= "N" else 32700) + zone
    meridian = zone * 6 - 183
    corners = [(meridian + d, lat) for d in (0, 3) for lat in (south_latitude, north_latitude)]
    # A parallel is lowest or highest on the central meridian or at the zone's edge.
    northings = [_to_utm(epsg).transform(lon, lat)[1] for lon, lat in corners]
    return min(northings), max(northings)


def _meets_zone(square: Square, zone: int, band: str) -> bool:
    """Tell whether any part of the square lies in the zone."""
    north = band >= "N"
    to_utm, y = _to_utm((32600 if north else 32700) + zone), square.south if north else square.north
    middle = zone * 6 - 183
    zone_west, zone_east = _ODD_ZONES.get((zone, band), (middle - 3, middle + 3))
    # Measured from the central meridian, for longitudes leap at 180 degrees.
    west, east = (
        (to_utm.transform(x, y, direction=TransformDirection.INVERSE)[0] - middle + 180) % 360 - 180
        for x in (square.west, square.east)
    )
    return bool(west < zone_east - middle and east > zone_west - middle)
