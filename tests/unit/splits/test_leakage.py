"""Figures of leakage against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.splits.leakage import RELATIONS, leakage
from seasonet_build.splits.overlaps import find_pairs
from tests.unit.helpers import few
from tests.unit.splits.maps import ONE_TILE, make_spots, maps, near, overlaps, read_map, sampled_order

SIDES = {"train": 0, "val": 1, "test": 2}


@few
@given(spots=maps, seed=st.integers(0, 99))
def test_figures_are_those_of_all_pairs(tmp_path_factory, spots, seed):
    sampled, spots = read_map(tmp_path_factory.mktemp("map"), spots), sampled_order(spots)
    sides = np.random.default_rng(seed).integers(-1, 3, len(spots)).astype(np.int8)
    found = leakage(sides, find_pairs(sampled.places), sampled.places)
    overlap = overlaps(spots)
    touch = near(spots) & ~overlap
    for name, other in RELATIONS:
        own, others = sides == SIDES[name], sides == SIDES[other]
        for key, related in (("overlap_pct", overlap), ("touch_pct", touch)):
            seen = related[own][:, others].any(axis=1)
            expected = 100 * seen.mean() if own.any() else 0.0
            assert found[f"{name}_{other}"][key] == pytest.approx(expected, abs=1e-3)


@few
@given(spots=maps, seed=st.integers(0, 99))
def test_distances_are_those_to_the_nearest_train_patch(tmp_path_factory, spots, seed):
    sampled, spots = read_map(tmp_path_factory.mktemp("map"), spots), sampled_order(spots)
    sides = np.random.default_rng(seed).integers(0, 3, len(spots)).astype(np.int8)
    found = leakage(sides, find_pairs(sampled.places), sampled.places)["test_to_train_m"]
    centres = np.array([(spot.outline.centroid.x, spot.outline.centroid.y) for spot in spots])
    test, train = centres[sides == 2], centres[sides == 0]
    nearest = np.sort(np.hypot(*(test[:, None] - train).T).min(axis=0))
    assert list(found) == ["p0", "p5", "p25", "p50", "p75", "p95", "p100"]
    assert found["p0"] == pytest.approx(nearest[0], abs=1)
    assert found["p50"] == pytest.approx(np.median(nearest), abs=1)
    assert found["p100"] == pytest.approx(nearest[-1], abs=1)


def test_without_train_patches_there_are_no_distances(tmp_path):
    sampled = read_map(tmp_path, make_spots(ONE_TILE, reach=1))
    sides = np.full(len(sampled.key), 2, dtype=np.int8)
    found = leakage(sides, find_pairs(sampled.places), sampled.places)
    assert found["test_to_train_m"] == {}
    assert found["test_train"] == {"overlap_pct": 0.0, "touch_pct": 0.0}
