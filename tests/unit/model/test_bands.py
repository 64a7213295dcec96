"""The scale of digital numbers, and which band is in which file."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from seasonet_build.model.bands import BAND_IDS, BAND_RESOLUTION, PATCH_FILES, harmonisation_table
from tests.unit.helpers import modest


@modest
@given(st.integers(-70_000, 70_000))
@example(0)
@example(-1000)
@example(-1)
@example(1)
def test_harmonised_numbers(offset):
    table = harmonisation_table(offset)
    assert table.dtype == np.uint16
    expected = [0] + [min(65_535, max(1, stored + offset)) for stored in range(1, 65_536)]
    assert table.tolist() == expected


def test_without_an_offset_nothing_changes():
    assert np.array_equal(harmonisation_table(0), np.arange(65_536))


def test_dark_and_bright_pixels_of_new_baselines():
    table = harmonisation_table(-1000)
    assert table[[0, 1, 999, 1000, 1001, 1002, 65_535]].tolist() == [0, 1, 1, 1, 1, 2, 64_535]


def test_files_hold_the_twelve_bands_in_the_published_order():
    assert [(f.suffix, f.bands, f.resolution) for f in PATCH_FILES] == [
        ("10m_RGB", ("B04", "B03", "B02"), 10),
        ("10m_IR", ("B08",), 10),
        ("20m", ("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
        ("60m", ("B01", "B09"), 60),
    ]
    assert set(BAND_RESOLUTION) == set(BAND_IDS.values()) - {"B10"}
