"""Tile names and corners, held against the independent `mgrs` package and the tiles of the kit."""

import csv

import mgrs
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pyproj import Transformer

from seasonet_build.errors import ConfigError
from seasonet_build.model.tiles import SQUARE_M, TILE_SIZE_M, Square, Tile, nominal_tile, square_of, utm_epsg, zone_of
from tests.unit.helpers import KIT, modest, needs_kit

ORACLE = mgrs.MGRS()
NORWAY_AND_SVALBARD = ("31V", "32V", "31X", "32X", "33X", "34X", "35X", "36X", "37X")
"""Where zones are wider or narrower than 6 degrees."""

# Not exactly on the lines where names change: there the oracle rounds to the metre.
latitudes = st.integers(-7990, 8390).map(lambda hundredths: hundredths / 100 + 0.003)
longitudes = st.integers(-17_990, 17_990).map(lambda hundredths: hundredths / 100 + 0.003)
letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
names = st.builds(
    "{:02d}{}{}{}".format,
    st.integers(1, 60),
    st.sampled_from("CDEFGHJKLMNPQRSTUVWX"),
    st.sampled_from(letters),
    st.sampled_from(letters[:20]),
)


def oracle_square(name: str) -> Square:
    """The square by the mgrs package, which returns the centre."""
    _, _, easting, northing = ORACLE.MGRSToUTM(name)
    return Square(round(easting) - SQUARE_M // 2, round(northing) - SQUARE_M // 2)


def name_at(latitude: float, longitude: float) -> str:
    return str(ORACLE.toMGRS(latitude, longitude, MGRSPrecision=0))


def some_point_is_named(name: str) -> bool:
    """Whether a point of a square, or near it, bears its name: what it takes for a tile to exist."""
    try:
        square = oracle_square(name)
    except Exception:  # the package's own error is not public
        return False
    to_geographic = Transformer.from_crs(utm_epsg(name), 4326, always_xy=True)
    steps = range(0, SQUARE_M + 1, 4000)
    points = (to_geographic.transform(square.west + dx, square.south + dy) for dx in steps for dy in steps)
    return any(-80 <= lat <= 84 and name_at(lat, lon) == name for lon, lat in points)


@modest
@given(latitudes, longitudes)
@example(53.928425, 7.503876)
@example(0.0001, 0.0001)
@example(-0.0001, 179.9999)
@example(49.0, 5.9999)
@example(49.0, 6.0001)
def test_a_place_lies_in_the_square_that_it_is_named_after(latitude, longitude):
    name = name_at(latitude, longitude)
    assume(name[:3] not in NORWAY_AND_SVALBARD)
    square = square_of(name)
    assert square == oracle_square(name)
    x, y = Transformer.from_crs(4326, utm_epsg(name), always_xy=True).transform(longitude, latitude)
    assert square.west - 1 <= x <= square.east + 1
    assert square.south - 1 <= y <= square.north + 1


@pytest.mark.filterwarnings("ignore:Warning in .Convert_MGRS:RuntimeWarning")
@modest
@given(names)
def test_a_name_is_refused_or_its_square_is_that_of_the_oracle(name):
    try:
        square = square_of(name)
    except ConfigError as error:
        assert repr(name) in str(error)
        assert name[:3] in NORWAY_AND_SVALBARD or not some_point_is_named(name)
    else:
        assert square == oracle_square(name)


@pytest.mark.parametrize(("name", "latitude", "longitude"), [("32VKN", 60.39, 5.32), ("33XXH", 78.5, 20.5)])
def test_tiles_of_norway_and_svalbard_exist(name, latitude, longitude):
    assert name_at(latitude, longitude) == name
    assert square_of(name) == oracle_square(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "32UL", "32ULVX", "2ULV", "32ulv", " 32ULV", "32ULV\n", "T32ULV"),
        *("00ULV", "61ULV", "32ULW", "32ILV", "32OLV", "32ALV", "32ZLV", "32ULI", "32UIV"),
        *("32UAV", "32USV", "31ULV"),  # columns of other zones
        *("32ULK", "32TLV", "32VLV"),  # rows of other latitude bands
        *("32UJV", "32URV", "31UAQ", "31UHQ"),  # columns that the zone does not reach so far north
    ],
)
def test_tiles_that_do_not_exist_are_refused(name):
    with pytest.raises(ConfigError, match="does not exist") as caught:
        square_of(name)
    assert repr(name) in str(caught.value)
    with pytest.raises(ConfigError):
        nominal_tile(name)


@needs_kit
def test_nominal_tiles_are_those_of_germany():
    with (KIT / "kit" / "s2_tiles_germany.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 69
    for row in rows:
        stated = Tile(row["tile"], int(row["epsg"]), int(row["ulx"]), int(row["uly"]))
        assert nominal_tile(row["tile"]) == stated


@modest
@given(latitudes, longitudes)
def test_nominal_tiles_hold_their_square_and_start_on_60_m(latitude, longitude):
    name = name_at(latitude, longitude)
    assume(name[:3] not in NORWAY_AND_SVALBARD)
    square = square_of(name)
    tile = nominal_tile(name)
    west, south, east, north = tile.bounds
    assert west <= square.west < west + 60
    assert north - 60 < square.north <= north
    assert east >= square.east
    assert south <= square.south
    assert tile.ulx % 60 == 0
    origin = 0 if tile.epsg < 32700 else 10_000_000
    assert (tile.uly - origin) % 60 == 0


def test_a_tile_knows_its_zone_bounds_and_pixels():
    tile = nominal_tile("32ULV")
    assert (tile.zone, zone_of("32ULV"), utm_epsg("32ULV"), utm_epsg("33HYD")) == (32, 32, 32632, 32733)
    assert tile.bounds == (300_000, 5_500_020 - TILE_SIZE_M, 409_800, 5_500_020)
    assert [tile.pixels(resolution) for resolution in (10, 20, 60)] == [10_980, 5_490, 1_830]
