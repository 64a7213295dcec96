"""Names of patches: real ones, and the way back from a name to the ground."""

import re
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from seasonet_build.model.grid import GRIDS, Cells, all_cells
from seasonet_build.model.names import coordinate_text, patch_name
from seasonet_build.model.tiles import nominal_tile
from tests.unit.helpers import few, modest

NAME = re.compile(r"(\d{2}[A-Z]{3})_(\d{8}T\d{6})_(\d+)_(\d{6})_(\d+)_(\d{6})")


def name_of(tile_name: str, grid: int, row: int, col: int, start: datetime) -> str:
    cells = Cells(nominal_tile(tile_name), grid, np.array([row]), np.array([col]))
    (latitude,), (longitude,) = coordinate_text(cells)
    return patch_name(tile_name, start, latitude, longitude)


def test_a_real_name():
    tile = nominal_tile("32UME")
    assert (tile.ulx, tile.uly) == (399_960, 6_000_000)
    made = name_of("32UME", 1, 19, 1, datetime(2018, 4, 18, 10, 40, 21))
    assert made == "32UME_20180418T104021_53_928425_7_503876"


@modest
@given(
    st.sampled_from(["31UGR", "32ULV", "32UME", "33UVP"]),
    st.sampled_from(GRIDS),
    st.integers(0, 90),
    st.integers(0, 90),
    st.datetimes(datetime(2015, 7, 1), datetime(2040, 1, 1)),
)
def test_the_point_in_a_name_lies_in_pixel_60_60(tile_name, grid, row, col, start):
    match = NAME.fullmatch(name_of(tile_name, grid, row, col, start))
    assert match is not None
    assert match[1] == tile_name
    assert match[2] == start.strftime("%Y%m%dT%H%M%S")
    latitude, longitude = float(f"{match[3]}.{match[4]}"), float(f"{match[5]}.{match[6]}")
    tile = nominal_tile(tile_name)
    x, y = Transformer.from_crs(4326, tile.epsg, always_xy=True).transform(longitude, latitude)
    corner_x = tile.ulx + 600 * (grid - 1) + 1200 * col
    corner_y = tile.uly - 600 * (grid - 1) - 1200 * row
    # Six decimals are 11 cm.
    assert x - corner_x == pytest.approx(605, abs=0.12)
    assert corner_y - y == pytest.approx(605, abs=0.12)


@few
@given(st.sampled_from(["31UGR", "32ULV", "32UPU", "33UVP"]), st.sampled_from(GRIDS))
def test_coordinates_have_six_decimals_and_differ_from_place_to_place(tile_name, grid):
    latitudes, longitudes = coordinate_text(all_cells(nominal_tile(tile_name), grid))
    texts = [*latitudes.tolist(), *longitudes.tolist()]
    assert all(re.fullmatch(r"\d+\.\d{6}", text) for text in texts)
    # Zeros at the end stay: about every tenth text has one.
    assert sum(text.endswith("0") for text in texts) > 500
    assert len(set(zip(latitudes.tolist(), longitudes.tolist(), strict=True))) == 91 * 91


def test_zeros_stay_in_names():
    made = patch_name("32UPU", datetime(2019, 1, 2, 3, 4, 5), "49.069550", "10.100000")
    assert made == "32UPU_20190102T030405_49_069550_10_100000"
