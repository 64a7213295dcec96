"""The official kind of split: exact shares in each grid, classes and seasons as in the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.splits.balance import NO_SIDE, Locations, class_deviations
from seasonet_build.splits.official import Effort, split_officially
from seasonet_build.splits.shares import whole_shares
from tests.unit.helpers import few
from tests.unit.splits.maps import ONE_TILE, make_spots, maps, read_map
from tests.unit.splits.test_whole_shares import share_lists

PAPER = (0.7, 0.1, 0.2)
QUICK = Effort(rounds=20)


def counts(locations: Locations, sides: "np.ndarray[tuple[int], np.dtype[np.int8]]", grid: int) -> list[int]:
    return [int(((sides == side) & (locations.grid == grid)).sum()) for side in range(3)]


@few
@given(spots=maps, seed=st.integers(0, 99), shares=share_lists)
def test_each_grid_is_dealt_by_the_shares(tmp_path_factory, spots, seed, shares):
    locations = read_map(tmp_path_factory.mktemp("map"), spots).locations
    sides = split_officially(locations, [float(share) for share in shares], seed, effort=QUICK)
    for grid in (1, 2):
        n = int((locations.grid == grid).sum())
        assert counts(locations, sides, grid) == whole_shares(n, [float(share) for share in shares])


@few
@given(st.integers(1, 40), st.integers(0, 5))
def test_shares_hold_however_few_locations_there_are(tmp_path_factory, n, seed):
    spots = make_spots(ONE_TILE, seed)[:n]
    locations = read_map(tmp_path_factory.mktemp("map"), spots).locations
    sides = split_officially(locations, PAPER, seed, effort=QUICK)
    for grid in (1, 2):
        assert counts(locations, sides, grid) == whole_shares(int((locations.grid == grid).sum()), PAPER)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    return read_map(tmp_path_factory.mktemp("map"), make_spots(ONE_TILE, seed=5, reach=15, n_classes=12)).locations


def test_classes_and_seasons_are_far_more_even_than_by_a_plain_deal(big):
    sides = split_officially(big, PAPER, 1)
    naive = np.random.default_rng(1).choice(3, size=len(big), p=PAPER).astype(np.int8)
    for by in (0, 1):
        ours, theirs = (np.nanmean(np.abs(class_deviations(big, s, 3)[by])) for s in (sides, naive))
        assert ours < theirs / 5
    shares = np.stack([big.images[sides == side].sum(axis=0) for side in range(3)]) / big.images.sum(axis=0)
    assert np.abs(shares - np.array(PAPER)[:, None]).max() < 0.005


def test_swapping_improves_the_deal(big):
    dealt = split_officially(big, PAPER, 1, effort=Effort(rounds=0))
    swapped = split_officially(big, PAPER, 1)
    before, after = (np.nanmean(np.abs(class_deviations(big, s, 3)[0])) for s in (dealt, swapped))
    assert after < before


def test_the_seed_matters(big):
    one = split_officially(big, PAPER, 1, effort=QUICK)
    assert (split_officially(big, PAPER, 1, effort=QUICK) == one).all()
    assert (split_officially(big, PAPER, 2, effort=QUICK) != one).any()


def test_sides_are_kept_and_new_locations_restore_the_shares(big):
    first = split_officially(big, PAPER, 1, effort=QUICK)
    known = np.random.default_rng(2).random(len(big)) < 0.8
    kept = np.where(known, first, NO_SIDE).astype(np.int8)
    again = split_officially(big, PAPER, 7, kept, QUICK)
    assert (again[known] == first[known]).all()
    for grid in (1, 2):
        assert counts(big, again, grid) == counts(big, first, grid)


def test_kept_sides_that_are_too_many_leave_the_rest_to_the_others(big):
    # All but every fifth location was on the first side.
    kept = np.where(np.arange(len(big)) % 5, 0, NO_SIDE).astype(np.int8)
    again = split_officially(big, PAPER, 1, kept, QUICK)
    assert (again[kept == 0] == 0).all()
    new = again[kept == NO_SIDE]
    assert set(new.tolist()) == {1, 2}
    assert (new == 2).sum() / len(new) == pytest.approx(2 / 3, abs=0.01)


def test_a_grid_may_be_without_locations(big):
    alone = big.take(np.flatnonzero(big.grid == 2))
    sides = split_officially(alone, PAPER, 1, effort=QUICK)
    assert [int((sides == side).sum()) for side in range(3)] == whole_shares(len(alone), PAPER)
    assert len(split_officially(big.take(np.zeros(0, dtype=np.int64)), PAPER, 1)) == 0
