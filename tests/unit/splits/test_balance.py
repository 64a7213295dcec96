"""Columns to balance, class sums and deviations, against naive computations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.splits.balance import NO_SIDE, balance_columns, class_deviations, class_sums, side_sums
from seasonet_build.splits.balance import squared_deviation as deviation
from tests.unit.helpers import few
from tests.unit.splits.maps import maps, read_map, sampled_order


@few
@given(spots=maps, seed=st.integers(0, 99))
def test_sums_and_deviations_are_those_of_counting_images_one_by_one(tmp_path_factory, spots, seed):
    locations, spots = read_map(tmp_path_factory.mktemp("map"), spots).locations, sampled_order(spots)
    sides = np.random.default_rng(seed).integers(-1, 3, len(spots)).astype(np.int8)
    images: dict[tuple[int, int], int] = {}
    pixels: dict[tuple[int, int], int] = {}
    sizes = dict.fromkeys(range(-1, 3), 0)
    for spot, side in zip(spots, sides.tolist(), strict=True):
        for _ in spot.seasons:
            sizes[side] += 1
            for label, n in spot.pixels.items():
                images[side, label] = images.get((side, label), 0) + 1
                pixels[side, label] = pixels.get((side, label), 0) + n
    sums = class_sums(locations, sides, 3)
    deviations = class_deviations(locations, sides, 3)
    dealt = sum(sizes[side] for side in range(3))
    for naive, by_side, off in zip((images, pixels), sums, deviations, strict=True):
        for label in range(1, 34):
            whole = sum(naive.get((side, label), 0) for side in range(3))
            for side in range(-1, 3):
                assert by_side[side, label - 1] == naive.get((side, label), 0)
            for side in range(3):
                got = off[side, label - 1]
                if whole:
                    assert got == pytest.approx(naive.get((side, label), 0) / whole / (sizes[side] / dealt) - 1)
                else:
                    assert math.isnan(got)


@few
@given(spots=maps)
def test_columns_that_are_empty_are_left_out_and_the_others_have_their_weight(tmp_path_factory, spots):
    locations = read_map(tmp_path_factory.mktemp("map"), spots).locations
    columns = balance_columns(locations)
    n_classes = len({label for spot in spots for label in spot.pixels})
    n_seasons = len({season for spot in spots for season in spot.seasons})
    assert columns.shape == (len(spots), 2 * n_classes + n_seasons + 1)
    assert columns.sum(axis=0) == pytest.approx([1] * 2 * n_classes + [3] * (n_seasons + 1), rel=1e-4)


def test_the_deviation_is_zero_at_the_shares_and_grows_away_from_them():
    columns = np.ones((10, 2), dtype=np.float32)
    even, less, far = ([0] * 7 + [1] + [2] * 2, [0] * 6 + [1] * 2 + [2] * 2, [2] * 10)
    values = [deviation(side_sums(columns, np.array(s, dtype=np.int8), 3), (0.7, 0.1, 0.2)) for s in (even, less, far)]
    assert values[0] == pytest.approx(0)
    assert values[0] < values[1] < values[2]


def test_what_is_set_aside_is_on_no_side():
    columns = np.ones((4, 1), dtype=np.float32)
    sums = side_sums(columns, np.array([0, NO_SIDE, 2, 2], dtype=np.int8), 3)
    assert sums.tolist() == [[1], [0], [2]]
