"""Region sizes, held against flooding each region from one of its pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.raster.components import region_sizes
from tests.unit.helpers import modest


def flooded(labels: NDArray[np.uint8], connectivity: int) -> NDArray[np.int32]:
    """The sizes of one patch, pixel by pixel."""
    sizes = np.zeros(labels.shape, dtype=np.int32)
    reach = (-1, 0, 1)
    steps = [(i, j) for i in reach for j in reach if abs(i) + abs(j) == 1 or (connectivity == 8 and i and j)]
    for start in np.ndindex(labels.shape):
        if sizes[start]:
            continue
        region, waiting = {start}, [start]
        while waiting:
            row, col = waiting.pop()
            for i, j in steps:
                near = (row + i, col + j)
                inside = 0 <= near[0] < labels.shape[0] and 0 <= near[1] < labels.shape[1]
                if inside and near not in region and labels[near] == labels[start]:
                    region.add(near)
                    waiting.append(near)
        for pixel in region:
            sizes[pixel] = len(region)
    return sizes


@modest
@given(
    st.integers(1, 3), st.integers(1, 14), st.integers(1, 14), st.integers(1, 4), st.sampled_from([4, 8]),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_sizes_are_those_found_by_flooding(n, height, width, n_codes, connectivity, seed):
    labels = np.random.default_rng(seed).integers(0, n_codes, (n, height, width)).astype(np.uint8)
    expected = np.stack([flooded(patch, connectivity) for patch in labels])
    assert np.array_equal(region_sizes(labels, connectivity), expected)


@pytest.mark.parametrize(("connectivity", "size"), [(4, 1), (8, 2)])
def test_pixels_that_share_a_corner(connectivity, size):
    assert (region_sizes(np.array([[[1, 2], [2, 1]]], dtype=np.uint8), connectivity) == size).all()


def test_regions_end_at_the_edge_of_a_patch():
    assert (region_sizes(np.ones((3, 120, 120), dtype=np.uint8), 8) == 14_400).all()


def test_no_patches_have_no_sizes():
    assert region_sizes(np.zeros((0, 120, 120), dtype=np.uint8), 4).shape == (0, 120, 120)
